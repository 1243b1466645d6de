//! Forgets failed log-ins that count no more, so that names which somebody made up do not stay.

use std::sync::Arc;
use std::time::Duration;

use http_kit::server::Shutdown;

use crate::db::login_failures;
use crate::domain::lockout::COUNTS;
use crate::state::State;

/// How often.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// Works until told to stop.
pub(crate) async fn run(state: Arc<State>, shutdown: Shutdown) {
    while !shutdown.is_requested() {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = shutdown.requested() => return,
        }
        let before = state.seams.clock.now().minus(COUNTS);
        if let Err(error) = state.database.write(move |conn| login_failures::sweep(conn, before)).await {
            tracing::warn!(%error, "old failed log-ins could not be forgotten");
        }
    }
}
