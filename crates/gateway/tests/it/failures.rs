//! What clients hear when a service is slow, away, broken, or dies; and what services hear when clients go away.

use std::time::{Duration, Instant};

use tokio::io::AsyncBufReadExt as _;
use tokio::net::TcpListener;

use crate::harness::{Gateway, OK, Peer, Service, answering, before, before_with, nowhere};

const GET: &str = "GET /api/service/x HTTP/1.1\r\nhost: x\r\n\r\n";

/// Does not wait long for the first byte of an answer.
async fn impatient(service: &Service) -> Gateway {
    before_with(service.address, nowhere(), |config| {
        config.timeouts.first_byte = Duration::from_millis(200);
    })
}

#[tokio::test]
async fn a_service_that_is_away_is_503() {
    let gateway = before(nowhere()).await;
    let answer = gateway.exchange(GET).await;
    assert_eq!((answer.status(), answer.problem().as_str()), (503, "unavailable"));
    assert_eq!(answer.field("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_service_that_does_not_let_in_is_503() {
    // A full backlog: the kernel lets connections hang, as a dead machine would.
    let full = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = full.local_addr().expect("an address");
    let gateway =
        before_with(address, nowhere(), |config| config.timeouts.connect = Duration::from_millis(200));
    let mut waiting = Vec::new();
    while let Ok(connected) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(connected.expect("connected"));
    }
    let answer = gateway.exchange(GET).await;
    assert_eq!((answer.status(), answer.problem().as_str()), (503, "unavailable"));
    drop(full);
}

#[tokio::test]
async fn a_silent_service_is_504_and_its_connection_closed() {
    let service = Service::new();
    let gateway = impatient(&service).await;
    let mut client = gateway.connect().await;
    client.write(GET.as_bytes()).await;
    let mut behind = service.accept().await;
    behind.head().await.expect("a request");
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.problem().as_str()), (504, "upstream_timeout"));
    behind.closed().await;
}

#[tokio::test]
async fn a_client_that_stalls_in_its_body_is_408() {
    let service = Service::new();
    let gateway = before_with(service.address, nowhere(), |config| {
        config.timeouts.body = Duration::from_millis(200);
    });
    let mut client = gateway.connect().await;
    client.write(b"POST /api/service/x HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab").await;
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.problem().as_str()), (408, "request_timeout"));
    service.assert_untouched().await;
}

/// W7: whoever sends a byte now and then is a slow client too, stated length or none: patience is for the whole body.
#[tokio::test]
async fn w7_a_body_that_comes_byte_by_byte_is_408() {
    for framing in ["content-length: 200000", "transfer-encoding: chunked"] {
        let service = Service::new();
        let gateway = before_with(service.address, nowhere(), |config| {
            config.timeouts.body = Duration::from_millis(500);
        });
        let mut client = gateway.connect().await;
        client
            .write(format!("POST /api/webhooks/site HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n").as_bytes())
            .await;
        let piece: &[u8] = if framing.starts_with("transfer") { b"1\r\na\r\n" } else { b"a" };
        let answer = loop {
            let pause = tokio::time::timeout(Duration::from_millis(50), client.0.fill_buf()).await;
            if pause.is_ok() {
                break client.answer().await;
            }
            client.write(piece).await;
        };
        assert_eq!((answer.status(), answer.problem().as_str()), (408, "request_timeout"), "{framing}");
        assert_eq!(answer.field("connection"), Some("close"), "{framing}");
        service.assert_untouched().await;
    }
}

/// What is too large to be taken in is streamed, and may stall then.
#[tokio::test]
async fn a_client_that_stalls_in_a_large_body_is_408() {
    let service = Service::new();
    let gateway = impatient(&service).await;
    let mut client = gateway.connect().await;
    client.write(b"POST /api/service/x HTTP/1.1\r\nhost: x\r\ncontent-length: 300000\r\n\r\nab").await;
    let mut behind = service.accept().await;
    behind.head().await.expect("a request");
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.problem().as_str()), (408, "request_timeout"));
    assert_eq!(behind.rest().await, b"ab");
}

#[tokio::test]
async fn a_slow_body_is_not_a_silent_service() {
    const LIMIT: Duration = Duration::from_secs(3);
    const PAUSE: Duration = Duration::from_millis(100);
    const PAUSES: usize = 40;
    let service = Service::new();
    let gateway = before_with(service.address, nowhere(), |config| config.timeouts.first_byte = LIMIT);
    let mut client = gateway.connect().await;
    let length = 300_000 + PAUSES;
    let head = format!("POST /api/service/x HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    client.write(head.as_bytes()).await;
    client.write(&vec![b'x'; 300_000]).await;
    let mut behind = service.accept().await;
    behind.head().await.expect("a request");
    // Longer than the limit altogether, and each far from it, on a busy machine too: the pauses are what is tested.
    let begin = Instant::now();
    for _ in 0..PAUSES {
        tokio::time::sleep(PAUSE).await;
        client.write(b"x").await;
    }
    assert!(begin.elapsed() > LIMIT);
    behind.write(OK.as_bytes()).await;
    assert_eq!(client.answer().await.status(), 200);
}

#[tokio::test]
async fn what_is_no_answer_is_502_and_is_not_tried_again() {
    for broken in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ] {
        let service = Service::new();
        let gateway = before(service.address).await;
        let mut client = gateway.connect().await;
        client.write(GET.as_bytes()).await;
        let mut behind = service.accept().await;
        behind.head().await.expect("a request");
        behind.write(broken.as_bytes()).await;
        drop(behind);
        let answer = client.answer().await;
        assert_eq!((answer.status(), answer.problem().as_str()), (502, "upstream_unavailable"), "{broken}");
        service.assert_untouched().await;
    }
}

#[tokio::test]
async fn a_service_that_dies_in_its_answer_never_looks_whole() {
    for (head, piece) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", "12345"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "5\r\n12345\r\n"),
    ] {
        let service = Service::new();
        let gateway = before(service.address).await;
        let mut client = gateway.connect().await;
        client.write(GET.as_bytes()).await;
        let mut behind = service.accept().await;
        behind.head().await.expect("a request");
        behind.write(head.as_bytes()).await;
        behind.write(piece.as_bytes()).await;
        drop(behind);
        let answer = client.answer().await;
        assert_eq!(answer.status(), 200);
        assert!(!answer.whole, "a broken answer looks whole: {answer:?}");
        client.closed().await;
    }
}

/// A client connected and waiting for an answer, and the service that has its request.
async fn waiting(gateway: &Gateway, service: &Service, request: &str) -> (Peer, Peer) {
    let mut client = gateway.connect().await;
    client.write(request.as_bytes()).await;
    let mut behind = service.accept().await;
    behind.message().await.expect("a request");
    (client, behind)
}

/// Who hangs up has asked all the same: the service does what it was asked, and its trail says so.
#[tokio::test]
async fn a_whole_request_outlives_its_client() {
    let service = Service::new();
    let gateway = before(service.address).await;
    let post = "POST /api/webhooks/site HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nok";
    for request in [GET, post] {
        let (client, mut behind) = waiting(&gateway, &service, request).await;
        drop(client);
        // A later client comes and is answered; the first one's going away was to be seen long before.
        let (mut later, mut behind_later) = waiting(&gateway, &service, GET).await;
        behind_later.write(OK.as_bytes()).await;
        assert_eq!(later.answer().await.status(), 200);
        // The service's connection is open still, and it can finish.
        let open = behind.0.get_ref().try_read(&mut [0; 1]).expect_err("nothing more is said");
        assert_eq!(open.kind(), std::io::ErrorKind::WouldBlock);
        behind.write(OK.as_bytes()).await;
    }
}

/// One call, no look at the answer: bodies of every size that a webhook may have arrive whole.
#[tokio::test]
async fn who_sends_and_hangs_up_is_heard() {
    let (address, mut seen) = answering(OK).await;
    let gateway = before(address).await;
    for size in [2, 30_000, 100_000, 140_000, 200_000, 256 * 1024] {
        for _ in 0..5 {
            let mut client = gateway.connect().await;
            let head =
                format!("POST /api/webhooks/site HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n");
            client.write(&[head.as_bytes(), &vec![b'x'; size]].concat()).await;
            drop(client);
            assert_eq!(seen.next().await.body.len(), size);
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_away_in_its_body_is_never_passed_on() {
    let (address, mut seen) = answering(OK).await;
    let gateway = before(address).await;
    for path in ["/api/service/x", "/api/webhooks/site"] {
        let mut client = gateway.connect().await;
        client
            .write(format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab").as_bytes())
            .await;
        drop(client);
    }
    assert_eq!(gateway.exchange(GET).await.status(), 200);
    assert_eq!(seen.next().await.body, b"");
    seen.assert_empty();
}

/// What the dashboard says to people reaches them; what any other service says is a problem, whatever its type.
#[tokio::test]
async fn an_error_page_of_the_dashboard_is_shown_as_it_is() {
    const PAGE: &str = "HTTP/1.1 404 Not Found\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: 14\r\n\r\n<p>Nothing</p>";
    let (service, _seen) = answering(PAGE).await;
    let gateway = before(service).await;
    for page in ["/audit/none", "/audit", "/login"] {
        let answer = gateway.get(page).await;
        assert_eq!((answer.status(), answer.body.as_slice()), (404, b"<p>Nothing</p>".as_slice()), "{page}");
        assert_eq!(answer.field("content-type"), Some("text/html; charset=utf-8"));
    }
    let answer = gateway.get("/api/service/x").await;
    assert_eq!((answer.status(), answer.problem().as_str()), (404, "route_not_found"));
}
