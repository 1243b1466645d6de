//! The exact shapes of the answers, on both databases.

use contract::clock::{Clock, Timestamp};
use serde_json::{Value, json};
use test_kit::database::both;

use crate::http::Answer;
use crate::support::{Api, NOBODY, config, named, registered};

/// Ids of ours are other ones each time, and so is the time of the events' application; their form is part of the shape.
fn form(value: &mut Value) {
    match value {
        Value::String(text) => {
            for prefix in ["cl_", "act_", "note_", "evt_", "tx_"] {
                if text.strip_prefix(prefix).is_some_and(|rest| rest.len() == 26) {
                    *text = format!("{prefix}...");
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(form),
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                if name == "updatedAt" && value.as_str().is_some_and(|time| time.len() == 27) {
                    *value = Value::from("a time");
                }
                form(value);
            }
        }
        _ => {}
    }
}

fn shape(answer: &Answer) -> Value {
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    let mut value = answer.json();
    form(&mut value);
    value
}

#[tokio::test]
async fn every_answer_has_its_shape() {
    for on in both() {
        let first = Api::start(&on, NOBODY).await;
        first.applies(&[named(registered(1, Some("1001"), Some("Ann@example.com")), "Ann")]).await;
        // What the CRM itself does, it does at a time that the shapes can name.
        let (clock, hand) = Clock::manual(Timestamp::parse_rfc3339("2030-01-01T00:00:00Z").expect("a time"));
        let api = Api::start_as(&on, config(&on, NOBODY), clock).await;
        let call = async |method: &str, path: &str, body: Value| {
            hand.advance(std::time::Duration::from_secs(1));
            shape(&api.call(method, &format!("/clients{path}"), &body).await)
        };
        let kyc = json!({"kycStatus": "approved", "kycNotes": "by hand", "extra": 1});
        let answers = json!({
            "kyc": call("PATCH", "/ann@example.com/kyc", kyc).await,
            "note": call("POST", "/ann@example.com/notes", json!({"comment": " called "})).await,
            "client": call("GET", "/ann@example.com", Value::Null).await,
            "notes": call("GET", "/ann@example.com/notes", Value::Null).await,
            "activity": call("GET", "/ann@example.com/activity", Value::Null).await,
            "clients": call("GET", "?query=ann", Value::Null).await,
            "lookup": call("POST", "/lookup", json!({"emails": ["ann@example.com", "?"]})).await,
        });
        for (name, answer) in answers.as_object().expect("answers") {
            insta::allow_duplicates! { insta::assert_json_snapshot!(name.as_str(), answer); }
        }
    }
}
