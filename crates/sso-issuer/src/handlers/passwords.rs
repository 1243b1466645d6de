//! Passwords of one's own.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use auth::secret::Secret;
use http_kit::audit::seal;
use http_kit::caller::{AnyStaff, Caller, Staff};
use http_kit::problem::Failure;
use serde::Deserialize;

use super::sessions::{acceptable, proven};
use crate::db::logins::{self, Proven};
use crate::domain::lockout;
use crate::error::Error;
use crate::state::State;

/// The password as it is, and as it is to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangePassword {
    password: Secret,
    new_password: Secret,
}

/// `POST /api/auth/password`: changes it, and ends every log-in but this one. A wrong one counts like a failed log-in, so that a
/// stolen JWT is no way to guess.
pub(crate) async fn change_password(
    caller: Caller<Staff<AnyStaff>>,
    state: Data<Arc<State>>,
    asked: Json<ChangePassword>,
) -> Result<HttpResponse, Failure> {
    let ChangePassword { password, new_password } = asked.into_inner();
    let staff = caller.staff()?;
    let email = staff.email.clone().filter(|_| !staff.external).ok_or(Error::NoSession)?;
    acceptable(&password, &new_password)?;
    let leave = state.passwords.admit(caller.network()).map_err(Error::from)?;
    let member = proven(&state, &leave, &email, &password).await?;
    let new_hash = Some(leave.hash(&new_password, &state.seams.random).await.map_err(Error::from)?);
    drop(leave);
    let entry = seal(&caller.audit().take_entry(), &state.seams.random);
    let now = state.seams.clock.now();
    let proven = Proven { member, key: lockout::key(&email), new_hash, entry, now };
    let changed = logins::change_password(&state.database, proven, staff.session.clone()).await;
    changed.map_err(Error::from)?.ok_or(Error::LoginFailed)?;
    caller.audit().recorded();
    state.outbox.wake();
    Ok(HttpResponse::NoContent().finish())
}
