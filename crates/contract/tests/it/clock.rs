//! Instants and clocks.

use std::time::Duration;

use contract::clock::{BadTimestamp, Clock, Timestamp};
use proptest::prelude::*;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn any_offset_is_read_and_utc_is_written() {
    assert_eq!(time("2025-10-13T22:00:00+03:00").to_string(), "2025-10-13T19:00:00.000000Z");
    assert_eq!(time("2025-10-13t18:59:59.1234569z").to_string(), "2025-10-13T18:59:59.123456Z");
    assert_eq!(time("1969-12-31T23:59:59.999999Z").as_micros(), -1);
}

#[test]
fn what_is_not_rfc_3339_or_out_of_range_is_refused() {
    let bad = [
        "",
        "2025-10-13",
        "2025-10-13T19:00:00",
        "13/10/2025 19:00",
        "2025-02-30T00:00:00Z",
        "10000-01-01T00:00:00Z",
    ];
    for text in bad.into_iter().chain(["0000-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]) {
        assert_eq!(Timestamp::parse_rfc3339(text), Err(BadTimestamp), "{text}");
    }
}

#[test]
fn the_ends_of_the_range_are_what_they_say() {
    assert_eq!(Timestamp::MIN.to_string(), "0000-01-01T00:00:00.000000Z");
    assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999999Z");
    assert_eq!(Timestamp::from_micros(i64::MIN), Timestamp::MIN);
    assert_eq!(Timestamp::from_micros(i64::MAX), Timestamp::MAX);
    assert_eq!(Timestamp::MAX.plus(Duration::MAX), Timestamp::MAX);
    assert_eq!(Timestamp::MIN.minus(Duration::MAX), Timestamp::MIN);
}

#[test]
fn seconds_and_millis_round_down() {
    let before_1970 = Timestamp::from_micros(-1);
    assert_eq!((before_1970.as_seconds(), before_1970.as_millis()), (-1, -1));
    let after = Timestamp::from_micros(1_999_999);
    assert_eq!((after.as_seconds(), after.as_millis()), (1, 1_999));
}

#[test]
fn a_manual_clock_goes_only_when_turned() {
    let start = time("2025-10-13T19:00:00Z");
    let (clock, hands) = Clock::manual(start);
    let shared = clock.clone();
    hands.advance(Duration::from_millis(1500));
    assert_eq!(shared.now().since(start), Duration::from_millis(1500));
    let ran = clock.uptime();
    hands.advance(Duration::from_secs(60));
    assert_eq!(shared.uptime() - ran, Duration::from_secs(60));
    hands.set(start);
    assert_eq!(clock.now(), start);
    assert_eq!(start.since(start.plus(Duration::from_secs(1))), Duration::ZERO);
}

#[test]
fn the_system_clock_does_not_stand_in_the_past() {
    let clock = Clock::system();
    assert!(clock.now() > time("2025-01-01T00:00:00Z"));
    let ran = clock.uptime();
    assert!(Clock::system().uptime() >= ran, "all of a process run together");
}

proptest! {
    #[test]
    fn texts_come_back_and_sort_as_times_do(one in any::<i64>(), other in any::<i64>()) {
        let (one, other) = (Timestamp::from_micros(one), Timestamp::from_micros(other));
        prop_assert_eq!(one.to_string().parse(), Ok(one));
        prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        prop_assert_eq!(Timestamp::from(chrono::DateTime::from(one)), one);
        let json = serde_json::to_string(&one).unwrap();
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), one);
    }
}
