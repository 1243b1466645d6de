//! `GET /api/webhooks/events/{id}/history`: what happened to one event, when and why.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path};
use contract::audit::Text;
use contract::history::Standing;
use contract::ids::EventId;
use contract::internal::trace::{Attempts, ReadAttempts, TraceEvent, TracedEvent, Traces};
use contract::internal::{READ_ATTEMPTS, TRACE_EVENT};
use http_kit::caller::{Caller, EventReader, Staff};
use http_kit::client::CallError;
use http_kit::context::RequestContext;
use http_kit::problem::Failure;

use crate::db::history;
use crate::domain::history::{Stored, Told, story};
use crate::error::Error;
use crate::handlers::events::find;
use crate::state::State;

/// How long a neighbour may take to say what it knows.
const PATIENCE: Duration = Duration::from_secs(4);

/// Whoever may look at an event may know what was done with it. A neighbour that does not answer is named, and the rest is told.
pub(crate) async fn read_event_history(
    caller: Caller<Staff<EventReader>>,
    state: Data<Arc<State>>,
    id: Path<String>,
) -> Result<HttpResponse, Failure> {
    let id: EventId = id.parse().map_err(|_| Error::NoEvent)?;
    caller.audit().set_target("event", Text::open(id.to_string()));
    let words = state.kyc_words.clone();
    let found = state.database.read(move |conn| history::find(conn, id, &words)).await;
    let Some(stored) = found.map_err(Error::Database)? else {
        // It may still be in the spool: then that is the answer, and else that there is none.
        find(&state, id).await?;
        return Err(Error::NoEvent.into());
    };
    let (traces, attempts) =
        tokio::join!(traces(&state, caller.context(), id, &stored), attempts(&state, caller.context(), id));
    let others = match traces.iter().flatten().next() {
        Some(traces) => overtaking(traces),
        None => Vec::new(),
    };
    let others = state.database.read(move |conn| history::by_intake(conn, &others)).await;
    let told = Told { traces, attempts, others: others.map_err(Error::Database)? };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(story(stored, told)))
}

/// The intake numbers of what stands in the place of this event.
fn overtaking(traces: &Traces) -> Vec<i64> {
    let others = traces.fields.iter().filter(|field| field.standing != Standing::Stands);
    others.map(|field| field.intake).collect()
}

/// What service-api says; the outer `None` if it did not answer, or was not asked.
async fn traces(
    state: &State,
    context: &RequestContext,
    event_id: EventId,
    stored: &Stored,
) -> Option<Option<Traces>> {
    if !stored.left_traces() {
        return None;
    }
    let question = TraceEvent { event_id, said: stored.said.clone() };
    let answer: Result<TracedEvent, CallError> =
        state.service_api.post_json(context, TRACE_EVENT, &question, PATIENCE).await;
    told(answer).map(|answer| answer.traces)
}

async fn attempts(state: &State, context: &RequestContext, event_id: EventId) -> Option<Attempts> {
    told(state.audit_log.post_json(context, READ_ATTEMPTS, &ReadAttempts { event_id }, PATIENCE).await)
}

fn told<A>(answer: Result<A, CallError>) -> Option<A> {
    answer.inspect_err(|error| tracing::warn!(%error, "the story of an event goes without a neighbour")).ok()
}
