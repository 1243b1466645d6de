//! Log-ins as pieces of work: each is one transaction over staff, sessions, attempts and the outbox, and each looks again at what an
//! earlier one saw before it changes anything.

use std::time::Duration;

use contract::audit::Sealed;
use contract::clock::Timestamp;
use contract::email::EmailKey;
use contract::ids::StaffId;
use contract::internal::{CheckStaff, StaffVerdict};
use contract::resources::StaffStatus;
use db::{Conn, Database, DbResult};

use super::{login_failures, sessions, staff};
use crate::domain::session::Session;
use crate::domain::staff::{Member, UnknownStaff, verdict};

/// What the bearer of a verified JWT may do now.
pub(crate) async fn check(
    database: &Database,
    asked: CheckStaff,
    unknown: UnknownStaff,
) -> DbResult<StaffVerdict> {
    database
        .read(move |conn| {
            let member = known(conn, &asked)?;
            let session = match &asked.session {
                Some(id) => sessions::find(conn, id)?,
                None => None,
            };
            Ok(verdict(asked, member.as_ref(), session.as_ref(), unknown))
        })
        .await
}

/// The member whom a JWT names: by id, else by address. A `sub` that is an address counts too: whom the table knows must not pass for
/// somebody whom it does not.
fn known(conn: &mut Conn, asked: &CheckStaff) -> DbResult<Option<Member>> {
    if asked.sub.parse::<StaffId>().is_ok()
        && let Some(member) = staff::by_id(conn, &asked.sub)?
    {
        return Ok(Some(member));
    }
    for key in [asked.email.as_deref(), Some(&asked.sub)].into_iter().flatten().filter_map(EmailKey::of) {
        if let Some(member) = staff::by_address(conn, &key)? {
            return Ok(Some(member));
        }
    }
    Ok(None)
}

/// What people call a member.
pub(crate) async fn name_of(database: &Database, id: String) -> DbResult<Option<String>> {
    database.read(move |conn| Ok(staff::by_id(conn, &id)?.map(|member| member.name))).await
}

/// Counts an attempt at a name, and says who has it; or how long it is still locked.
pub(crate) async fn attempt(
    database: &Database,
    key: String,
    address: Option<EmailKey>,
    now: Timestamp,
) -> DbResult<Result<Option<Member>, Duration>> {
    database
        .write(move |conn| {
            if let Err(locked) = login_failures::count(conn, &key, now)? {
                return Ok(Err(locked));
            }
            Ok(Ok(match &address {
                Some(address) => staff::by_address(conn, address)?,
                None => None,
            }))
        })
        .await
}

/// The right password was given: the attempts at the name count no more.
pub(crate) async fn forget_attempts(database: &Database, key: String) -> DbResult<()> {
    database.write(move |conn| login_failures::forget(conn, &key)).await
}

/// What a right password leads to.
pub(crate) struct Proven {
    /// Whose password was right, as they were when it was looked at.
    pub(crate) member: Member,
    /// The key of their attempts.
    pub(crate) key: String,
    /// The hash of the password that takes the old one's place.
    pub(crate) new_hash: Option<String>,
    /// The audit entry.
    pub(crate) entry: Sealed,
    /// When.
    pub(crate) now: Timestamp,
}

impl Proven {
    /// The member as they are now, if the password is still theirs and they may be here. Of two who use a one-time password at once,
    /// the second one finds it gone.
    fn still(&self, conn: &mut Conn) -> DbResult<Option<Member>> {
        let member = staff::locked(conn, &self.member.id.to_string())?;
        Ok(member.filter(|now| {
            now.password_hash == self.member.password_hash && now.status == StaffStatus::Active
        }))
    }

    /// Puts the new password in the old one's place, and forgets the attempts.
    fn settle(&self, conn: &mut Conn, member: &mut Member) -> DbResult<()> {
        if let Some(hash) = &self.new_hash {
            member.password_hash.clone_from(hash);
            member.one_time_password = false;
            member.updated_at = self.now;
            staff::store(conn, member)?;
        }
        login_failures::forget(conn, &self.key)?;
        outbox::insert(conn, &self.entry)
    }
}

/// Begins a session; `None` if the password is not the member's any more.
pub(crate) async fn begin(database: &Database, proven: Proven, session: Session) -> DbResult<Option<Member>> {
    database
        .write(move |conn| {
            let Some(mut member) = proven.still(conn)? else { return Ok(None) };
            proven.settle(conn, &mut member)?;
            sessions::add(conn, &session)?;
            Ok(Some(member))
        })
        .await
}

/// Changes a password and ends all sessions but the one at hand; `None` if the password is not the member's any more.
pub(crate) async fn change_password(
    database: &Database,
    proven: Proven,
    kept: Option<String>,
) -> DbResult<Option<Member>> {
    database
        .write(move |conn| {
            let Some(mut member) = proven.still(conn)? else { return Ok(None) };
            member.sessions_ended_at = Some(proven.now);
            proven.settle(conn, &mut member)?;
            sessions::end_all(conn, member.id, kept.as_deref(), proven.now)?;
            Ok(Some(member))
        })
        .await
}

/// Goes on with a session; `None` if it has ended meanwhile.
pub(crate) async fn refresh(
    database: &Database,
    id: String,
    now: Timestamp,
    entry: Sealed,
) -> DbResult<Option<(Session, Member)>> {
    database
        .write(move |conn| {
            let Some(session) = sessions::find(conn, &id)? else { return Ok(None) };
            let Some(member) = staff::by_id(conn, &session.staff.to_string())? else { return Ok(None) };
            if member.status == StaffStatus::Disabled || !sessions::refresh(conn, session.id, now)? {
                return Ok(None);
            }
            outbox::insert(conn, &entry)?;
            Ok(Some((session, member)))
        })
        .await
}

/// Ends one session, or with `everywhere` whatever the member has open, JWTs of other parts of the CRM among it.
pub(crate) async fn end(
    database: &Database,
    staff_id: String,
    session: Option<String>,
    everywhere: bool,
    now: Timestamp,
    entry: Sealed,
) -> DbResult<()> {
    database
        .write(move |conn| {
            if everywhere {
                if let Some(mut member) = staff::locked(conn, &staff_id)? {
                    member.sessions_ended_at = Some(now);
                    staff::store(conn, &member)?;
                    sessions::end_all(conn, member.id, None, now)?;
                }
            } else if let Some(session) = &session {
                sessions::end(conn, session, now)?;
            }
            outbox::insert(conn, &entry)
        })
        .await
}
