//! Ids of our own.

use contract::clock::Timestamp;
use contract::ids::{BadId, ClientRef, EntryId, EventId, RequestId};
use proptest::prelude::*;

const NOW: i64 = 1_760_382_000_123_456;

#[test]
fn an_id_is_a_prefix_and_a_version_7_uuid_in_crockford_base32() {
    let id = EventId::new(Timestamp::from_micros(NOW), [0; 10]);
    assert_eq!(id.as_uuid().to_string(), "0199def1-9bfb-7000-8000-000000000000");
    assert_eq!(id.to_string(), "evt_01k7ff36zve008000000000000");
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"evt_01k7ff36zve008000000000000\"");
    assert_eq!(ClientRef::new(Timestamp::from_micros(NOW), [255; 10]).to_string().len(), "cl_".len() + 26);
    assert!(EntryId::new(Timestamp::from_micros(NOW), [1; 10]).to_string().starts_with(EntryId::PREFIX));
}

#[test]
fn only_the_one_text_of_an_id_is_the_id() {
    let good = "evt_01k7ff36zve008000000000000";
    assert_eq!(good.parse::<EventId>().map(|id| id.to_string()), Ok(good.to_owned()));
    let bad = [
        "",
        "evt_",
        "01k7ff36zve008000000000000",
        "cl_01k7ff36zve008000000000000",
        "EVT_01k7ff36zve008000000000000",
        "evt_01K7FF36ZVE008000000000000",
        "evt_01k7ff36zve00800000000000",
        "evt_01k7ff36zve0080000000000000",
        "evt_81k7ff36zve008000000000000",
        "evt_01k7ff36zve00800000000000i",
        "evt_01k7ff36zve00800000000000é",
        "evt_01k7ff36zvc008000000000000",
        "evt_01k7ff36zve004000000000000",
        " evt_01k7ff36zve008000000000000",
    ];
    for text in bad {
        assert_eq!(text.parse::<EventId>(), Err(BadId), "{text}");
    }
}

#[test]
fn only_a_uuid_of_version_7_is_an_id() {
    let id = EventId::new(Timestamp::from_micros(NOW), [9; 10]);
    assert_eq!(EventId::from_uuid(id.into()), Ok(id));
    let uuid = id.as_uuid().as_u128();
    for bad in [0, u128::MAX, uuid ^ (0b11 << 76), uuid ^ (1 << 63)] {
        let bad = uuid::Uuid::from_u128(bad);
        assert_eq!(EventId::from_uuid(bad), Err(BadId), "{bad}");
    }
}

#[test]
fn request_ids_are_checked_texts() {
    for good in ["a", "A-z.0_9", &"x".repeat(64)] {
        assert_eq!(good.parse::<RequestId>().unwrap().as_str(), good);
    }
    for bad in ["", "a b", "a\n", "é", "a/b", &"x".repeat(65)] {
        assert_eq!(bad.parse::<RequestId>(), Err(BadId), "{bad:?}");
        assert!(serde_json::from_value::<RequestId>(bad.into()).is_err(), "{bad:?}");
    }
    let own = RequestId::new(Timestamp::from_micros(NOW), [7; 10]);
    assert_eq!(own.as_str().parse(), Ok(own.clone()));
}

proptest! {
    #[test]
    fn ids_come_back_and_sort_by_time(one in 0..i64::MAX, other in 0..i64::MAX, random: [u8; 10], more: [u8; 10]) {
        let (one, other) = (Timestamp::from_micros(one), Timestamp::from_micros(other));
        let (first, second) = (ClientRef::new(one, random), ClientRef::new(other, more));
        prop_assert_eq!(first.to_string().parse(), Ok(first));
        prop_assert_eq!(ClientRef::from_uuid(first.as_uuid()), Ok(first));
        prop_assert_eq!(first.as_uuid().as_bytes().cmp(second.as_uuid().as_bytes()), first.cmp(&second));
        prop_assert_eq!(first.cmp(&second), first.to_string().cmp(&second.to_string()));
        if one.as_millis() != other.as_millis() {
            prop_assert_eq!(one.cmp(&other), first.cmp(&second));
        }
    }

    #[test]
    fn no_text_panics(text in ".*") {
        drop((text.parse::<EventId>(), text.parse::<RequestId>()));
    }
}
