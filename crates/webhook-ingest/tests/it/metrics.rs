//! What the metrics say of what waits, on both databases.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::clock::{Clock, Timestamp};
use test_kit::database::both;
use test_kit::waiting::eventually;
use wiremock::ResponseTemplate;

use crate::support::{Ingest, NOBODY, ServiceApi, config, registration, start, start_with};

type Samples = BTreeMap<String, f64>;

/// The metrics, once they are as they should be.
async fn metrics(ingest: &Ingest, done: impl Fn(&Samples) -> bool) -> Samples {
    eventually(|| ingest.metrics(), done).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backlog_has_a_size_and_an_age() {
    for on in both() {
        let (clock, hands) = Clock::manual(Timestamp::from_micros(1_790_000_000_000_000));
        let ingest = start_with(&on, config(&on, NOBODY), clock).await;
        let nothing = ingest.metrics().await;
        assert_eq!(nothing["crm_events_pending{queue=\"fresh\"}"], 0.0);
        assert_eq!(nothing["crm_events_oldest_pending_seconds{queue=\"fresh\"}"], 0.0);
        for client in ["c1", "c2", "c3"] {
            assert_eq!(ingest.deliver(&registration(client, client)).await.status, 200);
            hands.advance(Duration::from_secs(10));
        }
        // The start's entry and those of three deliveries.
        let samples = metrics(&ingest, |samples| samples["crm_outbox_entries"] == 4.0).await;
        assert_eq!(samples["crm_events_pending{queue=\"fresh\"}"], 3.0);
        assert_eq!(samples["crm_events_oldest_pending_seconds{queue=\"fresh\"}"], 30.0);
        assert_eq!(samples["crm_events_pending{queue=\"failing\"}"], 0.0);
        assert_eq!(samples["crm_outbox_oldest_seconds"], 30.0);
        let deliveries = |name: &str| samples[&format!("{name}{{writer=\"webhook-ingest.deliveries\"}}")];
        assert_eq!((deliveries("crm_writer_waiting"), deliveries("crm_writer_capacity")), (0.0, 512.0));
        assert_eq!(deliveries("crm_writer_items_total"), 3.0);
        assert_eq!(deliveries("crm_writer_commits_total"), 3.0, "one after the other");
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_by_itself_is_counted_apart() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.be_ready();
        service_api.behave(|_| ResponseTemplate::new(500));
        let ingest = start(&on, config(&on, &service_api.url())).await;
        ingest.deliver(&registration("1", "c1")).await;
        let samples =
            metrics(&ingest, |samples| samples["crm_events_pending{queue=\"failing\"}"] == 1.0).await;
        assert_eq!(samples["crm_events_pending{queue=\"fresh\"}"], 0.0);
        assert!(samples["crm_events_oldest_pending_seconds{queue=\"failing\"}"] > 0.0, "{samples:?}");
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_counted_by_their_word() {
    for on in both() {
        let ingest = start(&on, config(&on, NOBODY)).await;
        let body = registration("1", "c1");
        ingest.deliver(&body).await;
        ingest.deliver(&body).await;
        ingest.deliver(b"not json").await;
        ingest.deliver(&registration("1", "another")).await;
        ingest.deliver(br#"{"event":"of.another.kind","data":{}}"#).await;
        ingest.deliver_under(&"00".repeat(32), &body).await;
        let samples = ingest.metrics().await;
        let counted = ["accepted", "duplicate", "held", "unrecognized", "forged", "not_stored"]
            .map(|word| samples[&format!("crm_webhook_answers_total{{status=\"{word}\"}}")]);
        assert_eq!(counted, [1.0, 1.0, 2.0, 1.0, 1.0, 0.0], "{samples:?}");
        ingest.stop().await;
    }
}

/// What can't be looked up is not known, and is not said to be nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_does_not_tell_is_not_a_number() {
    for on in both() {
        let ingest = start(&on, config(&on, NOBODY)).await;
        assert_eq!(ingest.metrics().await["crm_events_pending{queue=\"fresh\"}"], 0.0);
        ingest
            .database
            .write(|conn| conn.execute_batch("alter table inbox rename to elsewhere"))
            .await
            .expect("renamed");
        let samples =
            metrics(&ingest, |samples| samples["crm_events_pending{queue=\"fresh\"}"].is_nan()).await;
        assert!(samples["crm_events_oldest_pending_seconds{queue=\"fresh\"}"].is_nan(), "{samples:?}");
        assert!(samples.contains_key("crm_webhook_answers_total{status=\"accepted\"}"));
        ingest.stop().await;
    }
}
