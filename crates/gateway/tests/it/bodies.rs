//! Bodies go through as they come: framed as the head says, and no faster than the other side takes them.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::harness::{OK, Peer, Service, answering, before, before_with, nowhere, soon};

/// Far more than all socket buffers on the way hold together.
const LARGE: usize = 100 * 1024 * 1024;

/// What the kernel may hold on a way of two connections, and then some.
const IN_BETWEEN: usize = 40 * 1024 * 1024;

static CHUNK: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// Writes until the other end takes no more, at most all of [`LARGE`]; how many bytes were taken.
async fn fill(peer: &mut Peer) -> usize {
    let mut taken = 0;
    while taken < LARGE {
        // Two seconds without room for a single byte: nobody reads.
        match timeout(
            Duration::from_secs(2),
            peer.0.get_mut().write(&CHUNK[..CHUNK.len().min(LARGE - taken)]),
        )
        .await
        {
            Ok(written) => taken += written.expect("written"),
            Err(_) => break,
        }
    }
    taken
}

/// Writes the rest of [`LARGE`] while the other end reads.
async fn finish(mut peer: Peer, mut taken: usize) -> Peer {
    while taken < LARGE {
        let end = CHUNK.len().min(LARGE - taken);
        peer.write(&CHUNK[..end]).await;
        taken += end;
    }
    peer
}

/// Reads as many bytes as [`LARGE`], and no more.
async fn drain(mut peer: Peer) -> Peer {
    let mut buffer = vec![0; CHUNK.len()];
    let mut left = LARGE;
    while left > 0 {
        let end = buffer.len().min(left);
        let read = peer.0.read(&mut buffer[..end]).await.expect("read");
        assert!(read > 0 && buffer[..read].iter().all(|byte| *byte == b'x'), "{left} bytes are missing");
        left -= read;
    }
    peer
}

/// W7: whoever begins bodies and ends none costs no more memory than there is room for, and others no more than a retry.
#[tokio::test]
async fn a_body_without_room_is_refused_until_there_is_room_again() {
    let (service, _seen) = answering(OK).await;
    let gateway = before_with(service, nowhere(), |config| config.body_room = 100_000);
    let post = |length: usize| {
        format!("POST /api/webhooks/site HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n")
    };
    let whole = post(30_000) + &"x".repeat(30_000);
    assert_eq!(gateway.exchange(&whole).await.status(), 200);

    // A parked body whose bytes come in beside a whole one is itself without room: then the next one parks.
    let mut parked = Vec::new();
    let refused = soon("the room to be full", async {
        loop {
            let mut client = gateway.connect().await;
            client.write((post(80_001) + &"x".repeat(80_000)).as_bytes()).await;
            parked.push(client);
            let answer = gateway.exchange(&whole).await;
            if answer.status() != 200 {
                return answer;
            }
        }
    })
    .await;
    assert_eq!((refused.status(), refused.problem().as_str()), (503, "unavailable"));
    assert!(refused.field("retry-after").is_some());
    assert_eq!(gateway.get("/api/clients").await.status(), 200, "what has no body needs no room");

    drop(parked);
    soon("the room to be free", async { while gateway.exchange(&whole).await.status() != 200 {} }).await;
}

#[tokio::test]
async fn a_large_upload_waits_for_its_reader() {
    let service = Service::new();
    let gateway = before(service.address).await;
    let mut client = gateway.connect().await;
    client
        .write(
            format!("POST /api/webhooks/site HTTP/1.1\r\nhost: x\r\ncontent-length: {LARGE}\r\n\r\n")
                .as_bytes(),
        )
        .await;
    let mut behind = service.accept().await;
    let head = behind.head().await.expect("a request");
    assert_eq!(head.field("content-length"), Some(LARGE.to_string().as_str()));

    let taken = fill(&mut client).await;
    assert!(taken < IN_BETWEEN, "the gateway holds {taken} bytes that nobody reads");

    let (mut client, mut behind) = tokio::join!(finish(client, taken), drain(behind));
    behind.write(OK.as_bytes()).await;
    assert_eq!(client.answer().await.body, b"ok");
}

#[tokio::test]
async fn a_large_download_waits_for_its_reader() {
    let service = Service::new();
    let gateway = before(service.address).await;
    let mut client = gateway.connect().await;
    client.write(b"GET /api/service/large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut behind = service.accept().await;
    behind.head().await.expect("a request");
    behind.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n").as_bytes()).await;

    let taken = fill(&mut behind).await;
    assert!(taken < IN_BETWEEN, "the gateway holds {taken} bytes that nobody reads");

    let head = client.head().await.expect("an answer");
    assert_eq!(head.field("content-length"), Some(LARGE.to_string().as_str()));
    let (_behind, mut client) = tokio::join!(finish(behind, taken), drain(client));
    client.write(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(client.answer().await.status(), 200, "the connection goes on after the body");
}

/// Reads one chunk, however the pieces were cut, and says how long it was.
async fn chunk(peer: &mut Peer) -> usize {
    let mut size = Vec::new();
    while !size.ends_with(b"\r\n") {
        size.push(peer.0.read_u8().await.expect("a size"));
    }
    let size = usize::from_str_radix(String::from_utf8_lossy(&size).trim(), 16).expect("hex");
    peer.0.read_exact(&mut vec![0; size + 2]).await.expect("a chunk");
    size
}

#[tokio::test]
async fn each_piece_goes_through_as_it_comes() {
    let service = Service::new();
    let gateway = before(service.address).await;
    let mut client = gateway.connect().await;
    client.write(b"POST /api/service/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    // More than is taken in before a request goes on.
    let first = [b"50000\r\n".as_slice(), &vec![b'x'; 0x50000], b"\r\n"].concat();
    client.write(&first).await;
    let mut behind = service.accept().await;
    let head = behind.head().await.expect("a request");
    assert_eq!((head.field("transfer-encoding"), head.field("content-length")), (Some("chunked"), None));
    let mut taken = 0;
    while taken < 0x50000 {
        taken += chunk(&mut behind).await;
    }
    behind.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    assert_eq!(client.head().await.expect("an answer").field("transfer-encoding"), Some("chunked"));
    // Both at once, in turns: neither side waits for the other's end.
    for piece in ["5\r\nfirst\r\n", "6\r\nsecond\r\n", "0\r\n\r\n"] {
        client.write(piece.as_bytes()).await;
        let mut arrived = vec![0; piece.len()];
        behind.0.read_exact(&mut arrived).await.expect("the piece");
        assert_eq!(String::from_utf8_lossy(&arrived), piece);
        behind.write(piece.as_bytes()).await;
        client.0.read_exact(&mut arrived).await.expect("the piece back");
        assert_eq!(String::from_utf8_lossy(&arrived), piece);
    }
}

#[tokio::test]
async fn a_body_is_framed_as_it_was_whatever_the_method() {
    let (service, mut seen) = answering(OK).await;
    let gateway = before(service).await;
    for method in ["GET", "POST", "PATCH", "DELETE"] {
        for (framing, length, coding, body) in [
            ("\r\n", None, None, ""),
            ("content-length: 0\r\n\r\n", Some("0"), None, ""),
            ("content-length: 3\r\n\r\nabc", Some("3"), None, "abc"),
            (
                "transfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
                None,
                Some("chunked"),
                "abc",
            ),
            ("transfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n", None, Some("chunked"), "abc"),
            ("transfer-encoding: chunked\r\n\r\n0\r\n\r\n", None, Some("chunked"), ""),
        ] {
            let answer =
                gateway.exchange(&format!("{method} /api/service/x HTTP/1.1\r\nhost: x\r\n{framing}")).await;
            assert_eq!(answer.status(), 200, "{method} {framing}");
            let onward = seen.next().await;
            assert_eq!(onward.line, format!("{method} /api/service/x HTTP/1.1"));
            assert_eq!(
                (onward.field("content-length"), onward.field("transfer-encoding")),
                (length, coding),
                "{method} {framing}"
            );
            assert_eq!(
                (String::from_utf8_lossy(&onward.body), onward.whole),
                (body.into(), true),
                "{method} {framing}"
            );
        }
    }
}

#[tokio::test]
async fn a_client_that_expects_to_continue_is_told_to() {
    let (service, mut seen) = answering(OK).await;
    let gateway = before(service).await;
    let mut client = gateway.connect().await;
    client
        .write(
            b"POST /api/service/x HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n",
        )
        .await;
    assert_eq!(client.head().await.expect("leave to go on").status(), 100);
    client.write(b"abc").await;
    assert_eq!(client.answer().await.status(), 200);
    let onward = seen.next().await;
    assert_eq!((onward.field("expect"), onward.body.as_slice()), (None, b"abc".as_slice()));
}

#[tokio::test]
async fn an_answer_without_a_body_keeps_what_its_head_says() {
    for (method, answer, length) in [
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n", Some("1234")),
        ("HEAD", "HTTP/1.1 200 OK\r\n\r\n", None),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", None),
        ("GET", "HTTP/1.1 304 Not Modified\r\netag: \"7\"\r\ncontent-length: 1234\r\n\r\n", Some("1234")),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Some("0")),
    ] {
        let (service, _seen) = answering(answer).await;
        let gateway = before(service).await;
        let mut client = gateway.connect().await;
        // Twice, so that a body where none belongs would be taken for the next answer.
        for _ in 0..2 {
            client.write(format!("{method} /api/service/x HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
            let head = client.head().await.expect("an answer");
            assert!(answer.starts_with(&head.line), "{head:?}");
            assert_eq!(
                (head.field("content-length"), head.field("transfer-encoding")),
                (length, None),
                "{method} {answer}"
            );
        }
    }
}

#[tokio::test]
async fn a_client_of_http_1_0_is_answered_to_the_end_of_its_connection() {
    let (service, mut seen) =
        answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").await;
    let gateway = before(service).await;
    let mut client = gateway.connect().await;
    client.write(b"GET /api/service/x HTTP/1.0\r\n\r\n").await;
    let head = client.head().await.expect("an answer");
    assert_eq!(
        (head.status(), head.field("transfer-encoding"), head.field("content-length")),
        (200, None, None)
    );
    assert_eq!(client.rest().await, b"ok");
    let onward = seen.next().await;
    assert_eq!(
        (onward.line.as_str(), onward.field("host")),
        ("GET /api/service/x HTTP/1.1", Some(service.to_string().as_str()))
    );
}

#[tokio::test]
async fn an_answer_that_does_not_wait_for_the_body_arrives() {
    let service = Service::new();
    let gateway = before(service.address).await;
    let mut client = gateway.connect().await;
    client
        .write(
            format!(
                "POST /api/webhooks/site HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
                10_u64 << 30
            )
            .as_bytes(),
        )
        .await;
    let mut behind = service.accept().await;
    behind.head().await.expect("a request");
    behind.write(b"HTTP/1.1 413 Content Too Large\r\ncontent-type: application/problem+json\r\ncontent-length: 2\r\n\r\n{}").await;
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.body.as_slice()), (413, b"{}".as_slice()));
    // Nobody wants the rest, so neither connection is used again.
    behind.closed().await;
    client.closed().await;
}
