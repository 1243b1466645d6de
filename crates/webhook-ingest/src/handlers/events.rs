//! What service-api asks for: to wait for a client instead of denying that there is one, and what became of an event.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Data, Json};
use contract::ids::EventId;
use contract::inbox::EventDetails;
use contract::internal::{AwaitClient, AwaitedClient, ClientName, ReadEvent};
use contract::resources::EventStatus;
use db::DbResult;
use http_kit::caller::{Caller, Internal};
use http_kit::problem::Failure;
use tokio::time::{Instant, sleep_until};

use crate::db::{listing, pending};
use crate::domain::lanes::email_column;
use crate::error::Error;
use crate::state::State;

/// The longest wait, whatever is asked for.
const LONGEST: Duration = Duration::from_millis(2_000);

/// How often the inbox is looked at while waiting: another replica may have the client's lane.
const LOOK: Duration = Duration::from_millis(50);

/// `POST /internal/events/await`: waits until no acknowledged, unapplied event names the client, or the time is up.
pub(crate) async fn await_client(
    _: Caller<Internal>,
    state: Data<Arc<State>>,
    asked: Json<AwaitClient>,
) -> Result<Json<AwaitedClient>, Failure> {
    let AwaitClient { name, wait_ms } = asked.into_inner();
    let deadline = Instant::now() + Duration::from_millis(wait_ms).min(LONGEST);
    loop {
        // Listening starts before looking, so that nothing is missed between the two.
        let resolved = state.signals.resolved();
        let pending = is_pending(&state, &name).await.map_err(Error::Database)?;
        if !pending || Instant::now() >= deadline {
            return Ok(Json(AwaitedClient { pending }));
        }
        tokio::select! {
            () = resolved => {}
            () = sleep_until((Instant::now() + LOOK).min(deadline)) => {}
        }
    }
}

/// Whether an acknowledged event that names the client still has its effect before it. The spool is asked first: what leaves it
/// meanwhile is found in the inbox.
async fn is_pending(state: &State, name: &ClientName) -> DbResult<bool> {
    if let Some(spool) = state.intake.spool()
        && spool.names_client(name.clone()).await?
    {
        return Ok(true);
    }
    let name = name.clone();
    let looked = state.database.read(move |conn| match &name {
        ClientName::EmailKey(key) => pending::names_email(conn, &email_column(key)),
        ClientName::ClientId(id) => pending::names_client(conn, id),
    });
    looked.await
}

/// `POST /internal/events/read`: what became of an event, as its sender may know it.
pub(crate) async fn read_event_status(
    _: Caller<Internal>,
    state: Data<Arc<State>>,
    asked: Json<ReadEvent>,
) -> Result<Json<EventStatus>, Failure> {
    let EventDetails { summary, warnings, .. } = find(&state, asked.event_id).await?;
    Ok(Json(EventStatus {
        event_id: summary.event_id,
        source: summary.source,
        event_type: summary.event_type,
        status: summary.state,
        reason: summary.reason,
        warnings,
        received_at: summary.received_at,
        resolved_at: summary.resolved_at,
        attempts: summary.attempts,
    }))
}

/// All about one event. One that waits in the spool is not denied; the spool is asked first, as what leaves it is then in the inbox.
pub(super) async fn find(state: &State, id: EventId) -> Result<EventDetails, Error> {
    let spooled = match state.intake.spool() {
        Some(spool) => spool.has_event(id).await.map_err(Error::Database)?,
        None => false,
    };
    let found = state.database.read(move |conn| listing::find(conn, id)).await.map_err(Error::Database)?;
    found.ok_or(if spooled { Error::Spooled } else { Error::NoEvent })
}
