//! Measures what waits: whoever reads the metrics has it looked up. Here is the place for whatever else of ours may pile up.

use std::sync::Arc;

use contract::clock::Timestamp;
use db::types::UtcTime;
use http_kit::metrics::{Measure, Measures, Metrics};

use crate::db::backlog::{self, Backlog};
use crate::domain::lanes::Queue;
use crate::state::State;

/// The queues, and what they are called in the metrics.
const QUEUES: [(Queue, &str); 2] = [(Queue::Fresh, "fresh"), (Queue::Failing, "failing")];

#[derive(Clone)]
struct Gauges {
    pending: Measures,
    oldest: Measures,
    spool: Spooled,
}

/// What the spool holds; nothing where there is none.
#[derive(Clone)]
struct Spooled {
    events: Measure,
    stuck: Measure,
    bytes: Measure,
    oldest: Measure,
}

impl Spooled {
    fn of(metrics: &Metrics) -> Self {
        Self {
            events: metrics.measure(
                "crm_spool_events",
                "Acknowledged events in the spool that the database has not got yet",
            ),
            stuck: metrics
                .measure("crm_spool_stuck", "Those of them that could not be drained and are passed over"),
            bytes: metrics.measure("crm_spool_bytes", "What the spool takes of the disk"),
            oldest: metrics.measure(
                "crm_spool_oldest_seconds",
                "How long ago the oldest event in the spool was received",
            ),
        }
    }

    async fn measure(&self, state: &State) {
        let Some(spool) = state.intake.spool() else { return };
        match spool.backlog().await {
            Ok(backlog) => {
                self.events.set(backlog.rows as f64);
                self.stuck.set(backlog.stuck as f64);
                self.bytes.set(backlog.bytes as f64);
                let since = backlog.oldest.map(|oldest| state.clock.now().since(oldest));
                self.oldest.set(since.map_or(0.0, |since| since.as_secs_f64()));
            }
            Err(error) => {
                tracing::debug!(%error, "the spool was not measured");
                let all = [&self.events, &self.stuck, &self.bytes, &self.oldest];
                all.into_iter().for_each(|gauge| gauge.set(f64::NAN));
            }
        }
    }
}

/// Watches the writers of deliveries, the inbox, and the spool.
pub(crate) fn watch(metrics: &Metrics, state: &Arc<State>) {
    outbox::watch_writer(metrics, state.intake.writer());
    if let Some(spool) = state.intake.spool() {
        outbox::watch_writer(metrics, spool.writer());
    }
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
        spool: Spooled::of(metrics),
    };
    let state = Arc::clone(state);
    metrics.before_each_scrape(move || measure(Arc::clone(&state), gauges.clone()));
}

async fn measure(state: Arc<State>, gauges: Gauges) {
    gauges.spool.measure(&state).await;
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
