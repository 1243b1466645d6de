//! W6 of the abuse cases: amounts.

use contract::events::{Event, EventType};
use serde_json::json;

use crate::events::{known, minimal, unreadable};

/// A deposit with the amount written into the body as it stands.
fn deposit(amount: &str) -> String {
    format!(
        r#"{{"event":"deposit.completed","data":{{"clientId":"7","transactionId":"t","currency":"USD","amount":{amount}}},"timestamp":1}}"#
    )
}

fn amount(text: &str) -> String {
    let body = serde_json::value::RawValue::from_string(deposit(text)).unwrap();
    match crate::events::read_bytes(body.get().as_bytes()) {
        contract::events::Reading::Known(envelope) => match envelope.event {
            Some(Event::DepositCompleted(deposit)) => deposit.amount.to_string(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn amounts_that_can_t_be_are_unreadable() {
    let forty = "1234567890123456789012345678901234567890";
    for text in ["0", "-1", "0.00", "-0", "\"0\"", "\"-1\"", "1e-19"] {
        let (status, errors) = unreadable(deposit(text).as_bytes());
        let code = if text == "1e-19" { "invalid" } else { "not_positive" };
        assert_eq!((status, errors), (422, vec![format!("/data/amount {code}")]), "{text}");
    }
    for text in [
        "\"NaN\"",
        "1e309",
        "\"1e309\"",
        "\"1,000\"",
        forty,
        &format!("\"{forty}\""),
        "true",
        "[1]",
        "{}",
        "1e-400",
    ] {
        let (status, errors) = unreadable(deposit(text).as_bytes());
        assert_eq!((status, errors), (422, vec!["/data/amount invalid".to_owned()]), "{text}");
    }
    assert_eq!(unreadable(deposit("NaN").as_bytes()), (400, vec![" syntax".to_owned()]));
    assert_eq!(unreadable(deposit("null").as_bytes()), (422, vec!["/data/amount missing".to_owned()]));
}

#[test]
fn amounts_are_exact() {
    let cases = [
        ("0.30000000000000004", "0.3"),
        ("\"0.30000000000000004\"", "0.30000000000000004"),
        ("1e-7", "0.0000001"),
        ("\"1e-7\"", "0.0000001"),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
        ("\"12345678901234567890.123456789012345678\"", "12345678901234567890.123456789012345678"),
        ("1.5E3", "1500"),
        ("\"1000.50\"", "1000.5"),
    ];
    for (text, expected) in cases {
        assert_eq!(amount(text), expected, "{text}");
    }
}

#[test]
fn balances_may_be_negative_and_a_bad_one_is_only_a_warning() {
    let mut body = minimal(EventType::AccountUpdated);
    body["data"]["balance"] = json!(-12.5);
    body["data"]["equity"] = json!("1e309");
    let (Event::AccountUpdated(account), warnings) = known(&body) else { panic!("another type") };
    assert_eq!(account.balance.unwrap().to_string(), "-12.5");
    assert_eq!((account.equity, warnings), (None, vec!["/data/equity invalid".to_owned()]));
}
