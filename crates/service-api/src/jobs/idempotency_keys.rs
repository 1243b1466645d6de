//! Forgets answers that were given under an `Idempotency-Key` more than a day ago. Every replica does it; twice is as good as once.
//! No answer rests on it: a key that is too old counts as unused, whether its row is still there or not.

use std::time::Duration;

use contract::clock::Clock;
use db::Database;
use http_kit::server::Shutdown;

use crate::MIGRATIONS;
use crate::db::idempotency_keys;

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(600);

/// The job.
pub(crate) struct Purge {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
}

impl Purge {
    /// Works until `shutdown`, from when the schema is current.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        if !MIGRATIONS.until_current(&self.database, shutdown.requested()).await {
            return;
        }
        while !shutdown.is_requested() {
            self.round().await;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = shutdown.requested() => {}
            }
        }
    }

    async fn round(&self) {
        let now = self.clock.now();
        match self.database.write(move |conn| idempotency_keys::purge(conn, now)).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::debug!(forgotten, "old idempotency keys are gone"),
            Err(error) => tracing::warn!(%error, "old idempotency keys stay for now"),
        }
    }
}
