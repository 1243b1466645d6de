//! What comes in masses or without end, through the real gateway: bodies, copies, forgeries, heads with two readings. What the system
//! keeps of it is bounded, and whoever means well notices nothing.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use test_kit::database::{Cluster as Server, both, postgres, postgres_on};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;

use crate::calls::{Caller, registration, told};
use crate::cluster::Cluster;
use crate::harness::{AllInOne, PATIENCE, raw, wait_for, wait_until_ready};

/// A connection to the system's door, its head sent.
async fn posting(gateway: &str, fields: &str) -> (ReadHalf<TcpStream>, WriteHalf<TcpStream>) {
    let stream = TcpStream::connect(gateway.trim_start_matches("http://")).await.expect("a connection");
    let (reading, mut writing) = tokio::io::split(stream);
    let head = format!("POST /api/webhooks/site HTTP/1.1\r\nhost: crm\r\n{fields}\r\n");
    writing.write_all(head.as_bytes()).await.expect("the head is taken");
    (reading, writing)
}

/// Sends `piece` again and again, `most` times at most, until the other side answers. The answer's status.
async fn pour(gateway: &str, fields: &str, piece: &[u8], most: usize) -> u16 {
    let (mut reading, mut writing) = posting(gateway, fields).await;
    let pouring = async {
        for _ in 0..most {
            // Once it has answered, the other side may close at any moment.
            if writing.write_all(piece).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    let mut answer = [0; 12];
    let answered = async {
        tokio::select! {
            read = reading.read_exact(&mut answer) => read.map(drop),
            () = pouring => Ok(()),
        }
    };
    tokio::time::timeout(PATIENCE, answered).await.expect("an answer in time").expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no answer to {fields:?}: {answer:?}"))
}

/// So many bodies that are too large: stated, in fact, and without end.
async fn pour_bodies(gateway: &str, rounds: u64) {
    const AT_ONCE: u64 = 8;
    let chunk = [b"4000\r\n".as_slice(), &[b'x'; 0x4000], b"\r\n"].concat();
    let over = vec![b'x'; 257 * 1024];
    for _ in 0..rounds.div_ceil(AT_ONCE) {
        let mut pouring = tokio::task::JoinSet::new();
        for _ in 0..AT_ONCE {
            let (gateway, chunk, over) = (gateway.to_owned(), chunk.clone(), over.clone());
            pouring.spawn(async move {
                let stated = format!("content-length: {}\r\n", over.len());
                assert_eq!(pour(&gateway, &stated, &over, 1).await, 413, "257 KiB");
                let huge = "content-length: 10737418240\r\n";
                assert_eq!(pour(&gateway, huge, &chunk, usize::MAX).await, 413, "10 GB");
                let endless = "transfer-encoding: chunked\r\n";
                assert_eq!(pour(&gateway, endless, &chunk, usize::MAX).await, 413, "without end");
            });
        }
        pouring.join_all().await;
    }
}

/// W7: bodies too large are 413, and of hundreds of them nothing stays in memory. One byte a second is in the gateway's own tests,
/// whose patience with bodies is shorter.
#[tokio::test(flavor = "multi_thread")]
async fn w7_bodies_too_large_or_without_end_leave_memory_flat() {
    const ROUNDS: u64 = 104;
    const WARM: u64 = 24;
    for database in both() {
        let system = AllInOne::start(database).await;
        // Threads, buffers and pools come with the first, and stay.
        pour_bodies(&system.gateway, WARM).await;
        let before = system.process.memory();
        pour_bodies(&system.gateway, ROUNDS).await;
        let grown = system.process.memory().saturating_sub(before);
        assert!(grown < 32 * 1024 * 1024, "{} bodies left {grown} bytes", 3 * ROUNDS);
        let caller = system.caller();
        let (refused, sent) = ("outcome=refused&text=payload_too_large", 3 * (WARM + ROUNDS));
        wait_for("all of them on the trail", async || counts(&caller.whole_trail(refused).await) >= sent)
            .await;
        assert_eq!(counts(&caller.whole_trail(refused).await), sent, "they add up");
        caller.assert_nothing_applied().await;
    }
}

/// W8: 64 copies at once over two replicas, each behind a gateway of its own, are one event.
#[tokio::test(flavor = "multi_thread")]
async fn w8_copies_at_once_over_two_replicas_are_one_event() {
    let mut cluster = Cluster::start(postgres()).await;
    let ingest = cluster.another("webhook-ingest", &[]).await;
    let gateway = cluster.another("gateway", &[("WEBHOOK_INGEST_URL", &ingest)]).await;
    let callers = [Caller::of(cluster.url("gateway")), Caller::of(gateway)];
    for round in 0..5 {
        let email = format!("ann{round}@example.com");
        let body = registration(&format!("100{round}"), &email);
        let mut copies = tokio::task::JoinSet::new();
        for number in 0..64 {
            let (caller, body) = (callers[number % 2].clone(), body.clone());
            copies.spawn(async move { told(caller.webhook(&body).await).await });
        }
        let (mut ids, mut words) = (BTreeSet::new(), Vec::new());
        for (status, answer) in copies.join_all().await {
            assert_eq!(status, 200, "{answer}");
            ids.insert(answer["eventId"].to_string());
            words.push(answer["status"].as_str().expect("a word").to_owned());
        }
        words.sort();
        assert_eq!(words, [vec!["accepted"; 1], vec!["duplicate"; 63]].concat());
        assert_eq!(ids.len(), 1, "all name the one event: {ids:?}");
        let (status, record) = callers[0].acknowledged(&email).await;
        assert_eq!((status, record["version"].as_u64()), (200, Some(1)), "one effect: {record}");
    }
    let caller = &callers[0];
    wait_for("each attempt on the trail", async || {
        let received = caller.whole_trail("action=webhook.receive&outcome=success").await;
        received.len() == 5 * 64
    })
    .await;
    caller.on_trail("action=event.apply", 5).await;
}

/// Sends forged webhooks on many connections for as long, and until so many were sent. How many, and how many were not refused.
async fn forge(caller: &Caller, time: Duration, least: u64) -> (u64, u64) {
    const AT_ONCE: u64 = 32;
    let (body, begun) = (registration("1", "eve@example.com"), Instant::now());
    let mut forging = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (caller, body) = (caller.clone(), body.clone());
        forging.spawn(async move {
            let (mut sent, mut others) = (0, 0);
            while begun.elapsed() < time || sent < least / AT_ONCE {
                let answer = caller.signed(&body, &"00".repeat(32)).await;
                sent += 1;
                others += u64::from(![401, 429].contains(&answer.status().as_u16()));
                // Read, so that the connection serves the next.
                answer.bytes().await.expect("a body");
            }
            (sent, others)
        });
    }
    forging.join_all().await.into_iter().fold((0, 0), |(sent, others), one| (sent + one.0, others + one.1))
}

/// What the trail tells of forgeries.
const FORGERIES: &str = "category=webhook&outcome=refused&text=signature_mismatch";

/// The entries of forgeries, once they stand for as many as were sent, and for not one more.
async fn forgeries(caller: &Caller, sent: u64) -> Vec<serde_json::Value> {
    let read = async || caller.whole_trail(FORGERIES).await;
    wait_for("all forgeries on the trail", async || counts(&read().await) >= sent).await;
    let entries = read().await;
    assert_eq!(counts(&entries), sent, "they add up");
    entries
}

/// W12: while forgeries pour in, as many as the machine makes, who signs well at the same address is served; and the trail holds few
/// entries, whose counts are what was sent.
#[tokio::test(flavor = "multi_thread")]
async fn w12_a_flood_of_forgeries_harms_nobody_and_is_counted() {
    for database in both() {
        let limited = [("FAILED_AUTH_RATE_LIMIT", "60")];
        let system = AllInOne::start_with(database, tempfile::tempdir().expect("a folder"), &limited).await;
        let caller = system.caller();
        assert_eq!(caller.webhook(&registration("known", "known@example.com")).await.status(), 200);
        assert_eq!(caller.acknowledged("known@example.com").await.0, 200);
        let (forging, begun) = (caller.clone(), Instant::now());
        let flood = tokio::spawn(async move { forge(&forging, Duration::from_secs(4), 960).await });
        let mut served = 0;
        while served < 10 || !flood.is_finished() {
            let (id, email) = (format!("c{served}"), format!("c{served}@example.com"));
            assert_eq!(caller.webhook(&registration(&id, &email)).await.status(), 200, "webhook {id}");
            assert_eq!(caller.client("known@example.com").await.status(), 200, "read {id}");
            served += 1;
        }
        let (sent, others) = flood.await.expect("the flood");
        assert_eq!(others, 0, "forgeries that were not refused");
        // The first in a second in full, what is counted in each half of it, and now and then a look into what the signature may be.
        let most = 4 * (begun.elapsed().as_secs() + 1) + 40;
        let entries = forgeries(&caller, sent).await.len() as u64;
        assert!(entries <= most && entries < sent / 2, "{entries} entries for {sent}, not {most}");
        let received = caller.whole_trail("action=webhook.receive&outcome=success").await;
        assert_eq!(received.len(), served + 1, "each that was served");
    }
}

/// W12: a forgery is refused without the database: while that is away, forgeries are answered as ever, and on the trail afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn w12_forgeries_are_refused_without_the_database() {
    let server = Server::start();
    let system = AllInOne::start(postgres_on(server.url())).await;
    let caller = system.caller();
    server.stop();
    let signed = caller.webhook(&registration("1", "ann@example.com")).await;
    assert_eq!(signed.status(), 503, "the database is away");
    let (sent, others) = forge(&caller, Duration::ZERO, 320).await;
    assert_eq!((sent, others), (320, 0), "each was refused as what it is");
    server.start_again();
    wait_until_ready(&system.gateway).await;
    wait_for("the database to be back", async || {
        caller.webhook(&registration("1", "ann@example.com")).await.status() == 200
    })
    .await;
    forgeries(&caller, sent).await;
}

fn counts(entries: &[serde_json::Value]) -> u64 {
    entries.iter().filter_map(|entry| entry["count"].as_u64()).sum()
}

/// S8: heads that can be read in two ways, or are larger than anyone needs, end at the gateway, and so does their connection. A second
/// request, hidden in what one reading takes for a body, is never heard.
#[tokio::test]
async fn s8_heads_with_two_readings_end_at_the_gateway() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let caller = system.caller();
        let many: String = (0..300).map(|number| format!("x-{number}: y\r\n")).collect();
        let large = format!("x-large: {}\r\n", "y".repeat(100 * 1024));
        let body = "0\r\n\r\nGET /api/service/hidden HTTP/1.1\r\nhost: crm\r\n\r\n";
        let (length, chunked) =
            (format!("content-length: {}\r\n", body.len()), "transfer-encoding: chunked\r\n");
        for fields in [
            format!("{length}{chunked}"),
            format!("{chunked}{length}"),
            format!("content-length: 0\r\n{length}"),
            format!("{length}x-folded: a\r\n b\r\n"),
            format!("{length}{many}"),
            format!("{length}{large}"),
        ] {
            let request = format!("POST /api/webhooks/site HTTP/1.1\r\nhost: crm\r\n{fields}\r\n{body}");
            // It reads until the connection is closed.
            let answer = raw(&system.gateway, request.as_bytes());
            let status = answer.split(' ').nth(1).unwrap_or_default();
            assert!(["400", "431"].contains(&status), "{fields:.60}: {answer:.300}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "one answer: {fields:.60}: {answer:.600}");
        }
        // What is asked now comes later on the trail than anything that had got through.
        assert_eq!(caller.client("nobody@example.com").await.status(), 404);
        caller.on_trail("action=client.read", 1).await;
        assert_eq!(caller.count("category=webhook").await, 0, "webhook-ingest has heard nothing");
        assert_eq!(caller.count("text=hidden").await, 0, "what was hidden was not heard");
        caller.assert_nothing_applied().await;
    }
}
