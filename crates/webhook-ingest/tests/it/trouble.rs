//! A database that is full of work, away, or not migrated yet: 503 and nothing stored, and no restart is needed afterwards.

use std::sync::mpsc;

use contract::clock::Clock;
use db::Database;
use test_kit::database::{Cluster, both, postgres, postgres_on};
use test_kit::waiting::eventually;
use tokio::task::JoinSet;
use webhook_ingest::{MIGRATIONS, SCHEMA};

use crate::http::{Answer, post, send};
use crate::support::{
    Ingest, NOBODY, SECRET, ServiceApi, config, registration, sign, start, start_alone, start_unmigrated,
    states,
};

pub(crate) async fn readiness(ingest: &Ingest) -> u16 {
    send(ingest.address, b"GET /readyz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.status
}

/// A 503 that asks for another try.
pub(crate) fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.refusal(), (503, "unavailable".to_owned()));
    assert_eq!(answer.header("retry-after").as_deref(), Some("1"));
    assert_eq!(answer.json()["kept"], serde_json::Value::Null, "nothing is kept");
}

/// Keeps everybody else from writing keys until the sender is dropped.
pub(crate) async fn block(database: &Database) -> mpsc::Sender<()> {
    let (free, until) = mpsc::channel::<()>();
    let (tell, blocked) = tokio::sync::oneshot::channel();
    let (database, mut tell, until) = (database.clone(), Some(tell), std::sync::Mutex::new(until));
    tokio::spawn(async move {
        let blocking = database.write(move |conn| {
            if let db::Conn::Postgres(_) = conn {
                conn.execute_batch("lock table seen in access exclusive mode")?;
            }
            if let Some(tell) = tell.take() {
                tell.send(()).expect("the test waits");
            }
            until.lock().expect("the one end").recv().expect_err("nothing is ever sent");
            Ok(())
        });
        blocking.await.expect("the lock is held to its end");
    });
    blocked.await.expect("the lock is held");
    free
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_queue_is_full_nothing_more_is_taken_and_nothing_taken_is_lost() {
    for on in both() {
        let mut settings = config(&on, NOBODY);
        settings.queue = 1;
        let ingest = start(&on, settings).await;
        assert_eq!(ingest.deliver(&registration("before", "c0")).await.status, 200);
        let free = block(&ingest.database).await;
        let mut running = JoinSet::new();
        for number in 0..16 {
            let (address, body) = (ingest.address, registration(&format!("{number}"), "c1"));
            running.spawn(async move {
                let signature = sign(SECRET, &body);
                post(address, "/api/webhooks/site", &[("x-webhook-signature", &signature)], &body).await
            });
        }
        let first = running.join_next().await.expect("an answer").expect("no panic");
        assert_unavailable(&first);
        drop(free);
        let rest = running.join_all().await;
        rest.iter().filter(|answer| answer.status != 200).for_each(assert_unavailable);
        let accepted = rest.iter().filter(|answer| answer.status == 200).count();
        assert!((1..=15).contains(&accepted), "{accepted}");
        assert_eq!(ingest.inbox().await.len(), accepted + 1);
        assert_eq!(ingest.deliver(&registration("after", "c2")).await.text("status"), "accepted");
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_database_stops_deliveries_are_refused_until_it_is_back() {
    let cluster = Cluster::start();
    let on = postgres_on(cluster.url());
    let service_api = ServiceApi::start().await;
    let ingest = start(&on, config(&on, &service_api.url())).await;
    assert_eq!(ingest.deliver(&registration("before", "c0")).await.status, 200);
    cluster.stop();
    let refused = registration("refused", "c1");
    assert_unavailable(&ingest.deliver(&refused).await);
    assert_eq!(readiness(&ingest).await, 503);
    cluster.start_again();
    let answer = eventually(|| ingest.deliver(&refused), |answer| answer.status == 200).await;
    assert_eq!(answer.text("status"), "accepted", "what was refused had not been stored");
    assert_eq!(ingest.deliver(&registration("before", "c0")).await.text("status"), "duplicate");
    eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"; 2]).await;
    eventually(|| readiness(&ingest), |status| *status == 200).await;
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_die_are_replaced() {
    let on = postgres();
    let service_api = ServiceApi::start().await;
    let ingest = start(&on, config(&on, &service_api.url())).await;
    for number in 0..3 {
        on.end_sessions();
        let body = registration(&format!("{number}"), &format!("c{number}"));
        eventually(|| ingest.deliver(&body), |answer| answer.status == 200).await;
    }
    eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"; 3]).await;
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_migrations_nothing_is_taken_and_after_them_all_works() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let settings = config(&on, &service_api.url());
        let ingest = start_unmigrated(on.open(SCHEMA), settings, Clock::system()).await;
        assert_eq!(readiness(&ingest).await, 503);
        let body = registration("a", "c1");
        assert_eq!(ingest.deliver(&body).await.status, 503);
        MIGRATIONS.run(&ingest.database).await.expect("the migrations run");
        assert_eq!(ingest.deliver(&body).await.text("status"), "accepted");
        eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"]).await;
        assert_eq!(readiness(&ingest).await, 200);
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_into_nothing_is_on_the_trail_as_failed() {
    for on in both() {
        let ingest = start_alone(&on).await;
        // The inbox refuses rows, the outbox does not.
        on.run(SCHEMA, "alter table inbox rename to gone", "alter table inbox rename to gone");
        let refusal = ingest.deliver(&registration("a", "c1")).await.refusal();
        assert_eq!(
            refusal,
            (500, "internal_error".to_owned()),
            "a fault of ours, and none that waiting mends"
        );
        assert_eq!(ingest.seen().await, 0, "the key went with the row");
        let entries = ingest.attempts().await;
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(
            (&entries[0]["outcome"], &entries[0]["reason"]),
            (&"failed".into(), &"internal_error".into())
        );
        on.run(SCHEMA, "alter table gone rename to inbox", "alter table gone rename to inbox");
        assert_eq!(ingest.deliver(&registration("a", "c1")).await.text("status"), "accepted");
        ingest.stop().await;
    }
}
