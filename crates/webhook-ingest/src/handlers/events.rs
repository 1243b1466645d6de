//! `POST /internal/events/await`: lets service-api wait for a client instead of denying that there is one.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Data, Json};
use contract::internal::{AwaitClient, AwaitedClient};
use http_kit::caller::{Caller, Internal};
use http_kit::problem::Failure;
use tokio::time::{Instant, sleep_until};

use crate::db::inbox;
use crate::domain::lanes::email_column;
use crate::error::Error;
use crate::state::State;

/// The longest wait, whatever is asked for.
const LONGEST: Duration = Duration::from_millis(2_000);

/// How often the inbox is looked at while waiting: another replica may have the client's lane.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until no acknowledged, unapplied event names the e-mail, or the time is up.
pub(crate) async fn await_client(
    _: Caller<Internal>,
    state: Data<Arc<State>>,
    asked: Json<AwaitClient>,
) -> Result<Json<AwaitedClient>, Failure> {
    let deadline = Instant::now() + Duration::from_millis(asked.wait_ms).min(LONGEST);
    let column = email_column(&asked.email_key);
    loop {
        // Listening starts before looking, so that nothing is missed between the two.
        let resolved = state.signals.resolved();
        let key = column.clone();
        let looked = state.database.read(move |conn| inbox::email_is_pending(conn, &key)).await;
        let pending = looked.map_err(Error::Database)?;
        if !pending || Instant::now() >= deadline {
            return Ok(Json(AwaitedClient { pending }));
        }
        tokio::select! {
            () = resolved => {}
            () = sleep_until((Instant::now() + LOOK).min(deadline)) => {}
        }
    }
}
