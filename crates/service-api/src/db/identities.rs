//! The names of clients, as locks. Whoever decides whose a name is has it locked to the end of the transaction, so two replicas can't make
//! two records of one person, nor miss each other's. The locks are PostgreSQL's advisory ones: a name needs no row, also while no client
//! has it yet.
//!
//! A name is locked by its digest, as a number. Two names of one number wait for each other, which costs time and nothing else.

use std::collections::BTreeSet;

use db::{Conn, DbResult, prepared};
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer};
use diesel::{PgConnection, QueryResult};

/// The first of the two numbers of each name's lock: "crm" and 1. Replicas must agree on it, and on what `number` makes of a name.
const NAMES: i32 = 0x6372_6d01;
/// That of the turns of large transactions.
const TURNS: i32 = 0x6372_6d02;

/// Large transactions at a time, in all replicas together. PostgreSQL has room for `max_locks_per_transaction` × `max_connections` locks
/// (6,400 where nobody says otherwise), and fails everybody's transactions when it is full. These take 4,000 of it, where each of 500
/// events has two names.
const LARGE_AT_A_TIME: i32 = 4;
/// Names that are locked without a turn.
const FEW: usize = 32;

/// Locks these names. SQLite's one writer is us: nobody else has any.
pub(crate) fn lock(conn: &mut Conn, names: impl Iterator<Item = String>) -> DbResult<()> {
    match conn {
        Conn::Postgres(conn) => Ok(lock_numbers(conn, &names.map(|name| number(&name)).collect())?),
        Conn::Sqlite(_) => Ok(()),
    }
}

/// Turns before names, and names sorted: then nobody waits in a circle.
fn lock_numbers(conn: &mut PgConnection, numbers: &BTreeSet<i32>) -> QueryResult<()> {
    if numbers.len() > FEW {
        take_turn(conn, numbers.first().copied().unwrap_or_default().rem_euclid(LARGE_AT_A_TIME))?;
    }
    lock_each(conn, NAMES, numbers.iter().copied().collect())
}

/// Takes a turn that is free, or waits for this one.
fn take_turn(conn: &mut PgConnection, else_this: i32) -> QueryResult<()> {
    let free =
        "select turn from generate_series(0, ? - 1) as turn where pg_try_advisory_xact_lock(?, turn) limit 1";
    let taken = prepared(free).bind::<Integer, _>(LARGE_AT_A_TIME).bind::<Integer, _>(TURNS).execute(conn)?;
    match taken {
        0 => lock_each(conn, TURNS, vec![else_this]),
        _ => Ok(()),
    }
}

/// In their order. What is read after it sees what others committed while it waited for them.
fn lock_each(conn: &mut PgConnection, kind: i32, numbers: Vec<i32>) -> QueryResult<()> {
    prepared("select pg_advisory_xact_lock(?, number) from unnest(?) as number")
        .bind::<Integer, _>(kind)
        .bind::<Array<Integer>, _>(numbers)
        .execute(conn)?;
    Ok(())
}

fn number(name: &str) -> i32 {
    let [first, second, third, fourth, ..] = auth::digest::sha256(name.as_bytes());
    i32::from_be_bytes([first, second, third, fourth])
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_name_has_one_number() {
        // What replicas of other versions hold to: `printf site:c:1 | sha256sum`.
        assert_eq!(number("site:c:1"), 849_164_981);
        let numbers = (0..2_000).map(|n| number(&format!("site:c:{n}")));
        let distinct: std::collections::BTreeSet<_> = numbers.collect();
        assert_eq!(distinct.len(), 2_000, "none of these share a number");
        assert!(distinct.iter().any(|number| *number < 0), "all of the bits are used");
    }
}
