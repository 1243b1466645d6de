//! Forgets what counts no more: failed log-ins, so that names which somebody made up do not stay, and log-ins whose last JWT has
//! expired.

use std::sync::Arc;
use std::time::Duration;

use contract::clock::Timestamp;
use db::DbResult;
use http_kit::server::Shutdown;

use crate::MIGRATIONS;
use crate::db::{login_failures, sessions};
use crate::domain::{lockout, session};
use crate::state::State;

/// How often.
const EVERY: Duration = Duration::from_secs(10 * 60);
/// How much longer than they count attempts are kept: the clocks of two replicas may be apart.
const ATTEMPTS_LONGER: Duration = Duration::from_secs(15 * 60);
/// How much longer than its last JWT is good a log-in is kept: somebody may still want to know of it.
const SESSIONS_LONGER: Duration = Duration::from_secs(24 * 3600);

/// Works until told to stop.
pub(crate) async fn run(state: Arc<State>, shutdown: Shutdown) {
    if !MIGRATIONS.until_current(&state.database, shutdown.requested()).await {
        return;
    }
    while !shutdown.is_requested() {
        if let Err(error) = sweep(&state, state.seams.clock.now()).await {
            tracing::warn!(%error, "old log-ins could not be forgotten");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = shutdown.requested() => return,
        }
    }
}

/// Forgets what is over at `now`. Twice, or by two replicas at once, does no harm.
async fn sweep(state: &State, now: Timestamp) -> DbResult<()> {
    let attempts = now.minus(lockout::COUNTS + ATTEMPTS_LONGER);
    let begun = now.minus(session::TOKEN + SESSIONS_LONGER);
    let work = move |conn: &mut db::Conn| {
        let forgotten = (login_failures::sweep(conn, attempts)?, sessions::sweep(conn, begun)?);
        Ok(forgotten)
    };
    let (attempts, sessions) = state.database.write(work).await?;
    tracing::debug!(attempts, sessions, "forgotten");
    Ok(())
}
