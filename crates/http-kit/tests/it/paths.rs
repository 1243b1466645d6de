//! Which route a path means, and which paths mean none (abuse case S7).

use http_kit::headers::HeaderLimits;

use crate::wire::{get, send, send_raw};
use crate::world::{World, service_bearer};

#[actix_web::test]
async fn one_trailing_slash_is_the_same_route() {
    let world = World::start();
    let address = world.running.address();
    let token = service_bearer();
    for path in ["/open", "/open/"] {
        assert_eq!(get(address, path).await.body, b"open", "{path}");
    }
    for path in ["/clients/a@b.example", "/clients/a@b.example/"] {
        let answer = send(address, "GET", path, &[("Authorization", &token)], b"").await;
        assert_eq!(answer.json()["email"], "a@b.example", "{path}");
    }
    assert_eq!(get(address, "/").await.body, b"root");
    get(address, "/open//").await.problem(400, "bad_path");
}

#[actix_web::test]
async fn unknown_routes_are_404() {
    let world = World::start();
    for path in ["/nowhere", "/openly", "/open/more", "/OPEN", "/clients", "/clients/", "/clients/a/b"] {
        get(world.running.address(), path).await.problem(404, "route_not_found");
    }
}

#[actix_web::test]
async fn wrong_methods_are_405_with_allow() {
    let world = World::start();
    let address = world.running.address();
    for (method, path, allow) in [
        ("DELETE", "/clients/a@b.example", "GET, HEAD, POST"),
        ("PUT", "/clients/a@b.example/", "GET, HEAD, POST"),
        ("GET", "/json", "POST"),
        ("OPTIONS", "/open", "GET, HEAD"),
        ("BREW", "/open", "GET, HEAD"),
    ] {
        let answer = send(address, method, path, &[], b"").await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
}

#[actix_web::test]
async fn head_is_answered_like_get_without_the_body() {
    let world = World::start();
    let answer = send(world.running.address(), "HEAD", "/open", &[], b"").await;
    assert_eq!((answer.status, answer.header("content-length"), answer.body.len()), (200, Some("4"), 0));
}

#[actix_web::test]
async fn a_method_cannot_be_overridden() {
    let world = World::start();
    let headers =
        [("X-HTTP-Method-Override", "POST"), ("X-HTTP-Method", "POST"), ("X-Method-Override", "POST")];
    send(world.running.address(), "GET", "/json?_method=POST", &headers, b"")
        .await
        .problem(405, "method_not_allowed");
}

#[actix_web::test]
async fn paths_that_could_mean_another_are_refused_before_routing() {
    let world = World::start();
    let token = service_bearer();
    for path in [
        "/open/../open",
        "/clients/../open",
        "/clients/%2e%2e/open",
        "/clients/%2E%2E",
        "/clients/.%2e/open",
        "/clients/./a",
        "//open",
        "/clients//open",
        "/clients/a%00",
        "/%00",
        "/clients/..%2fopen",
        "/clients/%2e%2e%2fopen",
        "/pass/../open",
    ] {
        let answer = send(world.running.address(), "GET", path, &[("Authorization", &token)], b"").await;
        answer.problem(400, "bad_path");
    }
}

#[actix_web::test]
async fn a_segment_is_decoded_once_and_whole() {
    let world = World::start();
    let token = service_bearer();
    for (segment, email) in [
        ("a%2Bb@x.example", "a+b@x.example"),
        ("a+b@x.example", "a+b@x.example"),
        ("a%26b%23c@x.example", "a&b#c@x.example"),
        ("a%2525@x.example", "a%25@x.example"),
        ("a%252e%252e@x.example", "a%2e%2e@x.example"),
        ("a%2Fb@x.example", "a/b@x.example"),
        ("%C3%A9@x.example", "é@x.example"),
        ("a%20@x.example", "a @x.example"),
    ] {
        let path = format!("/clients/{segment}");
        let answer = send(world.running.address(), "GET", &path, &[("Authorization", &token)], b"").await;
        assert_eq!(answer.json()["email"], email, "{segment}");
    }
}

#[actix_web::test]
async fn a_route_for_the_rest_of_the_path_takes_every_method_and_slash() {
    let world = World::start();
    for (method, path, rest) in
        [("GET", "/pass/a/b", "a/b"), ("DELETE", "/pass/a/", "a/"), ("PATCH", "/pass/", "")]
    {
        let answer = send(world.running.address(), method, path, &[], b"").await;
        assert_eq!((answer.status, answer.json()["rest"].as_str()), (404, Some(rest)), "{method} {path}");
    }
}

#[actix_web::test]
async fn large_heads_are_431_and_close_the_connection() {
    let world = World::start();
    let address = world.running.address();
    let fields = HeaderLimits::EDGE.fields;
    // Host is one of them.
    for (extra, status) in [(fields - 1, 200), (fields, 431)] {
        let lines: String = (0..extra).map(|index| format!("X-{index}: x\r\n")).collect();
        // Without `Connection: close`: reading to the end proves that the server closes where it must.
        let request = format!("GET /open HTTP/1.1\r\nHost: t\r\n{lines}\r\n");
        if status == 431 {
            send_raw(address, request.as_bytes()).await.problem(431, "headers_too_large");
        } else {
            let closing = request.replacen("X-0: x", "Connection: close", 1);
            assert_eq!(send_raw(address, closing.as_bytes()).await.status, status);
        }
    }
    let large = "x".repeat(HeaderLimits::EDGE.bytes);
    send(address, "GET", "/open", &[("X-Large", &large)], b"").await.problem(431, "headers_too_large");
}

#[actix_web::test]
async fn a_request_id_is_echoed_if_it_is_harmless_and_made_if_not() {
    let world = World::start();
    let address = world.running.address();
    for good in ["a", "A.b_c-9", &"x".repeat(64)] {
        let answer = send(address, "GET", "/open", &[("X-Request-Id", good)], b"").await;
        assert_eq!(answer.header("x-request-id"), Some(good));
        send(address, "GET", "/nowhere", &[("X-Request-Id", good)], b"")
            .await
            .problem(404, "route_not_found");
    }
    for bad in ["", "a b", "a/b", "é", &"x".repeat(65)] {
        let answer = send(address, "GET", "/open", &[("X-Request-Id", bad)], b"").await;
        let made = answer.header("x-request-id").expect("made");
        assert!(made.starts_with("req_") && made != bad, "{made}");
    }
    let twice = send(address, "GET", "/open", &[("X-Request-Id", "one"), ("X-Request-Id", "two")], b"").await;
    assert!(twice.header("x-request-id").expect("made").starts_with("req_"));
}
