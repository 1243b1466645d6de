//! What the gateway itself refuses comes to audit-log, counted; what it passes on is the service's to record.

use std::net::SocketAddr;

use contract::clock::Clock;
use contract::internal::AppendEntries;
use http_kit::routes::Audit;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::harness::{Gateway, Peer, Service, answering, before_with, nowhere, ring, soon};

/// The entries that come to an audit-log at this address: of requests, and, apart from them, of the gateway's own starts.
pub(crate) struct Entries {
    of_requests: mpsc::UnboundedReceiver<Value>,
    of_starts: mpsc::UnboundedReceiver<Value>,
}

/// Where entries are handed to a test.
#[derive(Clone)]
struct Told {
    of_requests: mpsc::UnboundedSender<Value>,
    of_starts: mpsc::UnboundedSender<Value>,
}

/// What a service says of its own start.
const START: &str = "service.start";

impl Entries {
    /// An audit-log that takes what it gets.
    pub(crate) async fn at(address: SocketAddr) -> Self {
        let service = Service::on(address);
        let (requests, of_requests) = mpsc::unbounded_channel();
        let (starts, of_starts) = mpsc::unbounded_channel();
        let told = Told { of_requests: requests, of_starts: starts };
        tokio::spawn(async move {
            loop {
                let (peer, told) = (service.accept_at_leisure().await, told.clone());
                tokio::spawn(take(peer, told));
            }
        });
        Self { of_requests, of_starts }
    }

    /// The payload of the next entry of a request.
    pub(crate) async fn next(&mut self) -> Value {
        soon("an entry", self.of_requests.recv()).await.expect("an entry")
    }
}

async fn take(mut peer: Peer, told: Told) {
    while let Some(request) = peer.message().await {
        assert_eq!(request.line, "POST /internal/entries HTTP/1.1");
        let token = request.field("x-crm-internal").expect("a token");
        auth::internal_token::verify(&ring(), "audit-log", token, Clock::system().now()).expect("valid");
        let batch: AppendEntries = serde_json::from_slice(&request.body).expect("entries");
        let body = format!(r#"{{"appended":{},"alreadyThere":0,"conflicts":0}}"#, batch.entries.len());
        for entry in batch.entries {
            let payload: Value = serde_json::from_str(&entry.payload).expect("JSON");
            let sender = if payload["action"] == START { &told.of_starts } else { &told.of_requests };
            // The test may be over.
            sender.send(payload).unwrap_or_default();
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        peer.write(format!("{head}{body}").as_bytes()).await;
    }
}

pub(crate) fn text<'a>(entry: &'a Value, member: &str) -> &'a str {
    entry[member].as_str().unwrap_or_default()
}

#[tokio::test]
async fn every_refusal_of_the_gateway_comes_to_the_trail() {
    let audit_log = nowhere();
    let mut entries = Entries::at(audit_log).await;
    let gateway = before_with(nowhere(), audit_log, |_| {});
    for (request, reason, outcome, action, route) in [
        ("GET /internal/entries", "route_not_found", "refused", "request.refuse", ""),
        ("GET /api/service/a%00", "bad_path", "refused", "request.refuse", ""),
        ("GET /api/service/a%zz", "bad_path", "refused", "service_api.pass_on", "/api/service/{rest:.*}"),
        ("GET /api/webhooks/site", "method_not_allowed", "refused", "request.refuse", ""),
        ("POST /api/webhooks/site", "unavailable", "failed", "webhook.pass_on", "/api/webhooks/{rest:.*}"),
        (
            "GET /api/service/clients/ann@example.com",
            "unavailable",
            "failed",
            "service_api.pass_on",
            "/api/service/{rest:.*}",
        ),
    ] {
        let answer =
            gateway.exchange(&format!("{request} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")).await;
        let entry = entries.next().await;
        let said = ["reason", "outcome", "action", "route", "requestId", "service"]
            .map(|member| text(&entry, member));
        let id = answer.field("x-request-id").expect("an id");
        assert_eq!(said, [reason, outcome, action, route, id, "gateway"], "{request}: {entry}");
        assert_eq!((entry["count"].as_u64(), text(&entry["actor"], "kind")), (Some(1), "anonymous"));
        assert!(entry["address"]["sha256"].is_string(), "the address is sealed: {entry}");
        assert!(!entry.to_string().contains("ann@"), "{entry}");
    }
}

/// Each door keeps what it could not pass on, under its own name.
#[tokio::test]
async fn every_door_keeps_what_it_could_not_pass_on() {
    let audit_log = nowhere();
    let mut entries = Entries::at(audit_log).await;
    let away = nowhere();
    let gateway = before_with(away, audit_log, |_| {});
    for route in &gateway::routes::table() {
        let Audit::Action { category, action } = route.audit() else { panic!("{route:?} is quiet") };
        // Audit-log is where the entries go, so its own door is the one that is never closed here.
        if category.to_string() == "audit" && route.path().starts_with("/api/") {
            continue;
        }
        let method = route.method().map_or("GET", |method| method.as_str());
        let path = route.path().replace("{rest:.*}", "example").replace("{id}", "example");
        let answer = gateway.exchange(&format!("{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert_eq!((answer.status(), answer.problem().as_str()), (503, "unavailable"), "{route:?}");
        let entry = entries.next().await;
        let said = ["reason", "outcome", "action", "route", "category", "requestId"]
            .map(|member| text(&entry, member));
        let id = answer.field("x-request-id").expect("an id");
        assert_eq!(
            said,
            ["unavailable", "failed", action, route.path(), &category.to_string(), id],
            "{entry}"
        );
    }
}

#[tokio::test]
async fn counts_add_up() {
    const REFUSALS: u64 = 300;
    let audit_log = nowhere();
    let mut entries = Entries::at(audit_log).await;
    let gateway = before_with(nowhere(), audit_log, |_| {});
    let mut client = gateway.connect().await;
    for _ in 0..REFUSALS {
        client.write(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert_eq!(client.answer().await.status(), 404);
    }
    let mut counted = 0;
    while counted < REFUSALS {
        counted += entries.next().await["count"].as_u64().expect("a count");
    }
    assert_eq!(counted, REFUSALS);
}

#[tokio::test]
async fn what_a_service_answers_is_its_own_to_record() {
    let audit_log = nowhere();
    let mut entries = Entries::at(audit_log).await;
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/problem+json\r\nwww-authenticate: Bearer\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\n{}",
    ] {
        let (service, _seen) = answering(answer).await;
        let gateway = before_with(service, audit_log, |_| {});
        let passed_on = gateway.get("/api/service/x").await;
        assert!(answer.starts_with(&passed_on.line), "{passed_on:?}");
        for field in ["www-authenticate", "retry-after"] {
            assert_eq!(passed_on.field(field).is_some(), answer.contains(field), "{passed_on:?}");
        }
        // The first entry is of what came after.
        let refused = gateway.get("/nothing").await;
        assert_eq!(text(&entries.next().await, "requestId"), refused.field("x-request-id").expect("an id"));
    }
}

#[tokio::test]
async fn entries_wait_while_audit_log_is_away() {
    let audit_log = nowhere();
    let gateway = before_with(nowhere(), audit_log, |_| {});
    let refused = gateway.get("/nothing").await;
    // Refuse each attempt for as long as it takes to see one.
    let away = Service::on(audit_log);
    drop(away.accept().await);
    drop(away);
    let mut entries = Entries::at(audit_log).await;
    assert_eq!(text(&entries.next().await, "requestId"), refused.field("x-request-id").expect("an id"));
}

/// The gateway's start comes to the trail like its refusals, and waits for audit-log as they do.
#[tokio::test]
async fn each_start_comes_to_the_trail() {
    for _ in 0..2 {
        let audit_log = nowhere();
        let gateway = before_with(nowhere(), audit_log, |_| {});
        assert_eq!(gateway.get("/nothing").await.status(), 404, "nobody waits for audit-log");
        let mut entries = Entries::at(audit_log).await;
        let start = soon("the start", entries.of_starts.recv()).await.expect("an entry");
        assert_eq!((text(&start, "service"), text(&start, "category")), ("gateway", "system"));
        assert_eq!(start["details"]["version"], env!("CARGO_PKG_VERSION"));
        stop(gateway).await;
        assert!(entries.of_starts.try_recv().is_err(), "once");
    }
}

#[tokio::test]
async fn a_batch_that_is_refused_for_good_does_not_stand_in_the_way() {
    let audit_log = nowhere();
    let gateway = before_with(nowhere(), audit_log, |_| {});
    gateway.get("/nothing").await;
    let senseless = Service::on(audit_log);
    loop {
        let mut peer = senseless.accept().await;
        let batch = peer.message().await.expect("entries");
        peer.write(b"HTTP/1.1 422 Unprocessable Content\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            .await;
        // The entry of the start goes by itself, before or after.
        if !String::from_utf8_lossy(&batch.body).contains(START) {
            break;
        }
    }
    drop(senseless);
    let mut entries = Entries::at(audit_log).await;
    let later = gateway.get("/api/service//x").await;
    assert_eq!(text(&entries.next().await, "requestId"), later.field("x-request-id").expect("an id"));
}

#[tokio::test]
async fn what_is_counted_is_handed_over_before_the_end() {
    let audit_log = nowhere();
    let mut entries = Entries::at(audit_log).await;
    let gateway = before_with(nowhere(), audit_log, |_| {});
    let refused = gateway.get("/nothing").await;
    stop(gateway).await;
    assert_eq!(text(&entries.next().await, "requestId"), refused.field("x-request-id").expect("an id"));
}

#[tokio::test]
async fn an_audit_log_that_stays_away_does_not_hold_the_end_up() {
    let gateway = before_with(nowhere(), nowhere(), |_| {});
    gateway.get("/nothing").await;
    stop(gateway).await;
}

async fn stop(Gateway(running): Gateway) {
    soon("the end", running.stop()).await.expect("a clean end");
}
