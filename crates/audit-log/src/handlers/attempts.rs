//! What the trail says of one webhook event, for webhook-ingest, which tells its story to staff.

use actix_web::web;
use contract::internal::WEBHOOK_INGEST;
use contract::internal::trace::{Attempt, Attempts, ReadAttempts};
use http_kit::caller::{Caller, Identity, Internal};
use http_kit::problem::Failure;

use crate::db::attempts::{self, Found};
use crate::db::entries::Row;
use crate::domain::attempts::attempt;
use crate::error::Error;
use crate::handlers::entries::read;
use crate::state::State;

/// `POST /internal/entries/attempts`. Nobody else of our own services may ask: the trail is for auditors.
pub(crate) async fn read_attempts(
    caller: Caller<Internal>,
    asked: web::Json<ReadAttempts>,
    state: web::Data<State>,
) -> Result<web::Json<Attempts>, Failure> {
    if !matches!(caller.identity(), Identity::Internal(name) if name == WEBHOOK_INGEST) {
        return Err(Error::OtherService.into());
    }
    let event = asked.event_id;
    let found = state.database.read(move |conn| attempts::of_event(conn, event)).await;
    let Found { deliveries, first, last, acts } = found.map_err(Error::Database)?;
    let mut first = first.iter().filter_map(told);
    Ok(web::Json(Attempts {
        deliveries: u64::try_from(deliveries).unwrap_or_default(),
        first: first.next(),
        second: first.next(),
        last: last.as_ref().and_then(told),
        acts: acts.iter().filter_map(told).collect(),
    }))
}

/// One entry. A damaged one tells nothing, and hides no other.
fn told(row: &Row) -> Option<Attempt> {
    read(row).opened.as_ref().map(attempt)
}
