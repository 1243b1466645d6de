//! The laws of the reader; single cases stand in `w4`, `w5`, `w6` and the corpus.

use std::time::Duration;

use contract::clock::Timestamp;
use contract::events::{Event, EventType, KycWords, Reading, effective_time, read};
use proptest::prelude::*;
use serde_json::{Value, json};

/// When all bodies of these tests are received.
pub(crate) fn received() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn read_bytes(body: &[u8]) -> Reading {
    read(body, &KycWords::built_in(), received())
}

/// Reads a body that has to be an event of a known type: the event and the warnings as `pointer code`.
pub(crate) fn known(body: &Value) -> (Event, Vec<String>) {
    match read_bytes(body.to_string().as_bytes()) {
        Reading::Known(envelope) => {
            let warnings =
                envelope.warnings.iter().map(|warning| format!("{} {}", warning.pointer, warning.code));
            (envelope.event.unwrap(), warnings.collect())
        }
        other => panic!("{body} is {other:?}"),
    }
}

/// Reads a body that has to be unreadable: status and errors as `pointer code`.
pub(crate) fn unreadable(body: &[u8]) -> (u16, Vec<String>) {
    match read_bytes(body) {
        Reading::Unreadable(unreadable) => {
            let errors = unreadable.errors.iter().map(|error| format!("{} {}", error.pointer, error.code));
            (unreadable.code.status(), errors.collect())
        }
        other => panic!("{} is {other:?}", String::from_utf8_lossy(body)),
    }
}

/// A minimal good body of a type.
pub(crate) fn minimal(event_type: EventType) -> Value {
    let data = match event_type {
        EventType::ClientRegistered => json!({"email": "jane@example.com"}),
        EventType::DepositCompleted | EventType::WithdrawalCompleted => {
            json!({"clientId": "7", "transactionId": "t", "amount": "10"})
        }
        EventType::KycUpdated => json!({"clientId": "7", "kycStatus": "approved"}),
        EventType::AccountUpdated => json!({"clientId": "7"}),
    };
    json!({"event": event_type.as_str(), "data": data, "timestamp": "2025-10-13T19:00:00Z"})
}

#[test]
fn every_type_is_read_from_its_minimal_body() {
    for event_type in EventType::ALL {
        let (event, warnings) = known(&minimal(event_type));
        assert_eq!((event.event_type(), warnings), (event_type, Vec::new()));
        let identity = event.identity();
        assert!(identity.client_id.is_some() || identity.email.is_some(), "{event_type}");
        assert_eq!(EventType::parse(event_type.as_str()), Some(event_type));
        let stored = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&stored).unwrap(), event);
    }
    assert_eq!(EventType::parse("Client.registered"), None);
}

#[test]
fn a_time_more_than_five_minutes_ahead_gives_way_to_the_receipt() {
    let at = received().plus(Duration::from_secs(300));
    assert_eq!(effective_time(Some(at), received()), (at, None));
    let (time, warning) = effective_time(Some(at.plus(Duration::from_micros(1))), received());
    assert_eq!((time, warning.unwrap().code.as_str()), (received(), "in_the_future"));
    assert_eq!(effective_time(None, received()), (received(), None));
    let old = Timestamp::from_micros(0);
    assert_eq!(effective_time(Some(old), received()), (old, None));
}

#[test]
fn the_same_event_has_the_same_facts() {
    let facts = |body: &str| match read_bytes(body.as_bytes()) {
        Reading::Known(envelope) | Reading::Unrecognized(envelope) => envelope.facts,
        Reading::Unreadable(unreadable) => unreadable.facts.unwrap(),
    };
    let first = facts(
        r#"{"event":"deposit.completed","id":"1","data":{"clientId":"7","amount":1000},"timestamp":1}"#,
    );
    let retry =
        r#"{"timestamp":2,"data":{"amount":1.0e3,"clientId":"\u0037"},"id":"1","event":"deposit.completed"}"#;
    assert_eq!(facts(retry), first);
    for other in [
        r#"{"event":"deposit.completed","data":{"clientId":"7","amount":1001}}"#,
        r#"{"event":"deposit.completed","data":{"clientId":"7","amount":"1000"}}"#,
        r#"{"event":"deposit.completed","data":{"clientId":"7","amount":1000,"more":null}}"#,
        r#"{"event":"withdrawal.completed","data":{"clientId":"7","amount":1000}}"#,
        r#"{"event":"deposit.completed"}"#,
        r#"{"data":{"clientId":"7","amount":1000}}"#,
    ] {
        assert_ne!(facts(other), first, "{other}");
    }
}

/// What a type that we do not know needs, only a version that knows it can say: so it is kept for that one, and refused by none.
#[test]
fn an_unknown_type_is_unrecognized_whatever_its_data() {
    for data in ["", r#","data":null"#, r#","data":"text""#, r#","data":[1]"#, r#","data":{}"#] {
        let body = format!(r#"{{"id":"7","event":"trade.closed"{data},"timestamp":1}}"#);
        match read_bytes(body.as_bytes()) {
            Reading::Unrecognized(envelope) => {
                assert_eq!(
                    (envelope.id.as_deref(), envelope.event_type.as_str()),
                    (Some("7"), "trade.closed")
                );
            }
            other => panic!("{body}: {other:?}"),
        }
        let known = body.replace("trade.closed", "kyc.updated");
        assert!(matches!(read_bytes(known.as_bytes()), Reading::Unreadable(_)), "{known}");
        let nameless = body
            .replace(r#""event":"trade.closed","#, "")
            .replace(r#""event":"trade.closed""#, r#""event":"""#);
        assert!(matches!(read_bytes(nameless.as_bytes()), Reading::Unreadable(_)), "{nameless}");
    }
}

#[test]
fn ids_are_read_from_two_places() {
    let id = |id: Value, event_id: Value| {
        let mut body = minimal(EventType::KycUpdated);
        body["id"] = id;
        body["eventId"] = event_id;
        match read_bytes(body.to_string().as_bytes()) {
            Reading::Known(envelope) => (envelope.id, envelope.warnings.len()),
            other => panic!("{other:?}"),
        }
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(id(json!("a"), json!("b")), (some("a"), 0));
    assert_eq!(id(json!(null), json!("b")), (some("b"), 0));
    assert_eq!(id(json!(1001), json!(null)), (some("1001"), 0));
    assert_eq!(id(json!(" a "), json!(null)), (some(" a "), 0));
    assert_eq!(id(json!(null), json!(null)), (None, 0));
    assert_eq!(id(json!(""), json!("b")), (some("b"), 1));
    assert_eq!(id(json!(1.5), json!([1])), (None, 2));
    assert_eq!(id(json!("x".repeat(255)), json!(null)), (Some("x".repeat(255)), 0));
    assert_eq!(id(json!("x".repeat(256)), json!(null)), (None, 1));
}

#[test]
fn an_account_event_may_name_the_old_address_beside_the_new() {
    let mut body = minimal(EventType::AccountUpdated);
    body["data"] = json!({"clientEmail": "old@example.com", "email": "new@example.com"});
    let (event, warnings) = known(&body);
    assert_eq!((event.identity().email.as_deref(), warnings.len()), (Some("old@example.com"), 0));
    body["data"] = json!({"email": "new@example.com"});
    assert_eq!(known(&body).0.identity().email.as_deref(), Some("new@example.com"));
}

#[test]
fn staff_words_reach_the_reader() {
    let mut body = minimal(EventType::KycUpdated);
    body["data"]["kycStatus"] = json!("Tier 3");
    let words = KycWords::built_in().with("tier_3", contract::kyc::KycStatus::Approved);
    let Reading::Known(envelope) = read(body.to_string().as_bytes(), &words, received()) else {
        panic!("not known")
    };
    let Some(Event::KycUpdated(kyc)) = envelope.event else { panic!("not a KYC event") };
    assert_eq!(kyc.kyc_status, contract::kyc::KycStatus::Approved);
}

/// Any JSON value, shallow, with texts and numbers that mean something somewhere.
fn any_member() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |float| serde_json::Number::from_f64(float).map(Value::from)),
        prop::sample::select(vec![
            "",
            " ",
            "approved",
            "usd",
            "a@b",
            "1:100",
            "unlimited",
            "1e5",
            "-1",
            "live",
            "2025-10-13T19:00:00Z"
        ])
        .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Value::from))
}

const NAMES: [&str; 42] = [
    "clientId",
    "email",
    "clientEmail",
    "firstName",
    "lastName",
    "phone",
    "country",
    "language",
    "createdAt",
    "transactionId",
    "amount",
    "currency",
    "accountId",
    "subaccountId",
    "fundType",
    "method",
    "fee",
    "externalId",
    "completedAt",
    "reason",
    "kycStatus",
    "status",
    "kycNotes",
    "previousKycStatus",
    "updatedAt",
    "parentAccountId",
    "login",
    "platform",
    "server",
    "type",
    "group",
    "name",
    "leverage",
    "balance",
    "equity",
    "credit",
    "margin",
    "freeMargin",
    "marginLevel",
    "x",
    "~/",
    "",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let reading = read_bytes(&bytes);
        prop_assert!(matches!(reading, Reading::Unreadable(unreadable) if !unreadable.errors.is_empty()));
    }

    /// Whatever the members are, the reader ends; every complaint points at something, and what is known survives storage.
    #[test]
    fn no_members_panic(
        event_type in prop::sample::select(EventType::ALL.to_vec()),
        data in prop::collection::btree_map(prop::sample::select(NAMES.to_vec()), any_member(), 0..20),
        id in any_member(), timestamp in any_member(), sequence in any_member(),
    ) {
        let body = json!({"id": id, "event": event_type.as_str(), "data": data, "timestamp": timestamp, "sequence": sequence});
        match read_bytes(body.to_string().as_bytes()) {
            Reading::Known(envelope) => {
                let event = envelope.event.unwrap();
                prop_assert_eq!(event.event_type(), event_type);
                let identity = event.identity();
                prop_assert!(identity.client_id.is_some() || identity.email.is_some());
                let stored = serde_json::to_string(&event).unwrap();
                prop_assert!(!stored.contains("\\u0000"));
                prop_assert_eq!(serde_json::from_str::<Event>(&stored).unwrap(), event);
                for warning in envelope.warnings.iter().filter(|warning| warning.code == "invalid") {
                    prop_assert!(body.pointer(&warning.pointer).is_some(), "{}", warning.pointer);
                }
            }
            Reading::Unrecognized(_) => prop_assert!(false, "the type is known"),
            Reading::Unreadable(unreadable) => {
                prop_assert_eq!(unreadable.code.status(), 422);
                prop_assert!(!unreadable.errors.is_empty());
            }
        }
    }

    /// A sender's own fields, of whatever shape, never cost it the event.
    #[test]
    fn unknown_fields_are_no_trouble(event_type in prop::sample::select(EventType::ALL.to_vec()), more in any_member()) {
        let mut body = minimal(event_type);
        let plain = known(&body).0;
        body["more"] = more.clone();
        body["data"]["somethingElse"] = more;
        prop_assert_eq!(known(&body).0, plain);
    }
}

#[test]
fn an_event_tells_every_address_by_which_its_client_can_be_asked_for() {
    let addresses = |event: &str, data: Value| {
        let (event, _) = known(&json!({ "event": event, "data": data }));
        event.addresses().collect::<Vec<_>>()
    };
    let both = json!({ "clientEmail": "old@example.com", "email": "new@example.com" });
    assert_eq!(addresses("account.updated", both.clone()), ["old@example.com", "new@example.com"]);
    assert_eq!(addresses("account.updated", json!({ "email": "a@example.com" })), ["a@example.com"]);
    assert_eq!(addresses("account.updated", json!({ "clientId": 1 })), [""; 0]);
    let deposit = json!({ "clientEmail": "d@example.com", "amount": 1 });
    assert_eq!(addresses("deposit.completed", deposit), ["d@example.com"]);
    assert_eq!(addresses("client.registered", both), ["new@example.com"], "there they mean the same");
}
