//! An outage of PostgreSQL under load, with a spool, while webhook-ingest itself is killed in the middle of it: whatever was acknowledged
//! takes effect once, and is on the trail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use test_kit::database::{Cluster as Server, postgres_on};
use tokio::task::JoinSet;

use crate::calls::{Caller, registration};
use crate::cluster::Cluster;
use crate::harness::{is_ready, wait_for};

const SENDERS: usize = 6;
const EACH: usize = 30;

/// Senders that try each event once, and the next one only when somebody takes it. The ids that acknowledged ones were answered, by
/// address.
fn send(caller: &Caller, ingest: &str, sent: &Arc<AtomicUsize>) -> JoinSet<Vec<(String, String)>> {
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (caller, ingest, sent) = (caller.clone(), ingest.to_owned(), Arc::clone(sent));
        senders.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0..EACH {
                let email = format!("s{sender}n{number}@example.com");
                let answer = caller.webhook(&registration(&format!("s{sender}n{number}"), &email)).await;
                if answer.status() == 200 {
                    let answer: serde_json::Value = answer.json().await.expect("JSON");
                    acknowledged.push((email, answer["eventId"].as_str().expect("an id").to_owned()));
                } else {
                    while !is_ready(&ingest).await {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                sent.fetch_add(1, Ordering::Relaxed);
            }
            acknowledged
        });
    }
    senders
}

#[tokio::test]
async fn w10_a_kill_in_an_outage_loses_nothing_that_was_acknowledged() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let spool = folder.path().join("spool").display().to_string();
    let mut cluster =
        Cluster::start_with(postgres_on(server.url()), vec![("WEBHOOK_SPOOL_DIR", spool)]).await;
    let caller = Caller::of(cluster.url("gateway"));
    let sent = Arc::new(AtomicUsize::new(0));
    let senders = send(&caller, &cluster.url("webhook-ingest"), &sent);
    let so_far = async |number: usize| {
        wait_for("some deliveries", async || sent.load(Ordering::Relaxed) >= number).await;
    };
    so_far(SENDERS * EACH / 6).await;
    server.stop();
    so_far(SENDERS * EACH / 3).await;
    cluster.kill("webhook-ingest");
    cluster.launch("webhook-ingest");
    // It is ready without its database.
    cluster.ready("webhook-ingest").await;
    so_far(SENDERS * EACH * 2 / 3).await;
    cluster.kill("webhook-ingest");
    server.start_again();
    cluster.launch("webhook-ingest");
    cluster.ready("webhook-ingest").await;
    let acknowledged: BTreeMap<String, String> = senders.join_all().await.into_iter().flatten().collect();
    // What was under way when it was killed, or came while it was not there, was not acknowledged; the rest was.
    assert!(acknowledged.len() >= SENDERS * (EACH - 6), "{}", acknowledged.len());

    for email in acknowledged.keys() {
        wait_for(&format!("{email} to be applied"), async || caller.client(email).await.status() == 200)
            .await;
        let record: serde_json::Value = caller.client(email).await.json().await.expect("JSON");
        assert_eq!(record["version"], 1, "applied once: {record}");
    }
    let told = async || -> BTreeSet<String> {
        let entries = caller.whole_trail("action=webhook.receive&outcome=success").await;
        let targets =
            entries.iter().map(|entry| entry["target"]["id"].as_str().expect("a target").to_owned());
        let all: Vec<String> = targets.collect();
        let once: BTreeSet<String> = all.iter().cloned().collect();
        assert_eq!(all.len(), once.len(), "an attempt is told of once");
        once
    };
    let ids: BTreeSet<String> = acknowledged.into_values().collect();
    wait_for("every attempt on the trail", async || ids.is_subset(&told().await)).await;
    let log = cluster.log("webhook-ingest");
    assert!(!log.contains("panicked"), "{log}");
}
