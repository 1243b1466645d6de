//! W4 and W4b of the abuse cases, as far as reading goes.

use contract::events::{Event, EventType, Reading};
use serde_json::{Value, json};

use crate::events::{known, minimal, read_bytes, received, unreadable};

fn registered(body: &[u8]) -> (contract::events::ClientRegistered, Vec<String>) {
    match read_bytes(body) {
        Reading::Known(envelope) => {
            let codes = envelope.warnings.iter().map(|warning| warning.code.clone()).collect();
            let Some(Event::ClientRegistered(client)) = envelope.event else { panic!("another type") };
            (client, codes)
        }
        other => panic!("{other:?}"),
    }
}

fn timestamps(timestamp: &Value) -> (Option<String>, String, Vec<String>) {
    let mut body = minimal(EventType::ClientRegistered);
    body["timestamp"] = timestamp.clone();
    let Reading::Known(envelope) = read_bytes(body.to_string().as_bytes()) else { panic!("not known") };
    let codes =
        envelope.warnings.iter().map(|warning| format!("{} {}", warning.pointer, warning.code)).collect();
    (envelope.timestamp.map(|time| time.to_string()), envelope.effective_at.to_string(), codes)
}

#[test]
fn w4_what_is_not_a_json_object_is_a_400() {
    let deep = format!("{}{}", "{\"a\":".repeat(10_000), "1");
    let deep = format!("{deep}{}", "}".repeat(10_000));
    let cases: [(&[u8], &str); 12] = [
        (b"", " syntax"),
        (b"hello", " syntax"),
        (b"{\"event\":", " syntax"),
        (b"{\"event\":NaN}", " syntax"),
        (b"\xff\xfe{}", " not_utf8"),
        (b"[]", " not_an_object"),
        (b"\"text\"", " not_an_object"),
        (b"1e309", " not_an_object"),
        (b"null", " not_an_object"),
        (deep.as_bytes(), " too_deep"),
        (br#"{"event":"a","event":"a"}"#, "/event duplicate_key"),
        (
            br#"{"event":"client.registered","data":{"email":"a@b","email":"c@d"}}"#,
            "/data/email duplicate_key",
        ),
    ];
    for (body, error) in cases {
        assert_eq!(unreadable(body), (400, vec![error.to_owned()]), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn w4b_lone_surrogates_nul_and_a_byte_order_mark_are_mended_with_a_warning() {
    let body = b"\xef\xbb\xbf{\"event\":\"client.registered\",\"timestamp\":\"2025-10-13T19:00:00Z\",\"data\":{\"email\":\"a@b.c\",\"firstName\":\"A\\u0000\\ud800\"}}";
    let (client, codes) = registered(body);
    assert_eq!(client.first_name.as_deref(), Some("A\u{fffd}\u{fffd}"));
    assert_eq!(codes, ["byte_order_mark", "replaced_characters"]);
}

#[test]
fn w4b_timestamps_are_read_in_every_dress() {
    let noon = "2025-10-13T19:00:00.000000Z".to_owned();
    let with_millis = "2025-10-13T19:00:00.456000Z".to_owned();
    for (sent, time) in [
        (json!(1_760_382_000), &noon),
        (json!("1760382000"), &noon),
        (json!(1_760_382_000.0), &noon),
        (json!(1_760_382_000_456_i64), &with_millis),
        (json!("1760382000456"), &with_millis),
        (json!("2025-10-13T19:00:00Z"), &noon),
        (json!("2025-10-13T21:00:00.456+02:00"), &with_millis),
        (json!(" 2025-10-13t19:00:00z "), &noon),
    ] {
        assert_eq!(timestamps(&sent), (Some(time.clone()), time.clone(), Vec::new()), "{sent}");
    }
    assert_eq!(timestamps(&json!(0)).1, "1970-01-01T00:00:00.000000Z");
    assert_eq!(timestamps(&json!(-1)).1, "1969-12-31T23:59:59.000000Z");
    assert_eq!(timestamps(&json!(100_000_000_000_i64)).1, "1973-03-03T09:46:40.000000Z");
}

#[test]
fn w4b_the_receipt_stands_in_for_a_timestamp_that_is_not_there_or_makes_no_sense() {
    let now = received().to_string();
    for sent in [json!(null), json!("")] {
        assert_eq!(timestamps(&sent), (None, now.clone(), vec!["/timestamp missing".to_owned()]), "{sent}");
    }
    for sent in [
        json!("yesterday"),
        json!("2025-10-13T19:00:00"),
        json!(1_760_382_000.5),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!("99999999999999999999"),
        json!(true),
        json!([]),
        json!({}),
        json!(1_760_382_000_000_000_i64),
    ] {
        assert_eq!(timestamps(&sent), (None, now.clone(), vec!["/timestamp invalid".to_owned()]), "{sent}");
    }
    let ahead = timestamps(&json!("2026-01-01T12:05:01Z"));
    assert_eq!(
        ahead,
        (Some("2026-01-01T12:05:01.000000Z".to_owned()), now, vec!["/timestamp in_the_future".to_owned()])
    );
}

#[test]
fn w4b_client_email_stands_for_email_and_a_number_for_an_id() {
    for event_type in EventType::ALL {
        let mut body = minimal(event_type);
        body["data"]["clientEmail"] = json!("Jane@Example.com ");
        body["data"]["email"] = json!(null);
        body["data"]["clientId"] = json!(90_071_992_547_409_931_i64);
        let (event, warnings) = known(&body);
        let identity = event.identity();
        assert_eq!(identity.client_id.as_deref(), Some("90071992547409931"), "{event_type}");
        assert_eq!(identity.email.as_deref(), Some("Jane@Example.com "), "byte for byte: {event_type}");
        assert_eq!(warnings, Vec::<String>::new(), "{event_type}");
    }
}
