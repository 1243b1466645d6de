//! Attempts at names, as many as count. A row is a name's; whoever counts an attempt holds it until the transaction ends.

use std::time::Duration;

use contract::clock::Timestamp;
use db::types::UtcTime;
use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;

use super::schema::login_failures;
use super::stored;
use crate::domain::lockout;

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = login_failures)]
struct Row {
    key: String,
    tried_at: String,
    latest_at: UtcTime,
}

/// Counts an attempt at a name, before its password is looked at; or says how long the name is still locked.
pub(crate) fn count(conn: &mut Conn, key: &str, now: Timestamp) -> DbResult<Result<(), Duration>> {
    let empty = Row { key: key.to_owned(), tried_at: String::new(), latest_at: UtcTime::of(now) };
    // Taking the row is what makes attempts at once as good as attempts in a row.
    let tried_at: String = on_backend!(conn, |c| diesel::insert_into(login_failures::table)
        .values(&empty)
        .on_conflict(login_failures::key)
        .do_update()
        .set(login_failures::latest_at.eq(UtcTime::of(now)))
        .returning(login_failures::tried_at)
        .get_result(c))?;
    let times = tried_at.split(' ').filter(|text| !text.is_empty());
    let times: Vec<Timestamp> =
        stored(times.map(|text| text.parse().map(Timestamp::from_micros)).collect::<Result<_, _>>())?;
    let counted = lockout::count(&times, now);
    let tried_at: Vec<String> = counted.tried_at.iter().map(|at| at.as_micros().to_string()).collect();
    let row = Row {
        key: key.to_owned(),
        tried_at: tried_at.join(" "),
        latest_at: UtcTime::of(counted.tried_at.last().copied().unwrap_or(now)),
    };
    on_backend!(conn, |c| diesel::update(login_failures::table.find(key)).set(&row).execute(c))?;
    Ok(counted.locked_for.map_or(Ok(()), Err))
}

/// Forgets a name's attempts.
pub(crate) fn forget(conn: &mut Conn, key: &str) -> DbResult<()> {
    on_backend!(conn, |c| diesel::delete(login_failures::table.find(key)).execute(c))?;
    Ok(())
}

/// Forgets the names whose latest attempt is from before `time`.
pub(crate) fn sweep(conn: &mut Conn, time: Timestamp) -> DbResult<usize> {
    let over = login_failures::table.filter(login_failures::latest_at.lt(UtcTime::of(time)));
    Ok(on_backend!(conn, |c| diesel::delete(over).execute(c))?)
}
