//! Measures what waits: whoever reads the metrics has it looked up. Here is the place for whatever else of ours may pile up.

use std::sync::Arc;

use contract::clock::Timestamp;
use db::types::UtcTime;
use http_kit::metrics::{Measures, Metrics};

use crate::db::backlog::{self, Backlog};
use crate::domain::lanes::Queue;
use crate::state::State;

/// The queues, and what they are called in the metrics.
const QUEUES: [(Queue, &str); 2] = [(Queue::Fresh, "fresh"), (Queue::Failing, "failing")];

#[derive(Clone)]
struct Gauges {
    pending: Measures,
    oldest: Measures,
}

/// Watches the writer of deliveries and the inbox.
pub(crate) fn watch(metrics: &Metrics, state: &Arc<State>) {
    outbox::watch_writer(metrics, &state.writer);
    let gauges = Gauges {
        pending: metrics.measures(
            "crm_events_pending",
            "Acknowledged events that wait for their effect; no more than 100000 are counted",
            "queue",
        ),
        oldest: metrics.measures(
            "crm_events_oldest_pending_seconds",
            "How long ago the oldest of them was received",
            "queue",
        ),
    };
    let state = Arc::clone(state);
    metrics.before_each_scrape(move || measure(Arc::clone(&state), gauges.clone()));
}

async fn measure(state: Arc<State>, gauges: Gauges) {
    let found = state.database.read(|conn| {
        let of = |(queue, word)| backlog::of(conn, queue).map(|backlog| (word, backlog));
        QUEUES.into_iter().map(of).collect::<Result<Vec<_>, _>>()
    });
    match found.await {
        Ok(found) => {
            for (word, Backlog { rows, since }) in found {
                gauges.pending.set(word, rows as f64);
                gauges.oldest.set(word, since.map_or(0.0, |since| age(since, state.clock.now())));
            }
        }
        Err(error) => {
            tracing::debug!(%error, "the inbox was not measured");
            for (_, word) in QUEUES {
                gauges.pending.set(word, f64::NAN);
                gauges.oldest.set(word, f64::NAN);
            }
        }
    }
}

fn age(since: UtcTime, now: Timestamp) -> f64 {
    now.since(Timestamp::from(since.0)).as_secs_f64()
}
