//! Rows and queries of service-api, a file per table, and the pieces of work made of them: `apply` (on `records` and `merging`),
//! `changes`, `find`, `search` and `trace`.

pub(crate) mod accounts;
pub(crate) mod activities;
pub(crate) mod applied_events;
pub(crate) mod apply;
pub(crate) mod changes;
pub(crate) mod client_emails;
pub(crate) mod clients;
pub(crate) mod find;
pub(crate) mod idempotency_keys;
pub(crate) mod identities;
mod merging;
pub(crate) mod notes;
mod orders;
mod records;
mod schema;
pub(crate) mod search;
pub(crate) mod trace;
pub(crate) mod transactions;

use contract::ids::BadId;
use db::types::{Uid, UtcTime};
use db::{DbError, DbResult};
use std::str::FromStr;
use uuid::Uuid;

use crate::domain::place::Place;

/// Rows in one statement at most: SQLite takes 32,766 values, PostgreSQL 65,535, and our widest row has 26.
const CHUNK: usize = 1_000;

/// A stored word must be one of ours.
fn word<T>(read: Option<T>) -> DbResult<T> {
    read.ok_or_else(|| DbError::broken("a stored word is none that this service writes"))
}

/// What we stored must read back; if not, the fault is ours.
fn stored<T, E>(read: Result<T, E>) -> DbResult<T> {
    read.map_err(|_| DbError::broken("a stored value is none that this service writes"))
}

/// Where a page ended. A cursor is sealed and goes on with its own list alone, so the id is of that list's kind.
fn end_of_page<I: FromStr<Err = BadId> + Into<Uuid>>(place: &Place) -> DbResult<(UtcTime, Uid)> {
    let id: I = stored(place.id.parse())?;
    Ok((UtcTime::of(place.time), Uid::of(id)))
}
