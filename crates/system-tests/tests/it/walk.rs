//! The first walk, as a new user does it from the README: sign in shell or Node, send with curl, read the record and the trail.

use std::collections::BTreeSet;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use test_kit::database::both;
use test_kit::waiting::eventually;

use crate::calls::{is_pending, registration, staff_token, told};
use crate::harness::{
    AllInOne, SERVICE_API_TOKEN, WEBHOOK_SECRET, command, openssl_signature, repository_file, run, wait_for,
};

/// curl with these arguments: the status and the body.
fn curl(arguments: &[&str]) -> (u16, Value) {
    let output = run(Command::new("curl").args(["-sS", "-w", "\n%{http_code}"]).args(arguments));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let (body, status) = text.rsplit_once('\n').expect("a status line");
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {body}"));
    (status.parse().expect("a status"), body)
}

/// curl of a client whom an acknowledged event names; again, for as long as the answer is that the event is still to be applied.
async fn curl_record(gateway: &str, email: &str) -> (u16, Value) {
    let url = format!("{gateway}/api/service/clients/{email}");
    let bearer = format!("Authorization: Bearer {SERVICE_API_TOKEN}");
    eventually(async || curl(&[&url, "-H", &bearer]), |answer| !is_pending(answer)).await
}

/// The signature and the body that Node's `crypto` and `JSON.stringify` make, as platforms do.
fn node_signed(body: &Value) -> (String, String) {
    let script = "const { createHmac } = require('node:crypto');
        const body = JSON.parse(process.argv[1]);
        const text = JSON.stringify(body);
        console.log(createHmac('sha256', process.env.WEBHOOK_SECRET).update(text).digest('hex'));
        process.stdout.write(text);";
    let output = run(Command::new("node")
        .args(["-e", script, &body.to_string()])
        .env("WEBHOOK_SECRET", WEBHOOK_SECRET));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let (signature, body) = text.split_once('\n').expect("two lines");
    (signature.to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_webhook_signed_by_openssl_becomes_a_record_at_once() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let body = repository_file("examples/client.registered.json");
        let signature = openssl_signature(WEBHOOK_SECRET, body.as_bytes());
        let url = format!("{}/api/webhooks/site", system.gateway);
        let header = format!("x-webhook-signature: {signature}");
        let (status, answer) = curl(&[&url, "-H", &header, "--data-binary", &body]);
        assert_eq!((status, answer["status"].as_str()), (200, Some("accepted")), "{answer}");
        let event_id = answer["eventId"].clone();

        let (status, again) = curl(&[&url, "-H", &header, "--data-binary", &body]);
        assert_eq!((status, &again), (200, &json!({"status": "duplicate", "eventId": event_id})));

        let (status, record) = curl_record(&system.gateway, "Ann@Example.com").await;
        assert_eq!(status, 200, "{record}");
        assert_eq!(record["clientId"], "1001");
        assert_eq!(record["email"], "ann@example.com");
        assert_eq!(record["firstName"], "Ann");
        assert_eq!(record["status"], "active");

        // The duplicate is an attempt too, and has no effect.
        for (query, count) in [
            ("action=webhook.receive", 2),
            ("action=event.apply", 1),
            ("action=client.read&outcome=success", 1),
        ] {
            system.caller().on_trail(query, count).await;
        }
    }
}

#[tokio::test]
async fn a_webhook_signed_by_node_is_accepted_as_it_is() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let (signature, body) = node_signed(&json!({
            "event": "client.registered",
            "data": {"clientId": 7, "email": "zoë@example.com", "firstName": "Zoë \u{1F600}", "lastName": "O'Neil", "phone": "+1"},
            "timestamp": "2025-10-13T19:00:00Z",
        }));
        let url = format!("{}/api/webhooks/site", system.gateway);
        let header = format!("x-webhook-signature: {signature}");
        let (status, answer) = curl(&[&url, "-H", &header, "--data-binary", &body]);
        assert_eq!((status, answer["status"].as_str()), (200, Some("accepted")), "{answer}");
        let (status, record) = curl_record(&system.gateway, "zo%C3%AB@example.com").await;
        assert_eq!((status, record["clientId"].as_str()), (200, Some("7")), "{record}");
        assert_eq!(record["firstName"], "Zoë \u{1F600}");
    }
}

#[tokio::test]
async fn the_trail_says_what_was_wrong_with_a_signature() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let body = repository_file("examples/client.registered.json");
        // `echo` instead of `printf`: the signature covers a newline that was never sent.
        let signature = openssl_signature(WEBHOOK_SECRET, format!("{body}\n").as_bytes());
        let url = format!("{}/api/webhooks/site", system.gateway);
        let (status, problem) =
            curl(&[&url, "-H", &format!("x-webhook-signature: {signature}"), "--data-binary", &body]);
        assert_eq!((status, problem["code"].as_str()), (401, Some("signature_mismatch")), "{problem}");
        // What it looks like is for staff, not for the sender.
        let members: BTreeSet<_> =
            problem.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(
            members,
            BTreeSet::from(["code", "detail", "requestId", "status", "title", "type"]),
            "{problem}"
        );
        for word in ["newline", "line break"] {
            assert!(!problem.to_string().contains(word), "{problem}");
        }

        wait_for("the refusal on the trail", async || {
            !system.caller().trail("outcome=refused").await.is_empty()
        })
        .await;
        let refused = system.caller().trail("outcome=refused").await;
        let text = refused[0].to_string();
        assert!(text.contains("body_plus_newline"), "{text}");
        assert_eq!(refused[0]["reason"], "signature_mismatch");
        assert_eq!(refused[0]["address"], "127.0.0.1", "the disclosed address: {text}");

        let diagnosed = run(command("crm-bridge").env("WEBHOOK_SECRET", WEBHOOK_SECRET).args([
            "webhook",
            "diagnose",
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/client.registered.json"),
            "--signature",
            &signature,
            "--json",
        ]));
        let said: Value = serde_json::from_slice(&diagnosed.stdout).expect("JSON");
        assert_eq!(said["hint"], "body_plus_newline", "{said}");
    }
}

/// W13: acknowledged, and at once read, a thousand times.
#[tokio::test]
async fn an_acknowledged_client_is_never_404() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let caller = system.caller();
        for number in 0..1_000 {
            let (id, email) = (format!("w{number}"), format!("walker-{number}@example.com"));
            assert_eq!(caller.webhook(&registration(&id, &email)).await.status(), 200);
            let (status, record) = caller.acknowledged(&email).await;
            assert_eq!((status, record["clientId"].as_str()), (200, Some(&*id)), "{record}");
        }
    }
}

/// Staff name clients by id, and hear the truth as platforms do.
#[tokio::test]
async fn an_acknowledged_client_is_never_404_for_staff() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let caller = system.caller();
        for number in 0..100 {
            let (id, email) = (format!("s{number}"), format!("stroller-{number}@example.com"));
            assert_eq!(caller.webhook(&registration(&id, &email)).await.status(), 200);
            let calls = [
                (Method::GET, format!("/api/clients/{id}")),
                (Method::POST, format!("/api/clients/{id}/impersonate")),
            ];
            let (method, path) = calls[number % 2].clone();
            let call = async || {
                let call = caller.request(method.clone(), &path).bearer_auth(staff_token("admin"));
                told(call.send().await.expect("an answer")).await
            };
            let answer = eventually(call, |answer| !is_pending(answer)).await;
            assert_eq!(answer.0, 200, "{path}: {}", answer.1);
        }
    }
}
