//! Hands impersonations over to service-api, where they stand among the activities of their clients. At least once: service-api takes
//! each token once, so two replicas that send the same one do no harm.

use std::sync::Arc;
use std::time::Duration;

use contract::ids::TokenId;
use contract::internal::{
    Impersonation as Sent, RECORD_IMPERSONATIONS, RecordImpersonations, RecordedImpersonations,
};
use db::DbError;
use db::fail_points::{self, Step};
use http_kit::backoff::Backoff;
use http_kit::client::CallError;
use http_kit::context::RequestContext;
use http_kit::server::Shutdown;

use crate::db::impersonations;
use crate::domain::impersonation::Impersonation;
use crate::state::State;

/// How many are looked at for one call.
const AT_ONCE: i64 = 200;
/// Bytes of JSON in one call at most; service-api takes 128 KiB. One impersonation is far smaller: its body was at most 16 KiB.
const BATCH_BYTES: usize = 96 * 1024;
/// How long one call may take.
const CALL: Duration = Duration::from_secs(10);
/// How often it is looked what another replica may have left.
const LOOK: Duration = Duration::from_secs(5);
/// Between tries.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));

/// Why a round did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Works until told to stop. It may be stopped anywhere: what was not acknowledged is sent again.
pub(crate) async fn run(state: Arc<State>, shutdown: Shutdown) {
    let mut failures: u32 = 0;
    while !shutdown.is_requested() {
        let pause = match hand_over(&state).await {
            Ok(()) => {
                failures = 0;
                LOOK
            }
            Err(error) => {
                tracing::warn!(%error, "impersonations wait for service-api");
                failures = failures.saturating_add(1);
                BACKOFF.after(failures, &state.seams.random)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = state.activities.notified() => {}
            () = shutdown.requested() => {}
        }
    }
}

/// Sends all that wait.
async fn hand_over(state: &State) -> Result<(), Trouble> {
    loop {
        let waiting = state.database.read(|conn| impersonations::unsent(conn, AT_ONCE)).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        let mut activities: Vec<Sent> = waiting.into_iter().map(sent).collect();
        activities.truncate(fitting(&activities)?);
        let ids: Vec<TokenId> = activities.iter().map(|made| made.token_id).collect();
        let batch = RecordImpersonations { activities };
        let context = RequestContext::fresh(&state.seams.clock, &state.seams.random);
        let called = state.service_api.post_json(&context, RECORD_IMPERSONATIONS, &batch, CALL);
        let RecordedImpersonations { .. } = called.await?;
        fail_points::pass(Step::ActivityAfterCall);
        let now = state.seams.clock.now();
        state.database.write(move |conn| impersonations::mark_sent(conn, &ids, now)).await?;
    }
}

/// How many of these go into one call; one at least.
fn fitting(activities: &[Sent]) -> Result<usize, Trouble> {
    let mut bytes = 0;
    let mut fit = 0;
    for one in activities {
        // With the comma between two.
        bytes += serde_json::to_vec(one)?.len() + 1;
        if bytes > BATCH_BYTES {
            break;
        }
        fit += 1;
    }
    Ok(fit.max(1))
}

fn sent(made: Impersonation) -> Sent {
    Sent {
        token_id: made.id,
        client: made.client,
        staff_id: made.staff_id,
        staff_email: Some(made.staff_email),
        reason: made.reason,
        at: made.issued_at,
    }
}
