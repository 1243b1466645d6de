//! How the platform takes what the CRM answers: it waits when it is told to, repeats what was not taken, and leaves refusals be.

use std::time::{Duration, Instant};

use auth::secret::Secret;
use test_kit::credentials::ring;
use trading_sim::crm::{CrmError, Outcome, ServiceApi, Webhooks};
use trading_sim::traffic::{Pace, Sending, Tally, visit};
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const SECRET: &str = "for-tests-only-webhook-secret-for-tests-only-webhook-secret-0001";

fn webhooks(crm: &MockServer, tries: u32) -> Webhooks {
    Webhooks::new(&crm.uri(), Secret::new(SECRET), tries).expect("a URL")
}

fn service_api(crm: &MockServer) -> ServiceApi {
    ServiceApi::new(&crm.uri(), Secret::new("token"), 5).expect("a URL")
}

fn status(word: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(serde_json::json!({"status": word, "eventId": "evt_1"}))
}

#[tokio::test]
async fn a_webhook_is_signed_and_repeated_until_it_is_taken() {
    let crm = MockServer::start().await;
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "0");
    Mock::given(any()).respond_with(busy).up_to_n_times(3).mount(&crm).await;
    let signed = |request: &Request| {
        let signature = request.headers.get("x-webhook-signature").map(|value| value.as_bytes());
        auth::webhook::verify(&ring(SECRET), signature, request.body.clone().into()).is_ok()
    };
    Mock::given(method("POST"))
        .and(path("/api/webhooks/site"))
        .and(signed)
        .respond_with(status("accepted"))
        .mount(&crm)
        .await;
    assert_eq!(webhooks(&crm, 10).send("{\"event\":\"é\"}").await, Ok((Outcome::Accepted, 3)));
}

#[tokio::test]
async fn what_is_never_taken_is_given_up_and_a_refusal_is_not_repeated() {
    let crm = MockServer::start().await;
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "0");
    Mock::given(any()).respond_with(busy).up_to_n_times(3).mount(&crm).await;
    assert_eq!(webhooks(&crm, 3).send("{}").await, Err(CrmError::Unwilling { status: 503, tries: 3 }));
    Mock::given(any()).respond_with(ResponseTemplate::new(401)).expect(1).mount(&crm).await;
    assert_eq!(webhooks(&crm, 3).send("{}").await, Ok((Outcome::Refused(401), 0)));
    let nobody = Webhooks::new("http://127.0.0.1:9", Secret::new(SECRET), 2).expect("a URL");
    assert_eq!(nobody.send("{}").await, Err(CrmError::Silent(2)));
}

#[tokio::test]
async fn every_sending_is_counted_once() {
    let crm = MockServer::start().await;
    Mock::given(any()).respond_with(status("duplicate")).up_to_n_times(7).mount(&crm).await;
    Mock::given(any()).respond_with(status("unrecognized")).up_to_n_times(2).mount(&crm).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(422)).up_to_n_times(1).mount(&crm).await;
    Mock::given(any()).respond_with(status("accepted")).mount(&crm).await;
    let mut sending = Sending::by(webhooks(&crm, 1));
    let mut pace = Pace::of(0.0);
    for _ in 0..50 {
        pace.next().await;
        sending.send("{}".to_owned()).await;
    }
    let tally = sending.end().await;
    let expected =
        Tally { sent: 50, accepted: 40, duplicate: 7, unrecognized: 2, refused: 1, failed: 0, retries: 0 };
    assert_eq!(tally, expected);
    assert!(!tally.is_good());
}

#[tokio::test]
async fn a_limit_is_waited_for() {
    let crm = MockServer::start().await;
    let over = ResponseTemplate::new(429).insert_header("retry-after", "1");
    Mock::given(any()).respond_with(over).up_to_n_times(1).mount(&crm).await;
    let last = ResponseTemplate::new(200).insert_header("ratelimit", "\"service-api\";r=0;t=1");
    Mock::given(any()).respond_with(last).up_to_n_times(1).mount(&crm).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&crm).await;
    let api = service_api(&crm);
    let begun = Instant::now();
    assert_eq!(api.client("ann@example.com").await.expect("an answer").status, 200);
    assert!(begun.elapsed() >= Duration::from_secs(1), "Retry-After was not minded");
    // A clone knows that nothing is left.
    assert_eq!(api.clone().client("ann@example.com").await.expect("an answer").status, 200);
    assert!(begun.elapsed() >= Duration::from_secs(2), "RateLimit was not minded");
    assert_eq!(crm.received_requests().await.expect("recorded").len(), 3);
}

#[tokio::test]
async fn a_visit_makes_the_five_calls_of_the_contract() {
    let crm = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&crm).await;
    let calls = visit(&service_api(&crm), "a+b/c@example.com").await.expect("answers");
    assert_eq!(calls.len(), 5);
    let seen: Vec<_> = crm.received_requests().await.expect("recorded");
    let lines: Vec<_> =
        seen.iter().map(|request| format!("{} {}", request.method, request.url.path())).collect();
    let client = "/api/service/clients/a+b%2Fc@example.com";
    assert_eq!(
        lines,
        [
            format!("GET {client}"),
            "GET /api/service/accounts/a+b%2Fc@example.com".to_owned(),
            format!("PATCH {client}/kyc"),
            format!("POST {client}/notes"),
            format!("GET {client}/activity"),
        ]
    );
    assert!(seen.iter().all(|request| request.headers["authorization"] == "Bearer token"));
}

#[tokio::test]
async fn a_note_has_one_key_however_often_it_is_sent() {
    let crm = MockServer::start().await;
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "0");
    Mock::given(any()).respond_with(busy).up_to_n_times(2).mount(&crm).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(201)).mount(&crm).await;
    for _ in 0..2 {
        let answer = service_api(&crm).add_note("ann@example.com", "Called.").await.expect("an answer");
        assert_eq!(answer.status, 201);
    }
    let seen = crm.received_requests().await.expect("recorded");
    let keys: Vec<_> = seen.iter().map(|request| request.headers["idempotency-key"].clone()).collect();
    let [first, second, third, other] = &keys[..] else { panic!("{keys:?}") };
    assert!(first == second && second == third && third != other, "{keys:?}");
}
