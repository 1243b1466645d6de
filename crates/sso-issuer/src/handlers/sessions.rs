//! Log-ins. Whether the name is unknown, the password wrong or the member disabled, the same work is done and the same is answered.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Json};
use auth::secret::Secret;
use contract::audit::{Actor, ActorKind, Text};
use contract::ids::SessionId;
use contract::resources::{StaffMember, StaffStatus};
use http_kit::audit::seal;
use http_kit::caller::{AnyStaff, Anyone, Caller, Staff};
use http_kit::problem::Failure;
use serde::{Deserialize, Serialize};

use super::{TARGET, private, typed};
use crate::db::logins::{self, Proven};
use crate::domain::lockout;
use crate::domain::passwords::{Leave, fits};
use crate::domain::session::Session;
use crate::domain::staff::{Member, address};
use crate::error::Error;
use crate::state::State;

/// What a log-in says. Unknown members are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogIn {
    email: String,
    password: Secret,
    new_password: Option<Secret>,
}

/// What a log-in brings.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LoggedIn {
    token: String,
    expires_in: i64,
    staff: StaffMember,
}

/// `POST /api/auth/login`
pub(crate) async fn create_session(
    caller: Caller<Anyone>,
    state: Data<Arc<State>>,
    asked: Json<LogIn>,
) -> Result<HttpResponse, Failure> {
    let LogIn { email, password, new_password } = asked.into_inner();
    caller.audit().set_target(TARGET, typed(&email));
    if let Some(new) = &new_password {
        acceptable(&password, new)?;
    }
    let leave = state.passwords.admit(caller.network()).map_err(Error::from)?;
    let member = proven(&state, &leave, &email, &password).await?;
    let key = lockout::key(&email);
    if member.one_time_password && new_password.is_none() {
        logins::forget_attempts(&state.database, key).await.map_err(Error::from)?;
        return Err(Error::PasswordChangeRequired.into());
    }
    let new_hash = match &new_password {
        Some(new) => Some(leave.hash(new, &state.seams.random).await.map_err(Error::from)?),
        None => None,
    };
    drop(leave);

    let now = state.seams.clock.now();
    let id = SessionId::new(now, state.seams.random.bytes());
    let session = Session { id, staff: member.id, created_at: now, ended_at: None };
    let id = member.id.to_string();
    caller.audit().identify(Actor { kind: ActorKind::Staff, id: Some(Text::open(&id)) });
    caller.audit().set_target(TARGET, Text::open(id));
    caller.audit().add_detail("actorEmail", Text::personal(&member.email));
    if new_hash.is_some() {
        caller.audit().add_detail("passwordChanged", true);
    }
    let entry = seal(&caller.audit().take_entry(), &state.seams.random);
    let proven = Proven { member, key, new_hash, entry, now };
    let member = logins::begin(&state.database, proven, session.clone()).await.map_err(Error::from)?;
    let member = member.ok_or(Error::LoginFailed)?;
    caller.audit().recorded();
    state.outbox.wake();
    Ok(answer(&state, &session, &member)?)
}

/// Is this a password that may take the other's place?
pub(super) fn acceptable(old: &Secret, new: &Secret) -> Result<(), Error> {
    if !fits(new) {
        return Err(Error::Field(
            "/newPassword",
            "it must have 12 to 256 characters, not counting spaces at its ends",
        ));
    }
    if new == old {
        return Err(Error::Field("/newPassword", "it must be another than the one before"));
    }
    Ok(())
}

/// The member whose name and password these are, and who may be here. The attempt counts before the password is looked at.
pub(super) async fn proven(
    state: &State,
    leave: &Leave,
    email: &str,
    password: &Secret,
) -> Result<Member, Error> {
    let key = address(email).map(|(_, key)| key);
    let now = state.seams.clock.now();
    let member =
        logins::attempt(&state.database, lockout::key(email), key, now).await?.map_err(Error::LoginLocked)?;
    let hash = member.as_ref().map(|member| member.password_hash.clone());
    let right = leave.verify(password, hash).await?;
    member.filter(|member| right && member.status == StaffStatus::Active).ok_or(Error::LoginFailed)
}

fn answer(state: &State, session: &Session, member: &Member) -> Result<HttpResponse, Error> {
    let (token, expires_in) =
        session.token(member, state.seams.clock.now(), &state.staff_signer)?.ok_or(Error::SessionOver)?;
    Ok(private(HttpResponse::Ok(), LoggedIn { token, expires_in, staff: member.record() }))
}

/// `POST /api/auth/refresh`: a new JWT of the same log-in.
pub(crate) async fn refresh_session(
    caller: Caller<Staff<AnyStaff>>,
    state: Data<Arc<State>>,
) -> Result<HttpResponse, Failure> {
    let id = caller.staff()?.session.clone().filter(|id| Session::is_ours(id)).ok_or(Error::NoSession)?;
    let entry = seal(&caller.audit().take_entry(), &state.seams.random);
    let now = state.seams.clock.now();
    let refreshed = logins::refresh(&state.database, id, now, entry).await.map_err(Error::from)?;
    let (session, member) = refreshed.ok_or(Error::SessionOver)?;
    caller.audit().recorded();
    state.outbox.wake();
    Ok(answer(&state, &session, &member)?)
}

/// What a log-out says.
#[derive(Default, Deserialize)]
struct LogOut {
    #[serde(default)]
    everywhere: bool,
}

/// `POST /api/auth/logout`: ends this log-in, or with `{"everywhere": true}` all of one's own.
pub(crate) async fn end_session(
    caller: Caller<Staff<AnyStaff>>,
    state: Data<Arc<State>>,
    body: Bytes,
) -> Result<HttpResponse, Failure> {
    let LogOut { everywhere } = if body.trim_ascii().is_empty() {
        LogOut::default()
    } else {
        serde_json::from_slice(&body).map_err(|_| Error::BodyUnreadable)?
    };
    let staff = caller.staff()?;
    let session = staff.session.clone().filter(|id| Session::is_ours(id));
    // What another part of the CRM signed can't be ended one by one; somebody whom we do not know, not at all.
    if staff.external || (session.is_none() && !everywhere) {
        return Err(Error::NoSession.into());
    }
    caller.audit().add_detail("everywhere", everywhere);
    let entry = seal(&caller.audit().take_entry(), &state.seams.random);
    let now = state.seams.clock.now();
    logins::end(&state.database, staff.id.clone(), session, everywhere, now, entry)
        .await
        .map_err(Error::from)?;
    caller.audit().recorded();
    state.outbox.wake();
    Ok(HttpResponse::NoContent().finish())
}

/// Who one is, and what counts now.
#[derive(Serialize)]
struct Me {
    id: String,
    email: Option<String>,
    name: Option<String>,
    roles: Vec<&'static str>,
    external: bool,
}

/// `GET /api/auth/me`
pub(crate) async fn read_session(
    caller: Caller<Staff<AnyStaff>>,
    state: Data<Arc<State>>,
) -> Result<HttpResponse, Failure> {
    let staff = caller.staff()?;
    let id = staff.id.clone();
    let name = match staff.external {
        true => None,
        false => logins::name_of(&state.database, id).await.map_err(Error::from)?,
    };
    Ok(private(
        HttpResponse::Ok(),
        Me {
            id: staff.id.clone(),
            email: staff.email.clone(),
            name,
            roles: staff.roles.iter().map(|role| role.as_str()).collect(),
            external: staff.external,
        },
    ))
}

#[cfg(test)]
mod tests {
    use auth::random::Random;
    use auth::staff::Role;
    use contract::clock::Clock;
    use http_kit::kit::Seams;
    use http_kit::server::Listen;
    use outbox::Wake;
    use test_kit::credentials::ring;
    use test_kit::database::{TestDatabase, both};

    use super::*;
    use crate::config::Config;
    use crate::db::staff;
    use crate::domain::passwords::OneTimePassword;
    use crate::{MIGRATIONS, SCHEMA, UnknownStaff};

    /// What handlers share, on a database of the test's own; nobody else is there.
    async fn state(on: &TestDatabase) -> State {
        let nobody = || "http://127.0.0.1:9".to_owned();
        let config = Config {
            listen: Listen::on("127.0.0.1:0"),
            database: on.url(SCHEMA),
            internal: ring("internal-secret-for-tests-only-00000"),
            staff: ring("jwt-secret-for-tests-only-0000000000"),
            sso: ring("sso-secret-for-tests-only-0000000000"),
            unknown_staff: UnknownStaff::Refuse,
            platform_url: nobody(),
            service_api_url: nobody(),
            audit_log_url: nobody(),
        };
        let database = on.open(SCHEMA);
        MIGRATIONS.run(&database).await.expect("migrates");
        let seams = Seams { clock: Clock::system(), random: Random::system() };
        State::new(&config, database, Wake::new(), seams).expect("good settings")
    }

    async fn hire(state: &State, email: &str, status: StaffStatus) {
        let (now, random) = (state.seams.clock.now(), &state.seams.random);
        let (email, email_key) = address(email).expect("an address");
        let member = Member {
            id: contract::ids::StaffId::new(now, random.bytes()),
            email,
            email_key,
            name: "Somebody".to_owned(),
            role: Role::Support,
            status,
            password_hash: OneTimePassword::make(random).expect("a password").hash,
            one_time_password: true,
            sessions_ended_at: None,
            created_at: now,
            updated_at: now,
        };
        let added = state.database.write(move |conn| staff::add(conn, &member)).await;
        assert!(added.expect("stored"));
    }

    /// I14: as much work is done for a name that nobody has as for one that somebody has, so no time tells which it is.
    #[tokio::test]
    async fn every_name_costs_one_hash() {
        for database in both() {
            let state = state(&database).await;
            hire(&state, "ann@broker.example", StaffStatus::Active).await;
            hire(&state, "bob@broker.example", StaffStatus::Disabled).await;
            let password = Secret::new("not the right password");
            for name in ["ann@broker.example", "bob@broker.example", "nobody@broker.example", "no address"] {
                let before = state.passwords.hashed();
                let leave = state.passwords.admit(None).expect("nobody waits");
                let refused = proven(&state, &leave, name, &password).await;
                assert!(matches!(refused, Err(Error::LoginFailed)), "{name}");
                assert_eq!(state.passwords.hashed() - before, 1, "{name}");
            }
        }
    }
}
