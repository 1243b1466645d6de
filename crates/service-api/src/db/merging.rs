//! One record turned out to be another's: all that belongs to the first goes to the second. The rows of both are locked.

use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;

use super::client_emails;
use super::schema::{accounts, activities, notes, transactions};
use crate::domain::book::Merged;

/// Hands over addresses, accounts, transactions, activities and notes. Nameless accounts that both had are one already.
pub(crate) fn hand_over(conn: &mut Conn, merged: &Merged) -> DbResult<()> {
    let (from, into) = (merged.from.to_string(), merged.into.to_string());
    client_emails::hand_over(conn, merged)?;
    on_backend!(conn, |c| diesel::update(accounts::table.filter(accounts::client.eq(&from)))
        .set(accounts::client.eq(&into))
        .execute(c))?;
    on_backend!(conn, |c| diesel::update(transactions::table.filter(transactions::client.eq(&from)))
        .set(transactions::client.eq(&into))
        .execute(c))?;
    on_backend!(conn, |c| diesel::update(activities::table.filter(activities::client.eq(&from)))
        .set(activities::client.eq(&into))
        .execute(c))?;
    on_backend!(conn, |c| diesel::update(notes::table.filter(notes::client.eq(&from)))
        .set(notes::client.eq(&into))
        .execute(c))?;
    Ok(())
}
