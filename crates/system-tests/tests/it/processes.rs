//! Separate processes: one is killed, the database goes away, and nothing acknowledged is lost or applied twice.

use test_kit::database::{Cluster as Server, postgres, postgres_on};

use crate::calls::{Caller, registration, told};
use crate::cluster::Cluster;
use crate::harness::wait_for;

#[tokio::test]
async fn an_event_stored_before_a_kill_is_applied_once_after_it() {
    let mut cluster = Cluster::start(postgres()).await;
    let caller = Caller::of(cluster.url("gateway"));
    // With service-api away, an acknowledged event is stored and can't be applied.
    cluster.kill("service-api");
    for number in 0..20 {
        let (status, answer) =
            told(caller.webhook(&registration(&number.to_string(), &format!("{number}@example.com"))).await)
                .await;
        assert_eq!((status, answer["status"].as_str()), (200, Some("accepted")), "{answer}");
    }
    cluster.kill("webhook-ingest");
    cluster.launch("webhook-ingest");
    cluster.ready("webhook-ingest").await;
    cluster.launch("service-api");
    cluster.ready("service-api").await;
    for number in 0..20 {
        let email = format!("{number}@example.com");
        wait_for(&format!("{email} to be applied"), async || caller.client(&email).await.status() == 200)
            .await;
        let (_, record) = told(caller.client(&email).await).await;
        assert_eq!(record["version"], 1, "applied once: {record}");
    }
    caller.on_trail("action=event.apply", 20).await;
    caller.on_trail("action=webhook.receive", 20).await;
    // The sender tries again: nothing new.
    let (_, again) = told(caller.webhook(&registration("0", "0@example.com")).await).await;
    assert_eq!(again["status"], "duplicate");
}

#[tokio::test]
async fn a_kill_in_the_middle_of_applying_applies_each_event_once() {
    let mut cluster = Cluster::start(postgres()).await;
    let caller = Caller::of(cluster.url("gateway"));
    for round in 0..3 {
        let mut sent = Vec::new();
        for number in 0..40 {
            let email = format!("r{round}n{number}@example.com");
            let answer = caller.webhook(&registration(&format!("r{round}n{number}"), &email)).await;
            assert_eq!(answer.status(), 200);
            sent.push(email);
        }
        let victim = ["webhook-ingest", "service-api", "audit-log"][round];
        cluster.kill(victim);
        cluster.launch(victim);
        cluster.ready(victim).await;
        for email in sent {
            wait_for(&format!("{email} to be applied"), async || caller.client(&email).await.status() == 200)
                .await;
            let (_, record) = told(caller.client(&email).await).await;
            assert_eq!(record["version"], 1, "applied once: {record}");
        }
    }
    wait_for("each effect on the trail, once", async || {
        let mut events = std::collections::BTreeMap::new();
        for round in 0..3 {
            for number in 0..40 {
                let email = format!("r{round}n{number}@example.com");
                let (_, record) = told(caller.client(&email).await).await;
                let target = record["id"].as_str().expect("an id").to_owned();
                let applied = caller.trail(&format!("action=event.apply&target={target}")).await.len();
                assert!(applied <= 1, "{email} was applied {applied} times");
                events.insert(email, applied);
            }
        }
        events.values().all(|applied| *applied == 1)
    })
    .await;
}

#[tokio::test]
async fn a_database_that_goes_away_is_503_and_then_forgotten() {
    let server = Server::start();
    let cluster = Cluster::start(postgres_on(server.url())).await;
    let caller = Caller::of(cluster.url("gateway"));
    assert_eq!(caller.webhook(&registration("1", "before@example.com")).await.status(), 200);
    wait_for("the first to be applied", async || caller.client("before@example.com").await.status() == 200)
        .await;
    server.stop();
    let webhook = caller.webhook(&registration("2", "during@example.com")).await;
    let read = caller.client("before@example.com").await;
    for answer in [webhook, read] {
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        let (_, problem) = told(answer).await;
        assert_eq!(problem["code"], "unavailable");
    }
    server.start_again();
    let again = registration("2", "during@example.com");
    wait_for("webhooks to be stored again", async || caller.webhook(&again).await.status() == 200).await;
    wait_for("it to be applied", async || caller.client("during@example.com").await.status() == 200).await;
    for service in ["webhook-ingest", "service-api", "audit-log"] {
        let log = cluster.log(service);
        assert!(!log.contains("panicked"), "{service}: {log}");
    }
}
