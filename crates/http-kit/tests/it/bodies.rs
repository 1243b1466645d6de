//! Bodies and parameters: limits, deadlines, and every refusal of an extractor as a problem.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::wire::{get, read_to_end, request, send, send_raw};
use crate::world::{World, service_bearer};

#[actix_web::test]
async fn a_body_up_to_its_route_s_limit_is_read() {
    let world = World::start();
    let address = world.running.address();
    let at_limit = format!("{{\"number\":7,\"fill\":\"{}\"}}", "x".repeat(100 - 22));
    assert_eq!(at_limit.len(), 100);
    assert_eq!(send(address, "POST", "/json", &[], at_limit.as_bytes()).await.body, b"7");
    send(address, "POST", "/json", &[], format!("{at_limit} ").as_bytes())
        .await
        .problem(413, "payload_too_large");
    assert_eq!(send(address, "PUT", "/stream", &[], &[b'x'; 100]).await.body, b"100");
    send(address, "PUT", "/stream", &[], &[b'x'; 101]).await.problem(413, "payload_too_large");
}

#[actix_web::test]
async fn a_stated_length_over_the_limit_is_refused_before_the_body_is_sent() {
    let world = World::start();
    for (path, length) in
        [("/json", "10737418240"), ("/webhooks/site", "4097"), ("/json", "18446744073709551615")]
    {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        send_raw(world.running.address(), head.as_bytes()).await.problem(413, "payload_too_large");
    }
}

#[actix_web::test]
async fn a_chunked_body_without_end_is_cut_off_at_the_limit() {
    let world = World::start();
    for (method, path) in [("POST", "/json"), ("PUT", "/stream"), ("POST", "/webhooks/site")] {
        let mut stream = TcpStream::connect(world.running.address()).await.expect("connects");
        let head = format!("{method} {path} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("writes");
        let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
        for _ in 0..5 {
            // The server may have refused and closed already.
            if stream.write_all(chunk.as_bytes()).await.is_err() {
                break;
            }
        }
        read_to_end(&mut stream).await.problem(413, "payload_too_large");
    }
}

#[actix_web::test]
async fn a_body_without_end_holds_no_connection_open_whatever_is_answered() {
    let world = World::start();
    for (path, status, code) in [
        ("/nowhere", 404, "route_not_found"),
        ("/open", 405, "method_not_allowed"),
        ("/open/../x", 400, "bad_path"),
        ("/clients/a@b.example", 401, "credentials_missing"),
    ] {
        let mut stream = TcpStream::connect(world.running.address()).await.expect("connects");
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        stream.write_all(head.as_bytes()).await.expect("writes");
        let answer = read_to_end(&mut stream).await;
        answer.problem(status, code);
        assert_eq!(answer.header("connection"), Some("close"));
    }
}

#[actix_web::test]
async fn a_chunked_body_that_was_read_keeps_the_connection() {
    let world = World::start();
    let mut stream = TcpStream::connect(world.running.address()).await.expect("connects");
    for _ in 0..2 {
        let head =
            "PUT /stream HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        stream.write_all(head.as_bytes()).await.expect("writes");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n5") {
            assert!(
                stream.read_buf(&mut answer).await.expect("reads") > 0,
                "closed: {}",
                String::from_utf8_lossy(&answer)
            );
        }
    }
}

#[actix_web::test]
async fn a_body_that_comes_too_slowly_is_408() {
    let world = World::start_with(|_| {}, |listen| listen.body_deadline = Duration::from_millis(200));
    let mut stream = TcpStream::connect(world.running.address()).await.expect("connects");
    let head = b"POST /json HTTP/1.1\r\nHost: t\r\nContent-Length: 14\r\n\r\n{\"num";
    stream.write_all(head).await.expect("writes");
    read_to_end(&mut stream).await.problem(408, "request_timeout");
}

#[actix_web::test]
async fn a_head_that_comes_too_slowly_is_408_without_a_body() {
    let world = World::start_with(|_| {}, |listen| listen.head_deadline = Duration::from_millis(200));
    let mut stream = TcpStream::connect(world.running.address()).await.expect("connects");
    stream.write_all(b"GET /open HTTP/1.1\r\nHost: t\r\n").await.expect("writes");
    let answer = read_to_end(&mut stream).await;
    assert_eq!((answer.status, answer.body.len()), (408, 0));
}

#[actix_web::test]
async fn json_is_read_whatever_its_content_type_says() {
    let world = World::start();
    for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"] {
        let headers = [("Content-Type", kind)];
        assert_eq!(
            send(world.running.address(), "POST", "/json", &headers, b"{\"number\":7}").await.body,
            b"7",
            "{kind}"
        );
    }
    assert_eq!(send(world.running.address(), "POST", "/json", &[], b"{\"number\":7}").await.body, b"7");
}

#[actix_web::test]
async fn what_extractors_refuse_is_a_problem() {
    let world = World::start();
    let address = world.running.address();
    for body in [&b""[..], b"{", b"\xff\xfe", b"{\"number\":7} trailing"] {
        send(address, "POST", "/json", &[], body).await.problem(400, "invalid_json");
    }
    for body in [&b"[]"[..], b"{}", b"{\"number\":\"7\"}", b"{\"number\":-1}", b"7"] {
        send(address, "POST", "/json", &[], body).await.problem(422, "invalid_parameter");
    }
    for query in
        ["", "?limit=", "?limit=abc", "?limit=-1", "?limit=1e9", "?limit=99999999999", "?limit=1&limit=2"]
    {
        get(address, &format!("/page{query}")).await.problem(422, "invalid_parameter");
    }
    assert_eq!(get(address, "/page?limit=5&else=x").await.body, b"5");
    for number in ["abc", "-1", "4294967296", "%20"] {
        get(address, &format!("/numbers/{number}")).await.problem(404, "route_not_found");
    }
}

#[actix_web::test]
async fn an_error_s_cause_is_never_sent() {
    let world = World::start();
    let address = world.running.address();
    let token = service_bearer();
    let ours = send(address, "GET", "/broken", &[("Authorization", &token)], b"").await;
    let foreign = get(address, "/foreign").await;
    for answer in [ours, foreign] {
        answer.problem(500, "internal_error");
        assert!(!String::from_utf8_lossy(&answer.body).contains("cause"), "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[actix_web::test]
async fn a_bare_error_status_becomes_its_problem() {
    let world = World::start();
    for (status, code_status, code) in [
        (404, 404, "route_not_found"),
        (405, 405, "method_not_allowed"),
        (418, 422, "invalid_parameter"),
        (500, 500, "internal_error"),
        (502, 502, "upstream_unavailable"),
        (503, 503, "unavailable"),
        (504, 504, "upstream_timeout"),
        (599, 500, "internal_error"),
    ] {
        get(world.running.address(), &format!("/bare/{status}")).await.problem(code_status, code);
    }
    assert_eq!(get(world.running.address(), "/bare/204").await.status, 204);
    assert_eq!(get(world.running.address(), "/bare/503").await.header("retry-after"), Some("1"));
}

#[actix_web::test]
async fn a_malformed_head_is_refused_and_the_connection_closes() {
    let world = World::start();
    for raw in [
        &b"GET\r\n\r\n"[..],
        b"GET /open HTTP/9.9\r\nHost: t\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: t\r\nBad Header: x\r\n\r\n",
    ] {
        let answer = send_raw(world.running.address(), raw).await;
        assert_eq!(answer.status, 400, "{raw:?}");
    }
    let both =
        b"POST /json HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(send_raw(world.running.address(), both).await.status, 400);
    let whole = request("GET", "/open", &[], b"");
    assert_eq!(send_raw(world.running.address(), &whole).await.status, 200, "the server goes on");
}
