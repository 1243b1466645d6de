//! Calls between services, one real server to another's client.

use std::time::Duration;

use auth::random::Random;
use auth::secret::Secret;
use contract::clock::Clock;
use contract::problems::Code;
use http_kit::client::{CallError, InternalClient, InternalTokens, OnBehalf};
use http_kit::config::ConfigError;
use http_kit::context::RequestContext;
use serde_json::{Value, json};
use test_kit::credentials::ring;
use test_kit::ports::free_address;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::{INTERNAL_SECRET, SERVICE, World, start_of_time};

const TIMEOUT: Duration = Duration::from_secs(10);

fn tokens(secret: &str) -> InternalTokens {
    InternalTokens::new("webhook-ingest", SERVICE, ring(secret), Clock::manual(start_of_time()).0)
}

fn client(url: &str, secret: &str) -> InternalClient {
    InternalClient::new("SERVICE_URL", url, tokens(secret)).expect("a client")
}

fn context() -> RequestContext {
    RequestContext::fresh(&Clock::system(), &Random::system())
}

#[actix_web::test]
async fn a_call_carries_who_calls_and_for_which_request() {
    let world = World::start();
    let context = context();
    for base in [world.running.url(), format!("{}/", world.running.url())] {
        let client = client(&base, INTERNAL_SECRET);
        let answer: Value =
            client.post_json(&context, "/internal/echo", &json!({ "a": 1 }), TIMEOUT).await.expect("answers");
        assert_eq!(answer["from"], "Internal(\"webhook-ingest\")");
        assert_eq!(answer["requestId"], context.request_id().as_str());
        assert_eq!(answer["traceId"], context.trace_id());
        assert_eq!(answer["body"], json!({ "a": 1 }));
    }
}

#[actix_web::test]
async fn a_refusal_is_told_by_status_and_code() {
    let world = World::start();
    let stranger = client(&world.running.url(), "placeholder-other-secret-0123456789abcdef");
    let error = stranger
        .post_json::<_, Value>(&context(), "/internal/echo", &json!({}), TIMEOUT)
        .await
        .expect_err("refused");
    assert!(
        matches!(&error, CallError::Refused { service: SERVICE, status: 401, code } if code == "credentials_invalid"),
        "{error}"
    );
    let known = client(&world.running.url(), INTERNAL_SECRET);
    let error = known
        .post_json::<_, u8>(&context(), "/internal/echo", &json!({}), TIMEOUT)
        .await
        .expect_err("not a number");
    assert!(matches!(error, CallError::Unreadable(SERVICE)), "{error}");
}

fn for_person(bearer: &str, address: &str) -> OnBehalf {
    OnBehalf { bearer: Some(Secret::new(bearer)), address: Some(address.parse().expect("an address")) }
}

/// Who stands between people and us says where they are; any other service says nothing of that.
#[actix_web::test]
async fn a_call_for_a_person_shows_their_token_and_where_they_are() {
    let world = World::start();
    let person = for_person("their-token", "203.0.113.9");
    for (issuer, believed) in
        [("dashboard", "203.0.113.9"), ("gateway", "203.0.113.9"), ("webhook-ingest", "127.0.0.1")]
    {
        let tokens =
            InternalTokens::new(issuer, SERVICE, ring(INTERNAL_SECRET), Clock::manual(start_of_time()).0);
        let client = InternalClient::new("SERVICE_URL", &world.running.url(), tokens).expect("a client");
        let told: Value = client
            .get_json_for(&context(), &person, "/person?a=b%20c", TIMEOUT)
            .await
            .expect("answers")
            .expect("lets in");
        let expected =
            json!({ "bearer": "Bearer their-token", "address": believed, "query": "a=b%20c", "body": "" });
        assert_eq!(told, expected);
        let posted: Value = client
            .post_json_for(&context(), &person, "/person", &json!({ "x": 1 }), TIMEOUT)
            .await
            .expect("answers")
            .expect("lets in");
        assert_eq!(posted["body"], "{\"x\":1}");
    }
}

#[actix_web::test]
async fn a_person_is_told_why_and_for_how_long_they_are_refused() {
    let world = World::start();
    let client = client(&world.running.url(), INTERNAL_SECRET);
    let nobody = OnBehalf::default();
    let refusal = client
        .get_json_for::<Value>(&context(), &nobody, "/person", TIMEOUT)
        .await
        .expect("answers")
        .expect_err("refused");
    assert_eq!((refusal.status, refusal.retry_after), (429, Some(90)));
    assert_eq!(refusal.problem.map(|problem| problem.code), Some(Code::LoginLocked));
    // No body is null, and trouble of the service is no answer to the person.
    let nothing = for_person("nothing", "203.0.113.9");
    let told =
        client.post_json_for::<_, Option<u8>>(&context(), &nothing, "/person", &json!({}), TIMEOUT).await;
    assert_eq!(told.expect("answers"), Ok(None));
    let trouble = for_person("trouble", "203.0.113.9");
    let error =
        client.get_json_for::<Value>(&context(), &trouble, "/person", TIMEOUT).await.expect_err("no answer");
    assert!(matches!(error, CallError::Refused { status: 503, .. }), "{error}");
}

#[actix_web::test]
async fn what_cannot_be_reached_or_stays_silent_is_told_apart() {
    let listener = TcpListener::bind(free_address()).await.expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let silent = client(&url, INTERNAL_SECRET);
    let call = |timeout| {
        let silent = silent.clone();
        async move {
            silent.post_json::<_, Value>(&context(), "/x", &json!({}), timeout).await.expect_err("no answer")
        }
    };
    assert!(matches!(call(Duration::from_millis(100)).await, CallError::Timeout(SERVICE)));
    drop(listener);
    let error = call(TIMEOUT).await;
    assert!(matches!(error, CallError::Unreachable { service: SERVICE, .. }), "{error}");
    assert!(!error.to_string().contains(&url), "{error}");
}

#[actix_web::test]
async fn a_service_that_is_ready_is_told_from_one_that_is_away_or_silent() {
    let world = World::start();
    assert!(client(&world.running.url(), INTERNAL_SECRET).is_ready(TIMEOUT).await);
    let listener = TcpListener::bind(free_address()).await.expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    assert!(!client(&url, INTERNAL_SECRET).is_ready(Duration::from_millis(100)).await, "silent");
    drop(listener);
    assert!(!client(&url, INTERNAL_SECRET).is_ready(TIMEOUT).await, "away");
}

#[actix_web::test]
async fn redirects_are_not_followed() {
    let world = World::start();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let target = world.running.url();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a call");
        let mut head = [0; 4096];
        assert!(stream.read(&mut head).await.expect("reads") > 0);
        let answer = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: {target}/internal/echo\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.expect("writes");
    });
    let error = client(&url, INTERNAL_SECRET)
        .post_json::<_, Value>(&context(), "/x", &json!({}), TIMEOUT)
        .await
        .expect_err("no");
    assert!(matches!(error, CallError::Refused { status: 307, .. }), "{error}");
}

#[test]
fn a_token_is_used_for_a_while_and_then_renewed() {
    let (clock, hands) = Clock::manual(start_of_time());
    let tokens = InternalTokens::new("webhook-ingest", SERVICE, ring(INTERNAL_SECRET), clock.clone());
    let first = tokens.current();
    hands.advance(Duration::from_secs(29));
    assert_eq!(tokens.current(), first);
    hands.advance(Duration::from_secs(1));
    let second = tokens.current();
    assert_ne!(second, first);
    hands.advance(Duration::from_secs(25));
    assert!(auth::internal_token::verify(&ring(INTERNAL_SECRET), SERVICE, &second, clock.now()).is_ok());
    hands.set(start_of_time());
    assert_ne!(tokens.current(), second, "a clock set back does not keep a token from the future");
}

#[test]
fn a_base_that_is_not_one_is_refused_by_its_setting() {
    for bad in
        ["", "service:8080", "ftp://service", "http://", "http://service?x=hidden", "http://service#hidden"]
    {
        let error = InternalClient::new("SERVICE_URL", bad, tokens(INTERNAL_SECRET)).err().expect("refused");
        assert!(matches!(&error, ConfigError::Invalid { name, .. } if name == "SERVICE_URL"), "{bad}");
        assert!(!error.to_string().contains("hidden"));
    }
    assert!(InternalClient::new("SERVICE_URL", "https://service:8443/base", tokens(INTERNAL_SECRET)).is_ok());
}
