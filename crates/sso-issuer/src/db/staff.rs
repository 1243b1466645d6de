//! The staff table. Rows are added and changed, never removed.

use auth::staff::Role;
use contract::email::EmailKey;
use contract::resources::StaffStatus;
use db::types::UtcTime;
use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;
use diesel::sql_query;

use super::schema::staff;
use super::{stored, timestamp, word};
use crate::domain::staff::Member;

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = staff, treat_none_as_default_value = false, treat_none_as_null = true)]
struct Row {
    id: String,
    email: String,
    email_key: String,
    name: String,
    role: String,
    status: String,
    password_hash: String,
    one_time_password: bool,
    sessions_ended_at: Option<UtcTime>,
    created_at: UtcTime,
    updated_at: UtcTime,
}

impl Row {
    fn of(member: &Member) -> Self {
        Self {
            id: member.id.to_string(),
            email: member.email.clone(),
            email_key: member.email_key.as_str().to_owned(),
            name: member.name.clone(),
            role: member.role.as_str().to_owned(),
            status: member.status.as_str().to_owned(),
            password_hash: member.password_hash.clone(),
            one_time_password: member.one_time_password,
            sessions_ended_at: member.sessions_ended_at.map(UtcTime::of),
            created_at: UtcTime::of(member.created_at),
            updated_at: UtcTime::of(member.updated_at),
        }
    }

    fn into_member(self) -> DbResult<Member> {
        Ok(Member {
            id: stored(self.id.parse())?,
            email: self.email,
            email_key: word(EmailKey::of(&self.email_key))?,
            name: self.name,
            role: word(Role::of(&self.role))?,
            status: word(StaffStatus::parse(&self.status))?,
            password_hash: self.password_hash,
            one_time_password: self.one_time_password,
            sessions_ended_at: self.sessions_ended_at.map(timestamp),
            created_at: timestamp(self.created_at),
            updated_at: timestamp(self.updated_at),
        })
    }
}

fn member(row: Option<Row>) -> DbResult<Option<Member>> {
    row.map(Row::into_member).transpose()
}

/// The member with this id, as other services and JWTs write it.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> DbResult<Option<Member>> {
    member(on_backend!(conn, |c| staff::table.find(id).select(Row::as_select()).first(c).optional())?)
}

/// As [`by_id`], and nobody else changes the row until this transaction ends.
pub(crate) fn locked(conn: &mut Conn, id: &str) -> DbResult<Option<Member>> {
    member(match conn {
        Conn::Postgres(c) => {
            staff::table.find(id).select(Row::as_select()).for_update().first(c).optional()?
        }
        // Whoever writes to SQLite is alone.
        Conn::Sqlite(c) => staff::table.find(id).select(Row::as_select()).first(c).optional()?,
    })
}

/// The member with this address.
pub(crate) fn by_address(conn: &mut Conn, key: &EmailKey) -> DbResult<Option<Member>> {
    member(on_backend!(conn, |c| staff::table
        .filter(staff::email_key.eq(key.as_str()))
        .select(Row::as_select())
        .first(c)
        .optional())?)
}

/// All of them, by address.
pub(crate) fn all(conn: &mut Conn) -> DbResult<Vec<Member>> {
    let rows: Vec<Row> =
        on_backend!(conn, |c| staff::table.order(staff::email_key).select(Row::as_select()).load(c))?;
    rows.into_iter().map(Row::into_member).collect()
}

/// Adds a member, unless the address is taken.
pub(crate) fn add(conn: &mut Conn, member: &Member) -> DbResult<bool> {
    let row = Row::of(member);
    let added = on_backend!(conn, |c| diesel::insert_into(staff::table)
        .values(&row)
        .on_conflict(staff::email_key)
        .do_nothing()
        .execute(c))?;
    Ok(added == 1)
}

/// Stores all of a member who is there.
pub(crate) fn store(conn: &mut Conn, member: &Member) -> DbResult<()> {
    let row = Row::of(member);
    on_backend!(conn, |c| diesel::update(staff::table.find(&row.id)).set(&row).execute(c))?;
    Ok(())
}

/// The ids of the active admins. Nobody else makes one of them less until this transaction ends.
pub(crate) fn lock_active_admins(conn: &mut Conn) -> DbResult<Vec<String>> {
    let admins = staff::table
        .filter(staff::role.eq(Role::Admin.as_str()))
        .filter(staff::status.eq(StaffStatus::Active.as_str()))
        .order(staff::id)
        .select(staff::id);
    Ok(match conn {
        Conn::Postgres(c) => admins.for_update().load(c)?,
        Conn::Sqlite(c) => admins.load(c)?,
    })
}

/// Nobody else changes the table until this transaction ends.
pub(crate) fn lock_all(conn: &mut Conn) -> DbResult<()> {
    if let Conn::Postgres(c) = conn {
        sql_query("lock table staff in share row exclusive mode").execute(c)?;
    }
    Ok(())
}

/// Is there anybody?
pub(crate) fn is_empty(conn: &mut Conn) -> DbResult<bool> {
    let count: i64 = on_backend!(conn, |c| staff::table.count().get_result(c))?;
    Ok(count == 0)
}
