//! The kinds of entries, a row each: added when the first entry of a kind comes, never changed.

use std::collections::{BTreeSet, HashMap};

use db::{Conn, DbError, DbResult, on_backend};
use diesel::prelude::*;

use super::schema::kinds;
use crate::domain::kind::Kind;

/// All of them, with their numbers.
pub(crate) fn all(conn: &mut Conn) -> DbResult<Vec<(i32, Kind)>> {
    let rows: Vec<(i32, String)> = on_backend!(conn, |c| kinds::table.load(c))?;
    Ok(rows.into_iter().map(|(id, words)| (id, Kind(words))).collect())
}

/// The numbers of those kinds that `wanted` lets through.
pub(crate) fn numbers(kinds: &[(i32, Kind)], wanted: impl Fn(&Kind) -> bool) -> Vec<i32> {
    kinds.iter().filter(|(_, kind)| wanted(kind)).map(|(id, _)| *id).collect()
}

/// The numbers of these kinds, by their words; those that are not there yet are added. Called before a transaction locks anything else,
/// and in the words' order: two that add the same kinds wait for each other one way only.
pub(crate) fn number(conn: &mut Conn, wanted: &BTreeSet<&str>) -> DbResult<HashMap<String, i32>> {
    let mut numbers = known(conn, wanted)?;
    let new: BTreeSet<&str> = wanted.iter().copied().filter(|words| !numbers.contains_key(*words)).collect();
    if new.is_empty() {
        return Ok(numbers);
    }
    for words in &new {
        let insert =
            diesel::insert_into(kinds::table).values(kinds::words.eq(words)).on_conflict(kinds::words);
        on_backend!(conn, |c| insert.do_nothing().execute(c))?;
    }
    numbers.extend(known(conn, &new)?);
    match numbers.len() == wanted.len() {
        true => Ok(numbers),
        false => Err(DbError::broken("a kind of entries is neither new nor there")),
    }
}

fn known(conn: &mut Conn, wanted: &BTreeSet<&str>) -> DbResult<HashMap<String, i32>> {
    let columns = (kinds::words, kinds::id);
    let of = kinds::table.filter(kinds::words.eq_any(wanted)).select(columns);
    let rows: Vec<(String, i32)> = on_backend!(conn, |c| of.load(c))?;
    Ok(rows.into_iter().collect())
}
