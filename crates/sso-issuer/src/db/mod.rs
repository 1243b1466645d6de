//! Rows and queries of sso-issuer, a file for each table, and the pieces of work made of them: `register` and `logins`.

pub(crate) mod impersonations;
pub(crate) mod login_failures;
pub(crate) mod logins;
pub mod register;
mod schema;
pub(crate) mod sessions;
pub(crate) mod staff;

use contract::clock::Timestamp;
use db::types::UtcTime;
use db::{DbError, DbResult};

/// What we stored must read back; if not, the fault is ours.
fn stored<T, E>(read: Result<T, E>) -> DbResult<T> {
    read.map_err(|_| DbError::broken("a stored value is none that this service writes"))
}

/// As [`stored`], for words.
fn word<T>(read: Option<T>) -> DbResult<T> {
    stored(read.ok_or(()))
}

fn timestamp(time: UtcTime) -> Timestamp {
    time.0.into()
}
