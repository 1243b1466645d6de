//! What waits for audit-log, and for its commit, as metrics.

use crate::table::{Backlog, backlog};
use crate::writer::OutboxWriter;
use contract::clock::Clock;
use db::{BatchWriter, Database};
use http_kit::metrics::{Metrics, WriterLook};

/// Watches a batch writer under its own name.
pub fn watch_writer<I, V>(metrics: &Metrics, writer: &BatchWriter<I, V>)
where
    I: Send + 'static,
    V: Send + 'static,
{
    let watched = writer.clone();
    metrics.watch_writer(writer.options().name, move || {
        let (commits, items) = watched.written();
        WriterLook { waiting: watched.len(), capacity: watched.options().capacity, commits, items }
    });
}

impl OutboxWriter {
    /// Watches this writer, and the outbox of `database` that it writes to.
    pub fn watch(&self, metrics: &Metrics, database: &Database, clock: &Clock) {
        watch_writer(metrics, self.batches());
        let entries = metrics.measure(
            "crm_outbox_entries",
            "Audit entries that wait for audit-log; those of no more than 10000 commits are counted",
        );
        let oldest = metrics.measure("crm_outbox_oldest_seconds", "How long the oldest of them has waited");
        let (database, clock) = (database.clone(), clock.clone());
        metrics.before_each_scrape(move || {
            let (database, clock) = (database.clone(), clock.clone());
            let (entries, oldest) = (entries.clone(), oldest.clone());
            async move {
                let found = database.read(backlog).await;
                let Backlog { count, since } = found.unwrap_or_else(|error| {
                    tracing::debug!(%error, "the outbox was not measured");
                    Backlog { count: f64::NAN, since: None }
                });
                let nobody = if count.is_nan() { f64::NAN } else { 0.0 };
                entries.set(count);
                oldest.set(since.map_or(nobody, |since| clock.now().since(since).as_secs_f64()));
            }
        });
    }
}
