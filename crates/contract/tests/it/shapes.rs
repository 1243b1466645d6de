//! The shapes of answers and internal bodies.

use contract::audit::{ActorKind, Category, Outcome, Sealed, Text};
use contract::clock::Timestamp;
use contract::email::EmailKey;
use contract::ids::{ClientRef, EntryId, EventId};
use contract::internal::{
    AppendEntries, AppendedEntries, ApplyBatch, ApplyEvent, ApplyResult, ApplyVerdict, ApplyVerdicts,
    AwaitClient, AwaitedClient, ClientName,
};
use contract::kyc::KycStatus;
use contract::problems::{Code, FieldError, Problem};
use contract::resources::{ClientRecord, ClientStatus};
use contract::webhooks::{Accepted, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

fn now() -> Timestamp {
    "2025-10-13T19:00:00Z".parse().unwrap()
}

/// What is written is read back as the same.
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value);
}

#[test]
fn the_published_list_of_codes() {
    let list: Vec<_> =
        Code::ALL.iter().map(|code| format!("{} {} {}", code.status(), code, code.title())).collect();
    insta::assert_snapshot!(list.join("\n"));
    for code in Code::ALL {
        assert_eq!(Code::parse(code.as_str()), Some(*code));
        comes_back(code);
    }
    assert!(serde_json::from_value::<Code>(json!("no_such_code")).is_err());
}

#[test]
fn a_problem_has_only_the_members_it_needs() {
    let plain = Problem::new(Code::ClientNotFound, "No client has this address.", "r-1".parse().unwrap());
    comes_back(&plain);
    let mut whole = Problem::new(Code::InvalidEvent, "Two fields are wrong.", "r-2".parse().unwrap());
    whole.errors = vec![FieldError::new("/data/email", "missing", "This field is needed.")];
    whole.event_id = Some(EventId::new(now(), [0; 10]));
    whole.kept = Some(true);
    comes_back(&whole);
    insta::assert_snapshot!(format!(
        "{}\n{}",
        serde_json::to_string_pretty(&plain).unwrap(),
        serde_json::to_string_pretty(&whole).unwrap()
    ));
}

#[test]
fn a_client_record_has_every_field_in_order_and_absent_ones_are_null() {
    let mut client = ClientRecord {
        id: ClientRef::new(now(), [0; 10]),
        client_id: None,
        email: None,
        first_name: None,
        last_name: None,
        phone: None,
        country: None,
        language: None,
        status: ClientStatus::Provisional,
        kyc_status: KycStatus::NotStarted,
        kyc_notes: None,
        kyc_updated_at: None,
        other_client_ids: Vec::new(),
        created_at: now(),
        updated_at: now(),
        version: 1,
    };
    let empty = serde_json::to_string_pretty(&client).unwrap();
    comes_back(&client);
    client.client_id = Some("10021".into());
    client.kyc_status = KycStatus::InReview;
    client.kyc_updated_at = Some(now());
    client.other_client_ids = vec!["10022".into()];
    comes_back(&client);
    insta::assert_snapshot!(format!("{empty}\n{}", serde_json::to_string_pretty(&client).unwrap()));
    for status in ClientStatus::ALL {
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        assert_eq!(ClientStatus::parse(status.as_str()), Some(status));
    }
}

#[test]
fn a_stored_webhook_is_answered_with_two_members() {
    for status in [Status::Accepted, Status::Duplicate, Status::Unrecognized] {
        let answer = Accepted { status, event_id: EventId::new(now(), [0; 10]) };
        let text = format!(r#"{{"status":"{}","eventId":"{}"}}"#, status.as_str(), answer.event_id);
        assert_eq!(serde_json::to_string(&answer).unwrap(), text);
        comes_back(&answer);
    }
}

#[test]
fn internal_bodies_come_back() {
    let event_id = EventId::new(now(), [0; 10]);
    let body = br#"{"event":"deposit.completed","data":{"clientId":"7","amount":0.30000000000000004},"timestamp":1}"#;
    let contract::events::Reading::Known(envelope) = crate::events::read_bytes(body) else {
        panic!("not known")
    };
    let batch = ApplyBatch {
        events: vec![ApplyEvent {
            event_id,
            source: "site".into(),
            intake: 3,
            sequence: None,
            effective_at: now(),
            received_at: now(),
            event: envelope.event.unwrap(),
        }],
    };
    comes_back(&batch);
    let verdict = |result, reason| ApplyVerdict { event_id, result, reason };
    let verdicts = ApplyVerdicts {
        verdicts: vec![
            verdict(ApplyResult::Applied, None),
            verdict(ApplyResult::AlreadyApplied, None),
            verdict(ApplyResult::Refused, Some("event_type_not_applied".into())),
        ],
    };
    comes_back(&verdicts);
    let wait =
        AwaitClient { name: ClientName::EmailKey(EmailKey::of("Jane@Example.com").unwrap()), wait_ms: 2_000 };
    comes_back(&wait);
    comes_back(&AwaitClient { name: ClientName::ClientId("c-1".into()), wait_ms: 0 });
    comes_back(&AwaitedClient { pending: true });
    let sealed =
        Sealed { id: EntryId::new(now(), [0; 10]), payload: "{}".into(), disclosures: vec!["[]".into()] };
    let entries = AppendEntries { entries: vec![sealed] };
    comes_back(&entries);
    let appended = AppendedEntries { appended: 1, already_there: 0, conflicts: 0 };
    comes_back(&appended);
    insta::assert_json_snapshot!(json!([batch, verdicts, wait, entries, appended]));
}

#[test]
fn audit_words_are_what_serde_writes() {
    for category in Category::ALL {
        assert_eq!(
            (serde_json::to_value(category).unwrap(), Category::parse(category.as_str())),
            (json!(category.as_str()), Some(*category))
        );
    }
    for outcome in Outcome::ALL {
        assert_eq!(
            (serde_json::to_value(outcome).unwrap(), Outcome::parse(outcome.as_str())),
            (json!(outcome.as_str()), Some(*outcome))
        );
    }
    for kind in ActorKind::ALL {
        assert_eq!(
            (serde_json::to_value(kind).unwrap(), ActorKind::parse(kind.as_str())),
            (json!(kind.as_str()), Some(*kind))
        );
    }
}

#[test]
fn personal_texts_are_not_shown_in_logs() {
    assert_eq!(format!("{:?}", Text::personal("jane@example.com")), "Personal(***)");
    assert_eq!(format!("{:?}", Text::open("cl_1")), "Open(\"cl_1\")");
}
