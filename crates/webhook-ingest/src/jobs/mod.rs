//! The background work: lanes are leased ([`lanes`]), and what is due in a leased lane is applied ([`apply`]); what the spool took
//! while the database was away is stored in it ([`drain`]). It waits until the
//! schema is current, and stops when it is told to; being killed instead costs nothing but the time until the leases end.

use std::sync::Arc;
use std::time::Duration;

use http_kit::server::Shutdown;

use crate::state::State;

mod apply;
pub(crate) mod backlog;
mod drain;
mod lanes;

pub(crate) use drain::run as drain;

/// Works on the lanes once the schema is current. When told to stop, each lane finishes the batch in hand, and the leases are given
/// back.
pub(crate) async fn run(state: Arc<State>, shutdown: Shutdown) {
    if crate::MIGRATIONS.until_current(&state.database, shutdown.requested()).await {
        lanes::run(state, shutdown).await;
    }
}

/// Waits that long; false if told to stop before or meanwhile.
async fn pause(wait: Duration, shutdown: &Shutdown) -> bool {
    tokio::time::timeout(wait, shutdown.requested()).await.is_err()
}
