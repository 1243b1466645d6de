//! `POST /internal/events/await`: nobody is told that a client does not exist while an acknowledged event names them.

use std::time::Duration;

use contract::clock::Clock;
use contract::internal::ApplyResult;
use http_kit::client::InternalTokens;
use serde_json::json;
use test_kit::credentials::ring;
use test_kit::database::both;
use test_kit::waiting::eventually;
use wiremock::ResponseTemplate;

use crate::http::{Answer, post};
use crate::support::{INTERNAL, Ingest, ServiceApi, all, config, registration, start, states};

async fn wait_for(ingest: &Ingest, email: &str, wait_ms: u64) -> Answer {
    let token =
        InternalTokens::new("service-api", "webhook-ingest", ring(INTERNAL), Clock::system()).current();
    let body = json!({ "emailKey": email, "waitMs": wait_ms }).to_string();
    let headers = [("x-crm-internal", token.as_str()), ("content-type", "application/json")];
    post(ingest.address, "/internal/events/await", &headers, body.as_bytes()).await
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
async fn a_type_without_effect_names_its_client_all_the_same() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let deposit = br#"{"event":"deposit.completed","data":{"email":"d@example.com","transactionId":"t","amount":"1","currency":"USD"}}"#;
        assert_eq!(ingest.deliver(deposit).await.text("status"), "accepted");
        assert_eq!(wait_for(&ingest, "d@example.com", 100).await.json()["pending"], true);
        assert_eq!(wait_for(&ingest, "e@example.com", 100).await.json()["pending"], false);
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_our_own_services_may_ask() {
    for on in both() {
        let ingest = crate::support::start_alone(&on).await;
        let ask = async |headers: &[(&str, &str)]| {
            post(ingest.address, "/internal/events/await", headers, b"{}").await.refusal()
        };
        assert_eq!(ask(&[]).await, (401, "credentials_missing".to_owned()));
        assert_eq!(ask(&[("x-crm-internal", "x")]).await, (401, "credentials_invalid".to_owned()));
        let elsewhere =
            InternalTokens::new("service-api", "audit-log", ring(INTERNAL), Clock::system()).current();
        assert_eq!(ask(&[("x-crm-internal", &elsewhere)]).await, (401, "credentials_invalid".to_owned()));
        ingest.stop().await;
    }
}
