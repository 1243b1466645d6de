//! One event that makes every call with it fail delays no other; and service-api being away costs no event an attempt.

use std::time::Duration;

use contract::clock::Clock;
use contract::internal::{ApplyBatch, ApplyResult};
use test_kit::database::both;
use test_kit::waiting::eventually;
use wiremock::ResponseTemplate;

use crate::support::{Ingest, Row, ServiceApi, all, config, registration, start, start_with, states};

/// A client in the lane of `c1`.
const POISON: &str = "poison10";

/// Does the batch carry an event of that client?
fn is_poisoned(batch: &ApplyBatch) -> bool {
    batch.events.iter().any(|event| event.event.identity().client_id.as_deref() == Some(POISON))
}

/// Events of one lane, the second and the fourth of which are poisoned.
async fn deliver_all(ingest: &Ingest) {
    let events = [("1", "c1"), ("2", POISON), ("3", "c1"), ("4", POISON), ("5", "c1")];
    for (id, client) in events {
        assert_eq!(ingest.deliver(&registration(id, client)).await.text("status"), "accepted");
    }
}

const HELD_UP: [&str; 5] = ["applied", "pending", "applied", "pending", "applied"];

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_makes_calls_time_out_is_set_aside_and_the_others_go_on() {
    for refusal in [503, 500, 502, 422] {
        for on in both() {
            let service_api = ServiceApi::start().await;
            service_api.be_ready();
            service_api.behave(move |batch| {
                if is_poisoned(batch) {
                    return ResponseTemplate::new(refusal);
                }
                all(batch, ApplyResult::Applied, None)
            });
            let ingest = start(&on, config(&on, &service_api.url())).await;
            deliver_all(&ingest).await;
            let settled = |rows: &Vec<Row>| {
                states(rows) == HELD_UP
                    && rows.iter().all(|row| (row.attempts > 0) == (row.state == "pending"))
            };
            let rows = eventually(|| ingest.inbox(), settled).await;
            let reason = if matches!(refusal, 502 | 503) { "no_answer" } else { "no_verdict" };
            assert_eq!(rows[1].reason.as_deref(), Some(reason), "{refusal}");
            // What comes after goes through, whatever becomes of the poisoned.
            ingest.deliver(&registration("6", "c1")).await;
            eventually(|| ingest.inbox(), |rows| rows[5].state == "applied").await;
            // Once the trouble is over they are applied as well.
            service_api.behave(|batch| all(batch, ApplyResult::Applied, None));
            eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"; 6]).await;
            ingest.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_aside_is_tried_beside_the_rest_and_not_before_its_time() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.be_ready();
        service_api.behave(|batch| {
            if is_poisoned(batch) {
                return ResponseTemplate::new(503);
            }
            all(batch, ApplyResult::Applied, None)
        });
        let (clock, hands) = Clock::manual(Clock::system().now());
        let ingest = start_with(&on, config(&on, &service_api.url()), clock).await;
        ingest.deliver(&registration("1", POISON)).await;
        eventually(|| ingest.inbox(), |rows| rows[0].attempts == 1).await;
        let tried = service_api.batches().len();
        hands.advance(Duration::from_secs(2));
        eventually(|| ingest.inbox(), |rows| rows[0].attempts == 2).await;
        assert_eq!(service_api.batches().len(), tried + 1, "once for each time it is due");
        // A call with it that does not end holds up nobody: its queue is its own.
        service_api.behave(|batch| {
            let answer = all(batch, ApplyResult::Applied, None);
            if is_poisoned(batch) { answer.set_delay(Duration::from_secs(60)) } else { answer }
        });
        hands.advance(Duration::from_secs(5));
        eventually(async || service_api.batches().len(), |calls| *calls == tried + 2).await;
        ingest.deliver(&registration("2", "c1")).await;
        let rows = eventually(|| ingest.inbox(), |rows| rows[1].state == "applied").await;
        assert_eq!((rows[0].state.as_str(), rows[0].attempts), ("pending", 2), "its call is under way");
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_service_api_is_away_no_event_has_an_attempt_counted() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|_| ResponseTemplate::new(503));
        let ingest = start(&on, config(&on, &service_api.url())).await;
        deliver_all(&ingest).await;
        // It calls itself not ready: the batch stays whole, and is sent again with growing pauses.
        eventually(async || service_api.batches().len(), |calls| *calls >= 5).await;
        let rows = ingest.inbox().await;
        assert!(rows.iter().all(|row| row.attempts == 0 && row.state == "pending"), "{rows:?}");
        assert!(rows.iter().all(|row| row.lane == rows[0].lane), "one lane, one batch");
        assert_eq!(service_api.batches().pop().expect("a batch").len(), 5, "nothing is taken apart");
        ingest.stop().await;
    }
}
