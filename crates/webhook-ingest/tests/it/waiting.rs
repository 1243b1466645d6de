//! What service-api asks for: to wait, so that nobody is told that a client does not exist while an acknowledged event names them;
//! and what became of an event.

use std::time::Duration;

use contract::clock::Clock;
use contract::internal::ApplyResult;
use http_kit::client::InternalTokens;
use serde_json::{Value, json};
use test_kit::credentials::ring;
use test_kit::database::both;
use test_kit::waiting::eventually;
use wiremock::ResponseTemplate;

use crate::http::{Answer, post};
use crate::support::{
    INTERNAL, Ingest, ServiceApi, absent_id, all, config, event, registration, start, states,
};

async fn ask(ingest: &Ingest, path: &str, body: &Value) -> Answer {
    let token =
        InternalTokens::new("service-api", "webhook-ingest", ring(INTERNAL), Clock::system()).current();
    let headers = [("x-crm-internal", token.as_str()), ("content-type", "application/json")];
    post(ingest.address, path, &headers, body.to_string().as_bytes()).await
}

pub(crate) async fn wait_for(ingest: &Ingest, email: &str, wait_ms: u64) -> Answer {
    ask(ingest, "/internal/events/await", &json!({ "emailKey": email, "waitMs": wait_ms })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_pending_from_applied_and_from_never_heard_of() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|_| ResponseTemplate::new(503));
        let ingest = start(&on, config(&on, &service_api.url())).await;
        ingest.deliver(&registration("a", "c1")).await;
        let pending = async |email: &str| wait_for(&ingest, email, 0).await.json()["pending"].clone();
        assert_eq!(pending("c1@example.com").await, true);
        assert_eq!(pending(" C1@EXAMPLE.com ").await, true, "by the key, not by the spelling");
        assert_eq!(pending("c2@example.com").await, false);
        service_api.behave(|batch| all(batch, ApplyResult::Applied, None));
        eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"]).await;
        assert_eq!(pending("c1@example.com").await, false);
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_as_soon_as_the_event_is_applied() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|_| ResponseTemplate::new(503));
        let ingest = start(&on, config(&on, &service_api.url())).await;
        ingest.deliver(&registration("a", "c1")).await;
        let waiting = async {
            loop {
                // Each call waits up to 2 s; the lane may be in a longer pause.
                let answer = wait_for(&ingest, "c1@example.com", 2_000).await;
                if answer.json()["pending"] == false {
                    return;
                }
            }
        };
        let applying = async {
            eventually(async || service_api.batches().len(), |calls| *calls >= 1).await;
            service_api.behave(|batch| all(batch, ApplyResult::Applied, None));
        };
        tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(waiting, applying) })
            .await
            .expect("it ends");
        assert_eq!(states(&ingest.inbox().await), ["applied"]);
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_that_an_event_gives_its_client_is_waited_for() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|_| ResponseTemplate::new(503));
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let long = format!("{}@example.com", "é".repeat(300));
        let named = [
            ("client.registered", r#"{"email":"r@example.com"}"#, vec!["r@example.com"]),
            ("client.registered", r#"{"clientEmail":"e@example.com"}"#, vec!["e@example.com"]),
            ("deposit.completed", r#"{"email":"d@example.com","amount":1}"#, vec!["d@example.com"]),
            ("withdrawal.completed", r#"{"clientEmail":"w@example.com","amount":1}"#, vec!["w@example.com"]),
            ("kyc.updated", r#"{"email":"K@example.com","status":"approved"}"#, vec!["k@example.com"]),
            (
                "account.updated",
                r#"{"clientEmail":"old@example.com","email":"new@example.com"}"#,
                vec!["old@example.com", "new@example.com"],
            ),
            (
                "account.updated",
                r#"{"clientId":"c9","email":"moved@example.com"}"#,
                vec!["moved@example.com"],
            ),
            (
                "account.updated",
                &format!(r#"{{"clientEmail":"before@example.com","email":"{long}"}}"#),
                vec!["before@example.com", &long],
            ),
        ];
        for (number, (event_type, data, _)) in named.iter().enumerate() {
            let answer = ingest.deliver(&event(&number.to_string(), event_type, data)).await;
            assert_eq!(answer.text("status"), "accepted", "{data}");
        }
        let pending = async |email: &str| wait_for(&ingest, email, 0).await.json()["pending"].clone();
        for email in named.iter().flat_map(|(_, _, emails)| emails) {
            assert_eq!(pending(email).await, true, "{email}");
        }
        assert_eq!(pending("nobody@example.com").await, false);
        let pending_id = async |id: &str| {
            ask(&ingest, "/internal/events/await", &json!({ "clientId": id, "waitMs": 0 })).await.json()["pending"].clone()
        };
        assert_eq!((pending_id("c9").await, pending_id("c").await), (json!(true), json!(false)));
        service_api.behave(|batch| all(batch, ApplyResult::Applied, None));
        eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"; 8]).await;
        for email in named.iter().flat_map(|(_, _, emails)| emails) {
            assert_eq!(pending(email).await, false, "{email}");
        }
        assert_eq!(pending_id("c9").await, false);
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_an_event_is_told() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|batch| all(batch, ApplyResult::Conflict, Some("other_facts")));
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let odd = r#"{"clientId":"c1","email":"c1@example.com","createdAt":"?"}"#;
        let id = ingest.deliver(&event("a", "client.registered", odd)).await.text("eventId");
        eventually(|| ingest.inbox(), |rows| states(rows) == ["conflict"]).await;
        let read = async |id: &str| ask(&ingest, "/internal/events/read", &json!({ "eventId": id })).await;
        let told = read(&id).await.json();
        assert_eq!((&told["eventId"], &told["source"]), (&json!(id), &json!("site")));
        assert_eq!((&told["status"], &told["reason"]), (&json!("conflict"), &json!("other_facts")));
        assert_eq!(told["warnings"][0]["pointer"], "/data/createdAt");
        assert!(told["resolvedAt"].is_string() && told["attempts"] == 0, "{told}");
        let held = read(&ingest.deliver(b"{}").await.text("eventId")).await.json();
        assert_eq!((&held["status"], &held["reason"]), (&json!("held"), &json!("invalid_event")));
        assert_eq!((&held["eventType"], &held["resolvedAt"]), (&Value::Null, &Value::Null));
        let absent = read(&absent_id()).await;
        assert_eq!(absent.refusal(), (404, "event_not_found".to_owned()));
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_our_own_services_may_ask() {
    for on in both() {
        let ingest = crate::support::start_alone(&on).await;
        for path in ["/internal/events/await", "/internal/events/read"] {
            let ask =
                async |headers: &[(&str, &str)]| post(ingest.address, path, headers, b"{}").await.refusal();
            assert_eq!(ask(&[]).await, (401, "credentials_missing".to_owned()));
            assert_eq!(ask(&[("x-crm-internal", "x")]).await, (401, "credentials_invalid".to_owned()));
            let elsewhere =
                InternalTokens::new("service-api", "audit-log", ring(INTERNAL), Clock::system()).current();
            assert_eq!(ask(&[("x-crm-internal", &elsewhere)]).await, (401, "credentials_invalid".to_owned()));
        }
        ingest.stop().await;
    }
}
