//! The staff table, for admins; and what other services ask about whoever shows them a staff JWT.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use auth::staff::Role;
use contract::audit::Text;
use contract::ids::StaffId;
use contract::internal::{AUDIT_LOG, CheckStaff, SERVICE_API, StaffVerdict, WEBHOOK_INGEST};
use contract::resources::{ChangedStaff, StaffList, StaffMember, StaffStatus};
use db::DbResult;
use http_kit::caller::{AdminOnly, Caller, Identity, Internal, Staff};
use http_kit::problem::Failure;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Parameters, TARGET, known, private, typed};
use crate::db::logins;
use crate::db::register::{self, Change, NewMember, OneTimePassword, Refusal};
use crate::domain::staff::name;
use crate::error::Error;
use crate::state::State;

/// The services that have routes for staff.
const ASKING: [&str; 3] = [AUDIT_LOG, SERVICE_API, WEBHOOK_INGEST];

/// `POST /internal/staff/check`: what the bearer of a JWT may do now. The gateway stands nearest to the outside and has no business
/// here.
pub(crate) async fn check_staff(
    caller: Caller<Internal>,
    state: Data<Arc<State>>,
    asked: Json<CheckStaff>,
) -> Result<Json<StaffVerdict>, Failure> {
    if !matches!(caller.identity(), Identity::Internal(service) if ASKING.contains(&service.as_str())) {
        return Err(Error::NotAsked.into());
    }
    let verdict = logins::check(&state.database, asked.into_inner(), state.unknown_staff).await;
    Ok(Json(verdict.map_err(Error::from)?))
}

/// `GET /api/staff`
pub(crate) async fn list_staff(
    _: Caller<Staff<AdminOnly>>,
    state: Data<Arc<State>>,
    parameters: Parameters,
) -> Result<HttpResponse, Failure> {
    known(&parameters, &[])?;
    let staff = register::list(&state.database).await.map_err(Error::from)?;
    Ok(private(HttpResponse::Ok(), StaffList { staff }))
}

/// Who is to be added.
#[derive(Deserialize)]
pub(crate) struct CreateStaff {
    email: String,
    name: String,
    role: Role,
}

/// A member, and the password that nobody can be shown again.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WithPassword<'a> {
    staff: StaffMember,
    one_time_password: &'a str,
}

/// `POST /api/staff`: adds somebody, with a one-time password.
pub(crate) async fn create_staff(
    caller: Caller<Staff<AdminOnly>>,
    state: Data<Arc<State>>,
    asked: Json<CreateStaff>,
) -> Result<HttpResponse, Failure> {
    let CreateStaff { email, name: called, role } = asked.into_inner();
    // Until they have an id, the address says whom it is about.
    caller.audit().set_target(TARGET, typed(&email));
    if name(&called).is_none() {
        return Err(Error::Field(
            "/name",
            "it must have 1 to 200 characters, none of them a control character",
        )
        .into());
    }
    let new =
        NewMember::new(&email, &called, role).ok_or(Error::Field("/email", "it must be an email address"))?;
    let one_time = one_time(&caller, &state).await?;
    let entry = caller.audit().take_entry();
    let added = register::add(&state.database, &state.seams, new, &one_time, entry).await;
    let staff = settled(&caller, &state, added)?;
    let body = WithPassword { staff, one_time_password: one_time.password.expose() };
    Ok(private(HttpResponse::Created(), body))
}

/// What is to change.
#[derive(Deserialize)]
pub(crate) struct ChangeStaff {
    role: Option<Role>,
    status: Option<StaffStatus>,
    name: Option<String>,
    /// What else the body says is nothing to us, and its sender is told so.
    #[serde(flatten)]
    ignored: BTreeMap<String, IgnoredAny>,
}

/// `PATCH /api/staff/{id}`
pub(crate) async fn change_staff(
    caller: Caller<Staff<AdminOnly>>,
    state: Data<Arc<State>>,
    id: Path<String>,
    asked: Json<ChangeStaff>,
) -> Result<HttpResponse, Failure> {
    let id = member_id(&caller, &id)?;
    let ChangeStaff { role, status, name: called, ignored } = asked.into_inner();
    let called = match called {
        Some(text) => Some(name(&text).ok_or(Error::Field(
            "/name",
            "it must have 1 to 200 characters, none of them a control character",
        ))?),
        None => None,
    };
    let (change, entry) = (Change { role, status, name: called }, caller.audit().take_entry());
    let changed = register::change(&state.database, &state.seams, id, change, entry).await;
    let member = settled(&caller, &state, changed)?;
    let ignored_fields = ignored.into_keys().collect();
    Ok(private(HttpResponse::Ok(), ChangedStaff { member, ignored_fields }))
}

/// `POST /api/staff/{id}/reset-password`: a one-time password in place of the member's.
pub(crate) async fn reset_staff_password(
    caller: Caller<Staff<AdminOnly>>,
    state: Data<Arc<State>>,
    id: Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = member_id(&caller, &id)?;
    let one_time = one_time(&caller, &state).await?;
    let entry = caller.audit().take_entry();
    let reset = register::reset_password(&state.database, &state.seams, id, &one_time, entry).await;
    let staff = settled(&caller, &state, reset)?;
    let body = WithPassword { staff, one_time_password: one_time.password.expose() };
    Ok(private(HttpResponse::Ok(), body))
}

/// The id in the path, which the entry names as its target.
fn member_id(caller: &Caller<Staff<AdminOnly>>, text: &str) -> Result<StaffId, Error> {
    let id: StaffId = text.parse().map_err(|_| Error::Staff(Refusal::NotFound))?;
    caller.audit().set_target(TARGET, Text::open(id.to_string()));
    Ok(id)
}

async fn one_time(caller: &Caller<Staff<AdminOnly>>, state: &State) -> Result<OneTimePassword, Error> {
    Ok(state.passwords.admit(caller.network())?.one_time(&state.seams.random).await?)
}

/// A change that is durable, with its entry; or why there is none.
fn settled(
    caller: &Caller<Staff<AdminOnly>>,
    state: &State,
    done: DbResult<Result<StaffMember, Refusal>>,
) -> Result<StaffMember, Error> {
    let member = done??;
    caller.audit().recorded();
    state.outbox.wake();
    Ok(member)
}
