//! Connections to services: used again, dropped when old, replaced when the service restarts, and never a request sent twice.

use std::time::Duration;

use crate::harness::{Gateway, OK, Peer, Service, before, before_with, nowhere};

/// Waits for a request on the service's side and answers it, while the client waits for the answer.
async fn exchange(client: &mut Peer, behind: &mut Peer) {
    client.write(b"GET /api/service/x HTTP/1.1\r\nhost: x\r\n\r\n").await;
    answer(client, behind).await;
}

async fn answer(client: &mut Peer, behind: &mut Peer) {
    behind.message().await.expect("a request");
    behind.write(OK.as_bytes()).await;
    assert_eq!(client.answer().await.status(), 200);
}

/// A client whose first request has opened this connection. Each client stays with one worker, and so with one pool.
async fn first(gateway: &Gateway, service: &Service) -> (Peer, Peer) {
    let mut client = gateway.connect().await;
    client.write(b"GET /api/service/x HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut behind = service.accept().await;
    answer(&mut client, &mut behind).await;
    (client, behind)
}

#[tokio::test]
async fn one_connection_carries_request_after_request() {
    let service = Service::new();
    let gateway = before(service.address).await;
    let (mut client, mut behind) = first(&gateway, &service).await;
    for _ in 0..100 {
        exchange(&mut client, &mut behind).await;
    }
    service.assert_untouched().await;
}

#[tokio::test]
async fn an_idle_connection_is_dropped_in_time() {
    let service = Service::new();
    let gateway = before_with(service.address, nowhere(), |config| {
        config.timeouts.idle = Duration::from_millis(100);
    });
    let (mut client, mut behind) = first(&gateway, &service).await;
    behind.closed().await;
    client.write(b"GET /api/service/x HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut fresh = service.accept().await;
    answer(&mut client, &mut fresh).await;
}

#[tokio::test]
async fn a_service_that_restarts_between_requests_is_not_noticed() {
    let mut service = Service::new();
    let gateway = before(service.address).await;
    let (mut client, mut behind) = first(&gateway, &service).await;
    for _ in 0..20 {
        let address = service.address;
        drop((service, behind));
        service = Service::on(address);
        client.write(b"POST /api/service/x HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody").await;
        behind = service.accept().await;
        assert_eq!(behind.message().await.expect("a request").body, b"body");
        behind.write(OK.as_bytes()).await;
        assert_eq!(client.answer().await.status(), 200);
    }
}

#[tokio::test]
async fn a_connection_that_the_service_means_to_close_is_not_used_again() {
    let service = Service::new();
    let gateway = before(service.address).await;
    let mut client = gateway.connect().await;
    for _ in 0..3 {
        client.write(b"GET /api/service/x HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut behind = service.accept().await;
        behind.message().await.expect("a request");
        behind.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok").await;
        assert_eq!(client.answer().await.status(), 200);
        behind.closed().await;
    }
}

/// The service has read the request before it hangs up, so it may have acted on it.
#[tokio::test]
async fn a_request_that_may_have_been_seen_is_not_sent_again() {
    let service = Service::new();
    let gateway = before(service.address).await;
    let (mut client, mut behind) = first(&gateway, &service).await;
    client.write(b"GET /api/service/x HTTP/1.1\r\nhost: x\r\n\r\n").await;
    behind.message().await.expect("a request");
    drop(behind);
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.problem().as_str()), (502, "upstream_unavailable"));
    service.assert_untouched().await;
}

#[tokio::test]
async fn words_that_nobody_asked_for_are_nobodys_answer() {
    let service = Service::new();
    let gateway = before(service.address).await;
    let mut client = gateway.connect().await;
    client.write(b"GET /api/service/x HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut behind = service.accept().await;
    behind.message().await.expect("a request");
    behind.write(format!("{OK}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged").as_bytes()).await;
    assert_eq!(client.answer().await.body, b"ok");
    client.write(b"GET /api/service/x HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut fresh = service.accept().await;
    answer(&mut client, &mut fresh).await;
}
