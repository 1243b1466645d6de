//! Records turned out to be others': all that belongs to the first goes to the second. The rows of all of them are locked, and the
//! merged ones are pointers already.

use std::collections::BTreeMap;

use contract::ids::ClientRef;
use db::types::{Id, Uid};
use db::{Conn, DbResult, on_backend};
use diesel::dsl::sql;
use diesel::prelude::*;

use super::client_emails;
use super::schema::{accounts, activities, notes, transactions};
use crate::domain::book::Merged;

/// Hands over addresses, accounts, transactions, activities and notes. Nameless accounts that both had are one already. As many
/// statements for a hundred records as for one.
pub(crate) fn hand_over(conn: &mut Conn, merged: &[Merged]) -> DbResult<()> {
    let pointers: BTreeMap<ClientRef, ClientRef> =
        merged.iter().map(|merged| (merged.from, merged.into)).collect();
    let from: Vec<Uid> = pointers.keys().copied().map(Uid::of).collect();
    client_emails::hand_over(conn, &pointers)?;
    for _ in 0..longest_chain(&pointers) {
        on_backend!(conn, |c| diesel::update(accounts::table.filter(accounts::client.eq_any(&from)))
            .set(
                accounts::client
                    .eq(sql::<Id>("(select merged_into from clients where clients.id = accounts.client)"))
            )
            .execute(c))?;
        on_backend!(conn, |c| diesel::update(
            transactions::table.filter(transactions::client.eq_any(&from))
        )
        .set(
            transactions::client
                .eq(sql::<Id>("(select merged_into from clients where clients.id = transactions.client)"))
        )
        .execute(c))?;
        on_backend!(conn, |c| diesel::update(activities::table.filter(activities::client.eq_any(&from)))
            .set(
                activities::client
                    .eq(sql::<Id>("(select merged_into from clients where clients.id = activities.client)"))
            )
            .execute(c))?;
        on_backend!(conn, |c| diesel::update(notes::table.filter(notes::client.eq_any(&from)))
            .set(
                notes::client
                    .eq(sql::<Id>("(select merged_into from clients where clients.id = notes.client)"))
            )
            .execute(c))?;
    }
    Ok(())
}

/// How many pointers lead from a record to the one that has all of it, at most; 0 if none was merged.
fn longest_chain(pointers: &BTreeMap<ClientRef, ClientRef>) -> usize {
    let steps =
        |from: &ClientRef| std::iter::successors(pointers.get(from), |into| pointers.get(into)).count();
    pointers.keys().map(steps).max().unwrap_or_default()
}
