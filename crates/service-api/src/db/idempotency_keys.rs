//! Answers given under an `Idempotency-Key`, in the commit of their effect.

use contract::clock::Timestamp;
use db::types::UtcTime;
use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;

use super::schema::idempotency_keys;
use crate::domain::idempotency::{KEPT, Keyed};

#[derive(Insertable)]
#[diesel(table_name = idempotency_keys, treat_none_as_default_value = false)]
struct Row<'a> {
    credential: &'a str,
    key: &'a str,
    request: &'a [u8],
    answer: &'a str,
    created_at: UtcTime,
}

/// What a key was used for before, within the time that answers are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Used {
    /// For the same request; this was the answer.
    Same(String),
    /// For another.
    Other,
}

/// What this key was used for, if it was. One that is older than answers are kept is forgotten on the way.
pub(crate) fn used(conn: &mut Conn, keyed: &Keyed, now: Timestamp) -> DbResult<Option<Used>> {
    let own = idempotency_keys::table
        .filter(idempotency_keys::credential.eq(&keyed.caller))
        .filter(idempotency_keys::key.eq(&keyed.key));
    let found: Option<(Vec<u8>, String, UtcTime)> = on_backend!(conn, |c| own
        .select((idempotency_keys::request, idempotency_keys::answer, idempotency_keys::created_at))
        .first(c)
        .optional())?;
    let Some((request, answer, made)) = found else { return Ok(None) };
    if Timestamp::from(made.0) <= now.minus(KEPT) {
        on_backend!(conn, |c| diesel::delete(own.filter(idempotency_keys::created_at.eq(made))).execute(c))?;
        return Ok(None);
    }
    Ok(Some(if request == keyed.request { Used::Same(answer) } else { Used::Other }))
}

/// Keeps an answer. If another replica was faster with this key, that is a [`db::DbError::Conflict`], and the whole transaction with
/// its effect must not count.
pub(crate) fn keep(conn: &mut Conn, keyed: &Keyed, answer: &str, now: Timestamp) -> DbResult<()> {
    let row = Row {
        credential: &keyed.caller,
        key: &keyed.key,
        request: &keyed.request,
        answer,
        created_at: UtcTime::of(now),
    };
    on_backend!(conn, |c| diesel::insert_into(idempotency_keys::table).values(&row).execute(c))?;
    Ok(())
}

/// Forgets what is older than answers are kept; says how many that were.
pub(crate) fn purge(conn: &mut Conn, now: Timestamp) -> DbResult<usize> {
    let old = idempotency_keys::table.filter(idempotency_keys::created_at.le(UtcTime::of(now.minus(KEPT))));
    Ok(on_backend!(conn, |c| diesel::delete(old).execute(c))?)
}
