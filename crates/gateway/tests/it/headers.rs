//! Which header fields go through, which end at the gateway, and which it adds.

use contract::clock::Clock;

use crate::harness::{OK, answering, before, ring};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn what_only_services_may_say_is_stripped() {
    let (service, mut seen) = answering(OK).await;
    let gateway = before(service).await;
    let forged = auth::internal_token::issue(&ring(), "webhook-ingest", "service-api", Clock::system().now());
    let answer = gateway
        .exchange(&format!(
            "GET /api/service/x HTTP/1.1\r\nHost: crm.example:8443\r\nX-CRM-Internal: {forged}\r\nx-crm-internal: second\r\n\
             X-Crm-Client-Address: 203.0.113.9\r\nx-crm-anything: y\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: evil.example\r\n\
             x-forwarded-anything: z\r\nForwarded: for=203.0.113.9\r\nAuthorization: Bearer abc\r\nx-custom: one\r\nx-custom: two\r\n\r\n"
        ))
        .await;
    assert_eq!(answer.status(), 200);
    let onward = seen.next().await;
    let token = onward.field("x-crm-internal").expect("a token of the gateway's own");
    assert_ne!(token, forged);
    let issuer =
        auth::internal_token::verify(&ring(), "service-api", token, Clock::system().now()).expect("valid");
    assert_eq!(issuer.to_string(), "gateway");
    assert!(auth::internal_token::verify(&ring(), "audit-log", token, Clock::system().now()).is_err());
    assert_eq!(onward.field("x-crm-client-address"), Some("127.0.0.1"));
    for gone in ["x-crm-anything", "x-forwarded-for", "x-forwarded-host", "x-forwarded-anything", "forwarded"]
    {
        assert_eq!(onward.field(gone), None, "{gone}");
    }
    assert_eq!(onward.field("host"), Some("crm.example:8443"));
    assert_eq!(onward.field("authorization"), Some("Bearer abc"));
    assert_eq!(onward.all("x-custom"), ["one", "two"]);
}

#[tokio::test]
async fn fields_of_one_hop_end_here() {
    let (service, mut seen) = answering(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive, x-answer-hop\r\nkeep-alive: timeout=5\r\nx-answer-hop: 1\r\n\
         proxy-authenticate: Basic\r\nx-crm-internal: leaked\r\nx-request-id: another\r\nx-answer: 2\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\nok",
    )
    .await;
    let gateway = before(service).await;
    let answer = gateway
        .exchange(
            "GET /api/service/x HTTP/1.1\r\nhost: x\r\nConnection: close, X-Hop , x-crm-internal, x-request-id, host\r\nConnection: x-second\r\n\
             x-hop: 1\r\nx-second: 1\r\nkeep-alive: 5\r\nte: trailers\r\ntrailer: x\r\nproxy-authorization: Basic eHg=\r\nproxy-connection: x\r\n\
             x-request-id: mine\r\nx-kept: 1\r\n\r\n",
        )
        .await;
    let onward = seen.next().await;
    for gone in [
        "connection",
        "x-hop",
        "x-second",
        "keep-alive",
        "te",
        "trailer",
        "proxy-authorization",
        "proxy-connection",
    ] {
        assert_eq!(onward.all(gone), [""; 0], "{gone}");
    }
    assert_eq!(onward.field("x-kept"), Some("1"));
    assert_eq!(onward.field("host"), Some("x"), "a client can't take the Host away");
    assert!(onward.field("x-crm-internal").is_some(), "nor what the gateway says");
    assert_eq!(onward.field("x-request-id"), Some("mine"));

    assert_eq!(answer.field("connection"), Some("close"), "the client's own wish");
    for gone in ["x-answer-hop", "keep-alive", "proxy-authenticate", "x-crm-internal"] {
        assert_eq!(answer.all(gone), [""; 0], "{gone}");
    }
    assert_eq!(answer.field("x-request-id"), Some("mine"));
    assert_eq!(answer.field("x-answer"), Some("2"));
    assert_eq!(answer.all("set-cookie"), ["a=1", "b=2"]);
}

#[tokio::test]
async fn an_upgrade_is_not_passed_on() {
    let (service, mut seen) = answering(OK).await;
    let gateway = before(service).await;
    let request =
        "GET /api/service/x HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    assert_eq!(gateway.exchange(request).await.status(), 200);
    let onward = seen.next().await;
    assert_eq!((onward.field("upgrade"), onward.field("connection")), (None, None));
}

#[tokio::test]
async fn a_valid_request_id_is_kept_and_any_other_replaced() {
    let (service, mut seen) = answering(OK).await;
    let gateway = before(service).await;
    let long = "x".repeat(64);
    for (sent, kept) in [
        ("", false),
        ("x-request-id: Req_1.a-b\r\n", true),
        (&format!("x-request-id: {long}\r\n"), true),
        (&format!("x-request-id: {long}x\r\n"), false),
        ("x-request-id: a b\r\n", false),
        ("x-request-id: \r\n", false),
        ("x-request-id: a\r\nx-request-id: b\r\n", false),
    ] {
        let answer = gateway.exchange(&format!("GET /api/service/x HTTP/1.1\r\nhost: x\r\n{sent}\r\n")).await;
        let onward = seen.next().await;
        let id = onward.field("x-request-id").expect("an id").to_owned();
        assert_eq!(answer.field("x-request-id"), Some(id.as_str()));
        assert_eq!(sent.trim() == format!("x-request-id: {id}"), kept, "{sent}");
    }
}

#[tokio::test]
async fn a_valid_trace_goes_on_as_it_is_and_any_other_is_begun_anew() {
    let (service, mut seen) = answering(OK).await;
    let gateway = before(service).await;
    for (sent, kept) in [
        (TRACE, true),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
        ("nonsense", false),
    ] {
        let request = format!(
            "GET /api/service/x HTTP/1.1\r\nhost: x\r\ntraceparent: {sent}\r\ntracestate: a=b\r\n\r\n"
        );
        assert_eq!(gateway.exchange(&request).await.status(), 200);
        let onward = seen.next().await;
        let trace = onward.field("traceparent").expect("a trace");
        assert_eq!((trace == sent, trace.len()), (kept, TRACE.len()), "{sent}");
        assert_eq!(onward.field("tracestate"), Some("a=b"));
    }
}

#[tokio::test]
async fn s8_more_headers_than_anyone_needs_are_refused() {
    let (service, mut seen) = answering(OK).await;
    let gateway = before(service).await;
    let with = |fields: usize| {
        let more: String = (1..fields).map(|number| format!("x-{number}: y\r\n")).collect();
        format!("GET /api/service/x HTTP/1.1\r\nhost: x\r\n{more}\r\n")
    };
    assert_eq!(gateway.exchange(&with(64)).await.status(), 200);
    assert_eq!(seen.next().await.all("x-63"), ["y"]);
    for fields in [65, 90] {
        let answer = gateway.exchange(&with(fields)).await;
        assert_eq!((answer.status(), answer.problem().as_str()), (431, "headers_too_large"), "{fields}");
    }
    let large =
        format!("GET /api/service/x HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "y".repeat(17 * 1024));
    let answer = gateway.exchange(&large).await;
    assert_eq!((answer.status(), answer.problem().as_str()), (431, "headers_too_large"));
    seen.assert_empty();
}

/// S8: what could be read in two ways is refused before anything is sent on, and the connection is closed.
#[tokio::test]
async fn s8_a_head_with_two_readings_is_refused() {
    let (service, mut seen) = answering(OK).await;
    let gateway = before(service).await;
    let many: String = (0..300).map(|number| format!("x-{number}: y\r\n")).collect();
    let large = format!("x-large: {}\r\n", "y".repeat(100 * 1024));
    for fields in [
        "content-length: 3\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
        "content-length: 3\r\ncontent-length: 4\r\n",
        "content-length: 3\r\ncontent-length: 3\r\n",
        "content-length: 3, 3\r\n",
        "content-length: +3\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: \x0bchunked\r\n",
        "x-folded: a\r\n b\r\n",
        "x-space : a\r\n",
        "host: second\r\n",
        &many,
        &large,
    ] {
        let mut client = gateway.connect().await;
        client.write(format!("POST /api/service/x HTTP/1.1\r\nhost: x\r\n{fields}\r\nabc").as_bytes()).await;
        let answer = client.head().await.expect("an answer");
        assert!([400, 431].contains(&answer.status()), "{fields:.60}: {answer:?}");
        client.rest().await;
    }
    seen.assert_empty();
}
