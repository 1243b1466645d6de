//! The background work: lanes are leased ([`lanes`]), and what is due in a leased lane is applied ([`apply`]). It waits until the
//! schema is current, and stops when it is told to; being killed instead costs nothing but the time until the leases end.

use std::sync::Arc;
use std::time::Duration;

use http_kit::server::Shutdown;

use crate::state::State;

mod apply;
mod lanes;

/// How often the schema is looked at while it is not current.
const SCHEMA_POLL: Duration = Duration::from_millis(200);

/// Works on the lanes once the schema is current. When told to stop, each lane finishes the batch in hand, and the leases are given
/// back.
pub(crate) async fn run(state: Arc<State>, shutdown: Shutdown) {
    loop {
        match crate::MIGRATIONS.is_current(&state.database).await {
            Ok(true) => break,
            Ok(false) => tracing::debug!("the lanes wait for the schema"),
            Err(error) => tracing::debug!(%error, "the lanes wait for the database"),
        }
        if !pause(SCHEMA_POLL, &shutdown).await {
            return;
        }
    }
    lanes::run(state, shutdown).await;
}

/// Waits that long; false if told to stop before or meanwhile.
async fn pause(wait: Duration, shutdown: &Shutdown) -> bool {
    tokio::time::timeout(wait, shutdown.requested()).await.is_err()
}
