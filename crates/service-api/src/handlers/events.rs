//! Events that webhook-ingest wants applied.

use actix_web::web::{Data, Json};
use contract::internal::{ApplyBatch, ApplyVerdicts, WEBHOOK_INGEST};
use http_kit::caller::{Caller, Identity, Internal};
use http_kit::problem::Failure;

use crate::db::apply::apply;
use crate::error::Error;
use crate::state::State;

/// `POST /internal/events/apply`: applies a batch, and says what became of each event. On 503 the whole call is to be made again;
/// what was applied by then is answered as such.
pub(crate) async fn apply_events(
    caller: Caller<Internal>,
    state: Data<State>,
    batch: Json<ApplyBatch>,
) -> Result<Json<ApplyVerdicts>, Failure> {
    // Any service of ours is let in here, the gateway too, which stands nearest to the outside; only one has events.
    if !matches!(caller.identity(), Identity::Internal(name) if name == WEBHOOK_INGEST) {
        return Err(Error::NotIngest.into());
    }
    let (events, request) = (batch.into_inner().events, caller.context().request_id().clone());
    let verdicts =
        apply(&state.database, events, state.seams.clone(), request).await.map_err(Error::Database)?;
    state.wake.wake();
    Ok(Json(ApplyVerdicts { verdicts }))
}
