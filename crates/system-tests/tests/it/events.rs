//! Webhook events as an operator sees them: listed, shown, and replayed once the mapping is mended.

use std::process::Output;

use serde_json::Value;
use test_kit::database::{both, sqlite};

use crate::calls::{Caller, registration, staff_token, told};
use crate::harness::{AllInOne, JWT_SECRET, command, run, wait_for};

const GREEN: &[u8] = br#"{"event":"kyc.updated","id":"g","data":{"email":"ann@example.com","kycStatus":"green","kycNotes":"ok"},"timestamp":"2025-10-13T19:00:00Z"}"#;

/// `crm-bridge events`, for whoever has JWT_SECRET.
fn events(gateway: &str, arguments: &[&str]) -> Output {
    let mut command = command("crm-bridge");
    command.args(["--data-dir", "/nonexistent", "events"]).args(arguments).env("JWT_SECRET", JWT_SECRET);
    run(command.env("CRM_BASE_URL", gateway).env("CRM_STAFF_EMAIL", "ann.staff@example.com"))
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error} in {output:?}"))
}

/// Delivers an event whose word nobody knows; our id of it.
async fn hold(caller: &Caller) -> String {
    let (status, body) = told(caller.webhook(GREEN).await).await;
    assert_eq!(status, 422, "{body}");
    body["eventId"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_held_event_takes_effect_after_its_word_was_mapped_and_it_was_replayed() {
    for database in both() {
        let system = AllInOne::start(database).await;
        assert_eq!(system.caller().webhook(&registration("1", "ann@example.com")).await.status(), 200);
        let id = hold(&system.caller()).await;
        let listed = json(&events(&system.gateway, &["list", "--state", "held", "--json"]));
        assert_eq!(listed["events"].as_array().map(Vec::len), Some(1), "{listed}");
        let table = text(&events(&system.gateway, &["list"]));
        assert!(table.contains(&id) && table.contains("invalid_event"), "{table}");
        let shown = text(&events(&system.gateway, &["show", &id]));
        assert!(shown.contains("/data/kycStatus unknown_word") && shown.contains("\"green\""), "{shown}");
        let early = events(&system.gateway, &["replay", &id]);
        assert_eq!(early.status.code(), Some(1), "the answer is no");
        assert!(text(&early).contains("unreadable, now held"), "{early:?}");

        let AllInOne { process, data, database, .. } = system;
        drop(process);
        let system = AllInOne::start_with(database, data, &[("KYC_WORDS", "green=approved")]).await;
        let replayed = events(&system.gateway, &["replay", "--state", "held", "--json"]);
        assert_eq!((replayed.status.code(), &json(&replayed)["replayed"]), (Some(0), &1.into()));
        wait_for("the event to be applied", async || {
            json(&events(&system.gateway, &["show", &id, "--json"]))["state"] == "applied"
        })
        .await;
        let (_, record) = told(system.caller().client("ann@example.com").await).await;
        assert_eq!((&record["kycStatus"], &record["kycNotes"]), (&"approved".into(), &"ok".into()));
        let again = events(&system.gateway, &["replay", &id, "--json"]);
        assert_eq!(
            (again.status.code(), &json(&again)["answers"][0]["outcome"]),
            (Some(0), &"already_applied".into())
        );
        system.caller().on_trail("action=event.replay&text=replayed", 1).await;
    }
}

#[tokio::test]
async fn what_a_token_does_not_allow_or_nobody_answers_is_said() {
    let system = AllInOne::start(sqlite()).await;
    let id = hold(&system.caller()).await;
    let as_role = |role: &str, arguments: &[&str]| {
        let token = staff_token(role);
        events(&system.gateway, &[arguments, &["--token", &token]].concat())
    };
    assert_eq!(as_role("support", &["show", &id]).status.code(), Some(0));
    let denied = as_role("support", &["replay", &id]);
    assert_eq!(denied.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&denied.stderr).contains("403 permission_denied"), "{denied:?}");
    let absent = events(&system.gateway, &["show", "evt_01jb0000000070000000000000"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("event_not_found"), "{absent:?}");
    for arguments in [&["replay"][..], &["replay", &id, "--state", "held"]] {
        assert_eq!(events(&system.gateway, arguments).status.code(), Some(2), "{arguments:?}");
    }
    let wrong = events(&system.gateway, &["list", "--state", "lost"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert_eq!(events("http://127.0.0.1:9", &["list"]).status.code(), Some(2));
}
