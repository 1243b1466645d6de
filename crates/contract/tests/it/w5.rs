//! W5 of the abuse cases: needed fields that are missing, empty or senseless, and optional ones that are senseless.

use contract::events::{Event, EventType, Reading};
use serde_json::{Value, json};

use crate::events::{known, minimal, read_bytes, unreadable};

fn errors(body: &Value) -> Vec<String> {
    let (status, errors) = unreadable(body.to_string().as_bytes());
    assert_eq!(status, 422, "{body}");
    errors
}

#[test]
fn the_envelope_needs_an_event_and_data() {
    assert_eq!(errors(&json!({})), ["/event missing", "/data missing"]);
    assert_eq!(errors(&json!({"event": "", "data": null})), ["/event missing", "/data missing"]);
    assert_eq!(errors(&json!({"event": 1, "data": []})), ["/event invalid", "/data invalid"]);
    assert_eq!(errors(&json!({"event": "kyc.updated", "data": "x"})), ["/data invalid"]);
    assert_eq!(errors(&json!({"event": "x".repeat(256), "data": {}})), ["/event invalid"]);
}

#[test]
fn an_unknown_type_is_kept_not_refused() {
    let body = br#"{"event":"Deposit.Completed","id":9,"data":{},"timestamp":1}"#;
    let Reading::Unrecognized(envelope) = read_bytes(body) else { panic!("not unrecognized") };
    assert_eq!((envelope.id.as_deref(), envelope.event_type.as_str()), (Some("9"), "Deposit.Completed"));
    assert_eq!(envelope.event, None);
    assert_eq!(envelope.facts, br#"["Deposit.Completed",{}]"#);
}

#[test]
fn every_type_needs_to_say_whom_it_is_about() {
    for event_type in EventType::ALL {
        let main = if event_type == EventType::ClientRegistered { "/data/email" } else { "/data/clientId" };
        let mut body = minimal(event_type);
        let data = body["data"].as_object_mut().unwrap();
        data.remove("email");
        data.remove("clientId");
        assert_eq!(errors(&body), [format!("{main} missing")], "{event_type}");
        body["data"]["email"] = json!("  ");
        body["data"]["clientId"] = json!("");
        assert_eq!(errors(&body), [format!("{main} missing")], "{event_type}");
        for senseless in ["jane", "@", "a@", "@b", "a@b\u{7}"] {
            body["data"]["email"] = json!(senseless);
            assert_eq!(errors(&body), ["/data/email invalid"], "{event_type}");
        }
        body["data"]["email"] = json!(7);
        body["data"]["clientId"] = json!({"id": 7});
        body["data"]["clientEmail"] = json!("x".repeat(400) + "@b");
        let all = ["/data/clientId invalid", "/data/email invalid", "/data/clientEmail invalid"];
        assert_eq!(errors(&body), all, "{event_type}");
    }
}

#[test]
fn one_way_to_tell_who_is_enough() {
    for (data, warnings) in [
        (json!({"clientId": "7"}), vec![]),
        (json!({"clientId": "7", "email": "nobody"}), vec!["/data/email invalid"]),
        (json!({"email": "a@b", "clientId": 1.5}), vec!["/data/clientId invalid"]),
        (json!({"email": "a@b", "clientId": "x".repeat(256)}), vec!["/data/clientId invalid"]),
        (json!({"email": 1, "clientEmail": "a@b"}), vec!["/data/email invalid"]),
        (json!({"email": "a@b", "clientEmail": "A@B"}), vec![]),
        (json!({"email": "a@b", "clientEmail": "c@d"}), vec!["/data/clientEmail ignored"]),
    ] {
        let mut body = minimal(EventType::ClientRegistered);
        body["data"] = data;
        assert_eq!(known(&body).1, warnings, "{body}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let mut body = minimal(EventType::DepositCompleted);
    body["data"] = json!({"amount": "", "currency": 1});
    assert_eq!(errors(&body), ["/data/clientId missing", "/data/amount missing"]);
    let mut body = minimal(EventType::KycUpdated);
    body["data"] = json!({"email": "x", "status": "tier-3"});
    assert_eq!(errors(&body), ["/data/email invalid", "/data/status unknown_word"]);
    body["data"] = json!({"clientId": 1, "status": null, "kycStatus": " "});
    assert_eq!(errors(&body), ["/data/kycStatus missing"]);
    body["data"] = json!({"clientId": 1, "kycStatus": true, "status": "approved"});
    assert_eq!(errors(&body), ["/data/kycStatus unknown_word"]);
}

#[test]
fn an_unknown_kyc_word_is_answered_with_the_known_ones_and_not_repeated() {
    let mut body = minimal(EventType::KycUpdated);
    body["data"]["kycStatus"] = json!("secret-word");
    let Reading::Unreadable(unreadable) = read_bytes(body.to_string().as_bytes()) else { panic!("read") };
    assert!(unreadable.errors[0].detail.contains("not_started, pending, in_review"));
    assert!(!unreadable.errors[0].detail.contains("secret-word"));
    assert_eq!(unreadable.event_type.as_deref(), Some("kyc.updated"));
}

fn optional_fields(event_type: EventType) -> &'static [&'static str] {
    match event_type {
        EventType::ClientRegistered => {
            &["firstName", "lastName", "phone", "country", "language", "createdAt"]
        }
        EventType::DepositCompleted | EventType::WithdrawalCompleted => &[
            "currency",
            "accountId",
            "subaccountId",
            "fundType",
            "method",
            "fee",
            "externalId",
            "completedAt",
            "reason",
        ],
        EventType::KycUpdated => &["kycNotes", "previousKycStatus", "updatedAt"],
        EventType::AccountUpdated => &[
            "accountId",
            "parentAccountId",
            "login",
            "platform",
            "server",
            "type",
            "group",
            "name",
            "currency",
            "leverage",
            "balance",
            "equity",
            "credit",
            "margin",
            "freeMargin",
            "marginLevel",
            "status",
            "email",
            "phone",
            "firstName",
            "lastName",
            "country",
            "language",
            "createdAt",
            "updatedAt",
        ],
    }
}

#[test]
fn senseless_optional_fields_cost_a_warning_each_and_nothing_else() {
    for event_type in EventType::ALL {
        let plain = known(&minimal(event_type)).0;
        for name in optional_fields(event_type) {
            let mut body = minimal(event_type);
            body["data"][name] = json!({"senseless": true});
            let (event, warnings) = known(&body);
            let is_word = matches!(*name, "fundType" | "previousKycStatus" | "type" | "status");
            let code = if is_word { "unknown_word" } else { "invalid" };
            assert_eq!(warnings, [format!("/data/{name} {code}")], "{event_type}");
            assert_eq!(event, plain, "{event_type} {name}");
        }
    }
}

#[test]
fn empty_optional_fields_are_absent() {
    for event_type in EventType::ALL {
        let plain = known(&minimal(event_type)).0;
        for empty in [json!(null), json!(""), json!("  ")] {
            let mut body = minimal(event_type);
            for name in optional_fields(event_type) {
                body["data"][name] = empty.clone();
            }
            assert_eq!(known(&body), (plain.clone(), Vec::new()), "{event_type}");
        }
    }
}

#[test]
fn a_transaction_without_a_key_is_flagged() {
    for id in [json!(null), json!("")] {
        let mut body = minimal(EventType::DepositCompleted);
        body["data"]["transactionId"] = id;
        assert_eq!(known(&body).1, ["/data/transactionId unkeyed"]);
    }
    let mut body = minimal(EventType::DepositCompleted);
    body["data"]["transactionId"] = json!([1]);
    assert_eq!(known(&body).1, ["/data/transactionId invalid", "/data/transactionId unkeyed"]);
}

#[test]
fn leverage_is_read_in_every_dress() {
    let leverage = |sent: &Value| {
        let mut body = minimal(EventType::AccountUpdated);
        body["data"]["leverage"] = sent.clone();
        let (Event::AccountUpdated(account), _) = known(&body) else { panic!("another type") };
        account.leverage.map(|leverage| (leverage.ratio, leverage.text))
    };
    for sent in [json!(100), json!(100.0), json!("100"), json!("1:100"), json!(" 1 : 100 ")] {
        assert_eq!(leverage(&sent), Some((Some(100), "1:100".to_owned())), "{sent}");
    }
    assert_eq!(leverage(&json!("UNLIMITED")), Some((None, "unlimited".to_owned())));
    for sent in [
        json!(0),
        json!(-1),
        json!("100:1"),
        json!("1:"),
        json!("2:100"),
        json!("1:1:1"),
        json!(0.5),
        json!("lots"),
        json!(1e10),
    ] {
        assert_eq!(leverage(&sent), None, "{sent}");
    }
}

#[test]
fn words_are_read_in_every_dress() {
    let account = |name: &str, sent: &str| {
        let mut body = minimal(EventType::AccountUpdated);
        body["data"][name] = json!(sent);
        serde_json::to_value(known(&body).0).unwrap()["data"][name].clone()
    };
    assert_eq!(account("type", "REAL"), json!("live"));
    assert_eq!(account("type", "Demo"), json!("demo"));
    assert_eq!(account("status", "closeOnly"), json!("close_only"));
    assert_eq!(account("status", "Trading Disabled"), json!("trading_disabled"));
    assert_eq!(account("currency", "usdt.e"), json!("USDT.E"));
}
