//! `crm-bridge explain`, over the whole system: the lines that an operator reads, and what they never hold.

use std::process::Output;

use serde_json::{Value, json};
use test_kit::database::{both, sqlite};

use crate::calls::{registration, told};
use crate::harness::{AllInOne, JWT_SECRET, command, run, wait_for};

/// A command for whoever has JWT_SECRET.
fn crm_bridge(gateway: &str, arguments: &[&str]) -> Output {
    let mut command = command("crm-bridge");
    command.args(["--data-dir", "/nonexistent"]).args(arguments).env("JWT_SECRET", JWT_SECRET);
    // None of these commands needs a database; one that does must not find any.
    command.env("DATABASE_URL", "nonsense");
    run(command.env("CRM_BASE_URL", gateway).env("CRM_STAFF_EMAIL", "ann.staff@example.com"))
}

fn explain(gateway: &str, id: &str) -> String {
    let output = crm_bridge(gateway, &["explain", id]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What went wrong, as JSON.
fn error(output: &Output) -> Value {
    let said: Value =
        serde_json::from_slice(&output.stderr).unwrap_or_else(|error| panic!("{error} in {output:?}"));
    said["error"].clone()
}

async fn deliver(system: &AllInOne, body: &[u8]) -> String {
    let (_, answer) = told(system.caller().webhook(body).await).await;
    answer["eventId"].as_str().unwrap_or_else(|| panic!("no id in {answer}")).to_owned()
}

#[tokio::test]
async fn the_story_of_an_event_is_told_in_plain_lines() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let body = registration("1", "ann@example.com");
        let first = deliver(&system, &body).await;
        for _ in 0..2 {
            assert_eq!(deliver(&system, &body).await, first);
        }
        let later = json!({"event": "account.updated", "id": "2", "timestamp": "2025-10-14T19:00:00Z",
            "data": {"clientId": "1", "phone": "+4420000001"}});
        let later = deliver(&system, later.to_string().as_bytes()).await;
        wait_for("both to be applied, and the trail to have all", async || {
            let story = explain(&system.gateway, &first);
            story.contains(&format!("phone was changed by {later}")) && story.contains("(2 times until ")
        })
        .await;
        let story = explain(&system.gateway, &first);
        let lines: Vec<&str> = story.lines().collect();
        assert_eq!(lines[0], format!("{first} client.registered from site"));
        assert!(lines[1].contains(" UTC  received, signature verified (own header), stored"), "{story}");
        assert!(story.contains("applied to client cl_"), "{story}");
        assert!(story.contains(": registered, stating email, firstName, lastName, phone"), "{story}");
        assert!(story.contains("received again: answered as duplicate (2 times until "), "{story}");
        assert!(story.contains(&format!(
            "since then                   phone was changed by {later} (a later statement)"
        )));
        assert!(explain(&system.gateway, &later).contains(": changed phone"));
        for value in ["ann@example.com", "Ann", "Lee", "+44"] {
            assert!(!story.contains(value), "{value} in {story}");
        }
        let whole = crm_bridge(&system.gateway, &["explain", &first, "--json"]);
        let whole: Value = serde_json::from_slice(&whole.stdout).expect("JSON");
        assert_eq!((&whole["eventId"], &whole["state"]), (&json!(first), &json!("applied")));
    }
}

#[tokio::test]
async fn what_did_not_take_effect_says_why_and_what_can_be_done() {
    let system = AllInOne::start(sqlite()).await;
    let kyc = |id: &str, word: &str| {
        json!({"event": "kyc.updated", "id": id, "data": {"clientId": "1", "kycStatus": word}}).to_string()
    };
    let held = deliver(&system, kyc("a", "green").as_bytes()).await;
    let story = explain(&system.gateway, &held);
    assert!(story.contains("held: invalid_event; /data/kycStatus unknown_word"), "{story}");
    assert!(story.contains(&format!("(KYC_WORDS): crm-bridge events replay {held}")), "{story}");
    let unknown = deliver(&system, br#"{"event":"trade.closed"}"#).await;
    let story = explain(&system.gateway, &unknown);
    assert!(story.contains("after an upgrade to a version that knows its type"), "{story}");
    deliver(&system, kyc("b", "approved").as_bytes()).await;
    let reused = deliver(&system, kyc("b", "rejected").as_bytes()).await;
    let story = explain(&system.gateway, &reused);
    assert!(story.contains(&format!("events replay {reused} --accept-reused-id")), "{story}");
}

/// What goes wrong is one line for people, and one object for programs; always on standard error, by every command.
#[tokio::test]
async fn what_goes_wrong_is_told_as_json_to_whoever_asked_for_json() {
    let system = AllInOne::start(sqlite()).await;
    let absent = "evt_01jb0000000070000000000000";
    for command in [&["explain"][..], &["events", "show"]] {
        let plain = crm_bridge(&system.gateway, &[command, &[absent]].concat());
        assert_eq!(plain.status.code(), Some(1));
        assert!(
            String::from_utf8_lossy(&plain.stderr).starts_with("crm-bridge: 404 event_not_found"),
            "{plain:?}"
        );
        let as_json = crm_bridge(&system.gateway, &[command, &[absent, "--json"]].concat());
        assert_eq!((as_json.status.code(), &error(&as_json)["code"]), (Some(1), &json!("event_not_found")));
        assert!(as_json.stdout.is_empty(), "{as_json:?}");
    }
    let wrong = crm_bridge(&system.gateway, &["events", "list", "--state", "zzz"]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        said.contains("/state ") && said.contains("dead_lettered"),
        "the server's errors are told: {said}"
    );
    let wrong = crm_bridge(&system.gateway, &["events", "list", "--state", "zzz", "--json"]);
    assert_eq!(error(&wrong)["errors"][0]["pointer"], "/state");
    let away = "http://127.0.0.1:9";
    for arguments in [
        &["explain", absent, "--json"][..],
        &["events", "list", "--json"],
        &["events", "replay", "--state", "held", "--json"],
        &["events", "replay", "--json"],
        &["health", away, "--json"],
        &["webhook", "sign", "/nonexistent/body", "--json"],
        &["secrets", "generate", "--out", "/nonexistent/folder/file", "--json"],
        &["staff", "list", "--json"],
        &["migrate", "--json"],
    ] {
        let output = crm_bridge(away, arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(error(&output)["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{output:?}");
    }
}
