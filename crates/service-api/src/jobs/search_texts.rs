//! Makes records searchable that were written before records were. Until it is through, those are not found by a search; once it is,
//! nothing is left to do, for whatever is written is searchable. Every replica does it; twice is as good as once.

use std::time::Duration;

use db::Database;
use http_kit::server::Shutdown;

use crate::MIGRATIONS;
use crate::db::search;

/// Records in one commit, so that no other writer waits long.
const AT_ONCE: i64 = 200;
/// Before trying again.
const PAUSE: Duration = Duration::from_secs(10);

/// The job.
pub(crate) struct Fill {
    pub(crate) database: Database,
}

impl Fill {
    /// Works until all are, from when the schema is current, or until `shutdown`.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        if !MIGRATIONS.until_current(&self.database, shutdown.requested()).await {
            return;
        }
        while !shutdown.is_requested() {
            match self.database.write(|conn| search::fill(conn, AT_ONCE)).await {
                Ok(0) => return,
                Ok(filled) => tracing::debug!(filled, "records are searchable now"),
                Err(error) => {
                    tracing::warn!(%error, "records of old are not searchable yet");
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        () = shutdown.requested() => {}
                    }
                }
            }
        }
    }
}
