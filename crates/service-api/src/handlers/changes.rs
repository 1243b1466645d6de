//! What all changes have in common: who makes them, and what is done once their commit is through.

use contract::ids::ClientRef;
use db::DbResult;
use db::fail_points::{self, Step};
use http_kit::caller::Caller;

use super::whom;
use crate::db::changes::Change;
use crate::domain::standing::Refusal;
use crate::error::Error;
use crate::state::State;

/// A change that this caller makes of this client's record. What the request is about must be on its entry already.
pub(crate) fn of<S>(caller: &Caller<S>, state: &State, client: ClientRef) -> Change {
    Change {
        client,
        actor: whom::actor(caller),
        entry: caller.audit().take_entry(),
        seams: state.seams.clone(),
    }
}

/// What the change came to. If its commit is through, so is its audit entry.
pub(crate) fn made<S, T>(
    caller: &Caller<S>,
    state: &State,
    came_to: DbResult<Result<T, Refusal>>,
) -> Result<T, Error> {
    let made = came_to?.map_err(Error::Refused)?;
    fail_points::pass(Step::ChangeAfterCommit);
    caller.audit().recorded();
    state.wake.wake();
    Ok(made)
}
