//! What may be done to the staff table, by admins over HTTP and by the operator's command alike: each change with its audit entry in
//! one commit. Whoever calls says who acts; who may act is decided before.

use auth::random::Random;
use auth::staff::Role;
use contract::audit::{Entry, Target, Text};
use contract::clock::Timestamp;
use contract::email::EmailKey;
use contract::ids::StaffId;
use contract::resources::{StaffMember, StaffStatus};
use db::{Conn, Database, DbResult};
use http_kit::audit::seal;
use http_kit::kit::Seams;

use super::{login_failures, sessions, staff};
use crate::domain::lockout;
use crate::domain::staff::{Member, address, name};

pub use crate::domain::passwords::OneTimePassword;

/// Why a change is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody has this id or address.
    #[error("there is no such member of staff")]
    NotFound,
    /// The address is taken.
    #[error("there is a member of staff with this address")]
    Exists,
    /// The change would leave nobody who could undo it.
    #[error("this is the last active admin")]
    LastAdmin,
}

/// Somebody who is to be added: checked, not stored yet.
pub struct NewMember {
    email: String,
    email_key: EmailKey,
    name: String,
    role: Role,
}

impl NewMember {
    /// Somebody with this address, name and role; `None` where the address or the name can't be one.
    pub fn new(email: &str, display_name: &str, role: Role) -> Option<Self> {
        let (email, email_key) = address(email)?;
        Some(Self { email, email_key, name: name(display_name)?, role })
    }

    fn into_member(self, now: Timestamp, random: &Random, one_time: &OneTimePassword) -> Member {
        Member {
            id: StaffId::new(now, random.bytes()),
            email: self.email,
            email_key: self.email_key,
            name: self.name,
            role: self.role,
            status: StaffStatus::Active,
            password_hash: one_time.hash.clone(),
            one_time_password: true,
            sessions_ended_at: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// What is to change; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What they may do.
    pub role: Option<Role>,
    /// Whether they may be here.
    pub status: Option<StaffStatus>,
    /// What people call them; must be one that [`NewMember::new`] takes.
    pub name: Option<String>,
}

/// All of them, by address.
///
/// # Errors
/// As any read.
pub async fn list(database: &Database) -> DbResult<Vec<StaffMember>> {
    let members = database.read(staff::all).await?;
    Ok(members.iter().map(Member::record).collect())
}

/// The id of whoever has this address.
///
/// # Errors
/// As any read.
pub async fn find(database: &Database, email: &str) -> DbResult<Option<StaffId>> {
    let Some((_, key)) = address(email) else { return Ok(None) };
    Ok(database.read(move |conn| staff::by_address(conn, &key)).await?.map(|member| member.id))
}

/// Adds somebody, who logs in first with this one-time password.
///
/// # Errors
/// As any write.
pub async fn add(
    database: &Database,
    seams: &Seams,
    new: NewMember,
    one_time: &OneTimePassword,
    entry: Entry,
) -> DbResult<Result<StaffMember, Refusal>> {
    let member = new.into_member(seams.clock.now(), &seams.random, one_time);
    let entry = about(&member, entry);
    let sealed = seal(&entry, &seams.random);
    database
        .write(move |conn| {
            if !staff::add(conn, &member)? {
                return Ok(Err(Refusal::Exists));
            }
            outbox::insert(conn, &sealed)?;
            Ok(Ok(member.record()))
        })
        .await
}

/// Adds somebody if there is nobody at all; of several who try at once, one succeeds.
///
/// # Errors
/// As any write.
pub async fn add_first(
    database: &Database,
    seams: &Seams,
    new: NewMember,
    one_time: &OneTimePassword,
    entry: Entry,
) -> DbResult<bool> {
    let member = new.into_member(seams.clock.now(), &seams.random, one_time);
    let sealed = seal(&about(&member, entry), &seams.random);
    database
        .write(move |conn| {
            staff::lock_all(conn)?;
            if !staff::is_empty(conn)? || !staff::add(conn, &member)? {
                return Ok(false);
            }
            outbox::insert(conn, &sealed)?;
            Ok(true)
        })
        .await
}

/// Is there nobody at all?
///
/// # Errors
/// As any read.
pub async fn is_empty(database: &Database) -> DbResult<bool> {
    database.read(staff::is_empty).await
}

/// Changes somebody. Whoever is disabled is logged out everywhere, too.
///
/// # Errors
/// As any write.
pub async fn change(
    database: &Database,
    seams: &Seams,
    id: StaffId,
    change: Change,
    entry: Entry,
) -> DbResult<Result<StaffMember, Refusal>> {
    let (now, random) = (seams.clock.now(), seams.random.clone());
    database
        .write(move |conn| {
            let admins = staff::lock_active_admins(conn)?;
            let Some(before) = staff::locked(conn, &id.to_string())? else {
                return Ok(Err(Refusal::NotFound));
            };
            let after = changed(&before, &change, now);
            if before.is_active_admin() && !after.is_active_admin() && admins.len() < 2 {
                return Ok(Err(Refusal::LastAdmin));
            }
            staff::store(conn, &after)?;
            if after.status == StaffStatus::Disabled {
                sessions::end_all(conn, id, None, now)?;
            }
            outbox::insert(conn, &seal(&differences(&before, &after, entry.clone()), &random))?;
            Ok(Ok(after.record()))
        })
        .await
}

/// Gives somebody a one-time password in place of theirs, and logs them out everywhere. Wrong attempts at the old one count no more:
/// whoever has the new one is not locked out.
///
/// # Errors
/// As any write.
pub async fn reset_password(
    database: &Database,
    seams: &Seams,
    id: StaffId,
    one_time: &OneTimePassword,
    entry: Entry,
) -> DbResult<Result<StaffMember, Refusal>> {
    let (now, random, hash) = (seams.clock.now(), seams.random.clone(), one_time.hash.clone());
    let work = move |conn: &mut Conn| {
        let Some(mut member) = staff::locked(conn, &id.to_string())? else {
            return Ok(Err(Refusal::NotFound));
        };
        member.password_hash.clone_from(&hash);
        member.one_time_password = true;
        member.sessions_ended_at = Some(now);
        member.updated_at = now;
        staff::store(conn, &member)?;
        sessions::end_all(conn, id, None, now)?;
        login_failures::forget(conn, &lockout::key(&member.email))?;
        outbox::insert(conn, &seal(&about(&member, entry.clone()), &random))?;
        Ok(Ok(member.record()))
    };
    database.write(work).await
}

/// The member as they are after a change.
fn changed(before: &Member, change: &Change, now: Timestamp) -> Member {
    let mut after = before.clone();
    after.role = change.role.unwrap_or(before.role);
    after.status = change.status.unwrap_or(before.status);
    if let Some(name) = &change.name {
        after.name.clone_from(name);
    }
    if after.status == StaffStatus::Disabled && before.status == StaffStatus::Active {
        after.sessions_ended_at = Some(now);
    }
    if after != *before {
        after.updated_at = now;
    }
    after
}

/// The entry, saying whom it is about.
fn about(member: &Member, mut entry: Entry) -> Entry {
    entry.target = Some(Target { kind: "staff".to_owned(), id: Text::open(member.id.to_string()) });
    entry.details.insert("email".to_owned(), Text::personal(&member.email).into());
    entry.details.insert("role".to_owned(), Text::open(member.role.as_str()).into());
    entry
}

/// The entry, saying what changed from what.
fn differences(before: &Member, after: &Member, entry: Entry) -> Entry {
    let mut entry = about(after, entry);
    let mut add = |name: &str, value: Text| entry.details.insert(name.to_owned(), value.into());
    if before.role != after.role {
        add("previousRole", Text::open(before.role.as_str()));
    }
    if before.status != after.status {
        add("status", Text::open(after.status.as_str()));
        add("previousStatus", Text::open(before.status.as_str()));
    }
    if before.name != after.name {
        add("name", Text::personal(&after.name));
        add("previousName", Text::personal(&before.name));
    }
    entry
}
