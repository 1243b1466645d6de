//! The doors, each held against a table: which paths lead to which service, and that no way of writing a path leads elsewhere.

use http_kit::routes::{Access, Audit};

use crate::harness::{Message, OK, Seen, answering, before_with};

/// The services behind, as they stand in the tables.
const BEHIND: [&str; 5] = ["ingest", "service-api", "audit-log", "sso", "dashboard"];

/// Sends each request, and asserts that exactly the service named beside it sees it, with the path as it was sent.
async fn each_leads_where_it_says(requests: &[(&str, &str)]) {
    let (ingest, at_ingest) = answering(OK).await;
    let (service_api, at_service_api) = answering(OK).await;
    let (audit_log, at_audit_log) = answering(OK).await;
    let (sso, at_sso) = answering(OK).await;
    let (dashboard, at_dashboard) = answering(OK).await;
    let mut all: [Seen; 5] = [at_ingest, at_service_api, at_audit_log, at_sso, at_dashboard];
    let gateway = before_with(service_api, audit_log, |config| {
        config.webhook_ingest_url = format!("http://{ingest}");
        config.sso_issuer_url = format!("http://{sso}");
        config.dashboard_url = format!("http://{dashboard}");
    });
    for (request, behind) in requests {
        let mut client = gateway.connect().await;
        client.write(format!("{request} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").as_bytes()).await;
        // An answer to HEAD has no body, whatever its head tells.
        assert_eq!(client.head().await.as_ref().map(Message::status), Some(200), "{request}");
        let place = BEHIND.iter().position(|name| name == behind).expect("a service");
        assert_eq!(all[place].next().await.line, format!("{request} HTTP/1.1"));
        all.iter_mut().for_each(Seen::assert_empty);
    }
}

#[tokio::test]
async fn each_door_leads_to_its_service() {
    each_leads_where_it_says(&[
        ("POST /api/webhooks/site", "ingest"),
        ("POST /api/webhooks/site/", "ingest"),
        ("POST /api/webhooks/acme", "ingest"),
        ("GET /api/webhooks/events", "ingest"),
        ("HEAD /api/webhooks/events", "ingest"),
        ("GET /api/webhooks/events/?state=held", "ingest"),
        ("GET /api/webhooks/events/evt_1", "ingest"),
        ("POST /api/webhooks/events/evt_1/replay", "ingest"),
        ("GET /api/service/clients/ann@example.com", "service-api"),
        ("HEAD /api/service/clients/ann@example.com", "service-api"),
        ("PATCH /api/service/clients/ann@example.com/kyc", "service-api"),
        ("POST /api/service/clients/ann@example.com/notes/", "service-api"),
        ("GET /api/service/accounts/ann@example.com", "service-api"),
        ("GET /api/audit/entries", "audit-log"),
        ("GET /api/audit/entries/aud_1/", "audit-log"),
        ("POST /api/auth/login", "sso"),
        ("GET /api/auth/me/", "sso"),
        ("GET /api/staff", "sso"),
        ("POST /api/staff/", "sso"),
        ("PATCH /api/staff/st_1", "sso"),
        ("GET /api/impersonations?staff=st_1", "sso"),
        ("GET /api/impersonations/", "sso"),
        ("POST /api/clients/cl_1/impersonate", "sso"),
        ("POST /api/clients/cl_1/impersonate/", "sso"),
        ("GET /api/clients", "service-api"),
        ("GET /api/clients/?q=ann", "service-api"),
        ("GET /api/clients/cl_1", "service-api"),
        ("GET /api/clients/cl_1/transactions", "service-api"),
        ("GET /", "dashboard"),
        ("HEAD /", "dashboard"),
        ("GET /login", "dashboard"),
        ("POST /login/", "dashboard"),
        ("POST /logout", "dashboard"),
        ("GET /audit", "dashboard"),
        ("GET /audit/?page=2", "dashboard"),
        ("GET /audit/aud_1", "dashboard"),
        ("GET /assets/site.css", "dashboard"),
    ])
    .await;
}

/// S7: an escape is no way into another room, and what lies beside a door is not that door.
#[tokio::test]
async fn no_way_of_writing_a_path_leads_elsewhere() {
    each_leads_where_it_says(&[
        // An escaped slash is part of a segment.
        ("POST /api/clients/cl_1%2Fimpersonate", "service-api"),
        ("POST /api/clients/cl_1%2fimpersonate", "service-api"),
        ("POST /api/clients/cl_1%252Fimpersonate", "service-api"),
        ("POST /api/clients/a%2Fb/impersonate", "sso"),
        ("POST /api/clients/cl_1/impersonate%2F", "service-api"),
        ("POST /api/webhooks/events%2Fevt_1", "ingest"),
        ("GET /assets/%2Fapi%2Fservice%2Fclients", "dashboard"),
        // Segments more or less.
        ("POST /api/clients/impersonate", "service-api"),
        ("POST /api/clients/cl_1/x/impersonate", "service-api"),
        ("POST /api/clients/cl_1/impersonate/x", "service-api"),
        ("POST /api/clients/cl_1/impersonated", "service-api"),
        ("POST /api/clients/cl_1/Impersonate", "service-api"),
        ("POST /api/webhooks/eventss", "ingest"),
        // A plain letter escaped is that letter, to the services too.
        ("POST /api/clients/cl_1/%69mpersonate", "sso"),
        ("GET /api/%63lients/cl_1", "service-api"),
        // The query is none of the path.
        ("GET /api/clients?/api/clients/cl_1/impersonate", "service-api"),
        ("GET /login?next=/api/staff", "dashboard"),
    ])
    .await;
}

#[tokio::test]
async fn a_door_of_one_method_is_closed_to_the_others() {
    let (service, mut seen) = answering(OK).await;
    let gateway = before_with(service, service, |_| {});
    for (request, allow) in [
        ("POST /api/webhooks/events", "GET, HEAD"),
        ("DELETE /api/webhooks/events/", "GET, HEAD"),
        ("GET /api/webhooks/site", "POST"),
        ("HEAD /api/webhooks/site/", "POST"),
    ] {
        let mut client = gateway.connect().await;
        client.write(format!("{request} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").as_bytes()).await;
        let answer = client.head().await.expect("an answer");
        assert_eq!((answer.status(), answer.field("allow")), (405, Some(allow)), "{request}");
    }
    seen.assert_empty();
}

/// Services know their callers; the gateway knows none, so each of its doors must be one that a service guards and records.
#[test]
fn every_door_is_public_and_keeps_what_it_refuses() {
    for route in &gateway::routes::table() {
        assert_eq!(route.access(), Access::Public, "{}", route.path());
        assert!(matches!(route.audit(), Audit::Action { .. }), "{}", route.path());
        assert!(!route.path().starts_with("/internal"), "{}", route.path());
    }
}
