//! Log-ins. A row says when one began and whether it was ended; its JWTs say until when they are good.

use contract::clock::Timestamp;
use contract::ids::{SessionId, StaffId};
use db::types::UtcTime;
use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;

use super::schema::sessions;
use super::{stored, timestamp};
use crate::domain::session::Session;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
struct Row {
    id: String,
    staff: String,
    created_at: UtcTime,
    refreshed_at: UtcTime,
    ended_at: Option<UtcTime>,
}

/// The log-in with this id.
pub(crate) fn find(conn: &mut Conn, id: &str) -> DbResult<Option<Session>> {
    let row: Option<Row> =
        on_backend!(conn, |c| sessions::table.find(id).select(Row::as_select()).first(c).optional())?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Session {
        id: stored(row.id.parse())?,
        staff: stored(row.staff.parse())?,
        created_at: timestamp(row.created_at),
        ended_at: row.ended_at.map(timestamp),
    }))
}

/// Adds one that begins.
pub(crate) fn add(conn: &mut Conn, session: &Session) -> DbResult<()> {
    let row = Row {
        id: session.id.to_string(),
        staff: session.staff.to_string(),
        created_at: UtcTime::of(session.created_at),
        refreshed_at: UtcTime::of(session.created_at),
        ended_at: None,
    };
    on_backend!(conn, |c| diesel::insert_into(sessions::table).values(&row).execute(c))?;
    Ok(())
}

/// Notes that a log-in was refreshed; false if it has ended.
pub(crate) fn refresh(conn: &mut Conn, id: SessionId, now: Timestamp) -> DbResult<bool> {
    let open = sessions::table.find(id.to_string()).filter(sessions::ended_at.is_null());
    let refreshed = on_backend!(conn, |c| diesel::update(open)
        .set(sessions::refreshed_at.eq(UtcTime::of(now)))
        .execute(c))?;
    Ok(refreshed == 1)
}

/// Ends one; one that has ended stays as it is.
pub(crate) fn end(conn: &mut Conn, id: &str, now: Timestamp) -> DbResult<()> {
    let open = sessions::table.find(id).filter(sessions::ended_at.is_null());
    on_backend!(conn, |c| diesel::update(open).set(sessions::ended_at.eq(UtcTime::of(now))).execute(c))?;
    Ok(())
}

/// Ends all of a member's but the one that is kept.
pub(crate) fn end_all(conn: &mut Conn, staff: StaffId, kept: Option<&str>, now: Timestamp) -> DbResult<()> {
    let open = sessions::table
        .filter(sessions::staff.eq(staff.to_string()))
        .filter(sessions::id.ne(kept.unwrap_or_default().to_owned()))
        .filter(sessions::ended_at.is_null());
    on_backend!(conn, |c| diesel::update(open).set(sessions::ended_at.eq(UtcTime::of(now))).execute(c))?;
    Ok(())
}

/// Forgets those that nobody has gone on with since `time`, ended ones among them.
pub(crate) fn sweep(conn: &mut Conn, time: Timestamp) -> DbResult<usize> {
    let over = sessions::table.filter(sessions::refreshed_at.lt(UtcTime::of(time)));
    Ok(on_backend!(conn, |c| diesel::delete(over).execute(c))?)
}
