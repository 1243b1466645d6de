//! Events: applied when webhook-ingest says so, and asked after by whoever sent them.

use std::time::Duration;

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use contract::audit::Text;
use contract::ids::EventId;
use contract::internal::trace::{TraceEvent, TracedEvent};
use contract::internal::{ApplyBatch, ApplyVerdicts, READ_EVENT, ReadEvent, WEBHOOK_INGEST};
use contract::problems::Code;
use contract::resources::EventStatus;
use db::fail_points::{self, Step};
use http_kit::caller::{Caller, Internal, Service};
use http_kit::client::CallError;
use http_kit::problem::Failure;

use super::{internal, whom};
use crate::db::apply::apply;
use crate::db::trace::trace;
use crate::error::Error;
use crate::state::State;

/// How long webhook-ingest may take to say what became of an event.
const READ_TIMEOUT: Duration = Duration::from_secs(4);

/// `GET /api/service/events/{eventId}`: what became of a webhook. webhook-ingest knows.
pub(crate) async fn read_event(
    caller: Caller<Service>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Failure> {
    let asked = whom::segment(request.uri().path(), 3);
    let event_id = str::from_utf8(&asked).ok().and_then(|text| text.parse::<EventId>().ok());
    let event_id = event_id.ok_or(Error::EventNotFound)?;
    caller.audit().set_target("event", Text::open(event_id.to_string()));
    let question = ReadEvent { event_id };
    let status: Result<EventStatus, CallError> =
        state.ingest.post_json(caller.context(), READ_EVENT, &question, READ_TIMEOUT).await;
    match status {
        Ok(status) => Ok(HttpResponse::Ok().json(status)),
        Err(CallError::Refused { status: 404, code, .. }) if code == Code::EventNotFound.as_str() => {
            Err(Error::EventNotFound.into())
        }
        Err(cause) => Err(Error::Ingest(cause).into()),
    }
}

/// `POST /internal/events/apply`: applies a batch, and says what became of each event. On 503 the whole call is to be made again;
/// what was applied by then is answered as such.
pub(crate) async fn apply_events(
    caller: Caller<Internal>,
    state: Data<State>,
    batch: Json<ApplyBatch>,
) -> Result<Json<ApplyVerdicts>, Failure> {
    internal::only(&caller, WEBHOOK_INGEST)?;
    let (events, request) = (batch.into_inner().events, caller.context().request_id().clone());
    let verdicts =
        apply(&state.database, events, state.seams.clone(), request).await.map_err(Error::Database)?;
    fail_points::pass(Step::ApplyAfterCommit);
    state.wake.wake();
    Ok(Json(ApplyVerdicts { verdicts }))
}

/// `POST /internal/events/trace`: what an event did, and what of it still stands. Names of fields only, never what they hold.
pub(crate) async fn trace_event(
    caller: Caller<Internal>,
    state: Data<State>,
    asked: Json<TraceEvent>,
) -> Result<Json<TracedEvent>, Failure> {
    internal::only(&caller, WEBHOOK_INGEST)?;
    let traced = state.database.read(move |conn| trace(conn, &asked)).await;
    Ok(Json(traced.map_err(Error::Database)?))
}
