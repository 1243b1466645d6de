//! Loads what was told under the keys of a batch, and makes it ours to the end of the transaction.

use std::collections::BTreeSet;

use contract::money::Amount;
use contract::resources::TransactionKind;
use db::types::{Id, Uid};
use db::{Conn, DbResult};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, Bool, Nullable, Text};

use super::super::schema::transactions;
use super::super::stored;
use super::Row;
use crate::domain::transaction::Transaction;

/// Of the variants under these keys of one source and kind the first of each key, the last, and those with one of these amounts, their
/// rows ours to the end of the transaction. However many variants a key has, no more of it is looked at.
pub(crate) fn told_locked(
    conn: &mut Conn,
    source: &str,
    kind: TransactionKind,
    keys: &BTreeSet<String>,
    amounts: &BTreeSet<Amount>,
) -> DbResult<Vec<Transaction>> {
    let mut rows = lock_keys(conn, source, kind, keys)?;
    // One that another replica begins now is found to be there when ours is written.
    let begun: BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    let mut last = if begun.is_empty() { Vec::new() } else { last_of(conn, source, kind, &begun)? };
    last.retain(|id| !rows.iter().any(|row| row.id == *id));
    if !last.is_empty() {
        rows.extend(later_locked(conn, (source, kind, keys), amounts)?);
        let these = transactions::table.filter(transactions::id.eq_any(&last)).order(transactions::id);
        rows.extend(match conn {
            Conn::Postgres(c) => these.for_update().select(Row::as_select()).load::<Row>(c)?,
            Conn::Sqlite(c) => these.select(Row::as_select()).load::<Row>(c)?,
        });
    }
    rows.into_iter().map(Row::into_transaction).collect()
}

/// Of the variants behind the first those with one of these amounts.
fn later_locked(
    conn: &mut Conn,
    (source, kind, keys): (&str, TransactionKind, &BTreeSet<String>),
    amounts: &BTreeSet<Amount>,
) -> DbResult<Vec<Row>> {
    let amounts: Vec<String> = amounts.iter().map(ToString::to_string).collect();
    let later = transactions::table
        .filter(transactions::source.eq(source))
        .filter(transactions::kind.eq(kind.as_str()))
        .filter(transactions::key.eq_any(keys))
        // As a literal: neither database uses a partial index for a bound value.
        .filter(sql::<Bool>("variant > 0"))
        .order(transactions::id);
    Ok(match conn {
        Conn::Postgres(c) => {
            let of_amounts =
                sql::<Bool>("amount = any(cast(").bind::<Array<Text>, _>(&amounts).sql(" as numeric[]))");
            later.filter(of_amounts).for_update().select(Row::as_select()).load(c)?
        }
        Conn::Sqlite(c) => {
            let of_amounts = sql::<Bool>("amount in (select value from json_each(")
                .bind::<Text, _>(stored(serde_json::to_string(&amounts))?)
                .sql("))");
            later.filter(of_amounts).select(Row::as_select()).load(c)?
        }
    })
}

/// Makes these keys ours to the end of the transaction, as far as anything was told under them: whoever adds a variant, or decides
/// between them, holds the row of the first. Answers those. SQLite's one writer is us.
pub(super) fn lock_keys(
    conn: &mut Conn,
    source: &str,
    kind: TransactionKind,
    keys: &BTreeSet<String>,
) -> DbResult<Vec<Row>> {
    let first = transactions::table
        .filter(transactions::source.eq(source))
        .filter(transactions::kind.eq(kind.as_str()))
        .filter(transactions::key.eq_any(keys))
        .filter(transactions::variant.eq(0))
        .order(transactions::id);
    Ok(match conn {
        Conn::Postgres(c) => first.for_update().select(Row::as_select()).load(c)?,
        Conn::Sqlite(c) => first.select(Row::as_select()).load(c)?,
    })
}

#[derive(QueryableByName)]
struct Last {
    #[diesel(sql_type = Nullable<Id>)]
    id: Option<Uid>,
}

/// The ids of the last variants under these keys: one look into the index for each.
fn last_of(
    conn: &mut Conn,
    source: &str,
    kind: TransactionKind,
    keys: &BTreeSet<&str>,
) -> DbResult<Vec<Uid>> {
    let last = |keys: &str, source: &str, kind: &str| {
        sql_query(format!(
            "select (select t.id from transactions t where t.source = {source} and t.kind = {kind} and t.key = asked.key \
             order by t.variant desc limit 1) as id from ({keys}) as asked"
        ))
    };
    let keys: Vec<&str> = keys.iter().copied().collect();
    let found: Vec<Last> = match conn {
        Conn::Postgres(c) => last("select unnest($1) as key", "$2", "$3")
            .bind::<Array<Text>, _>(&keys)
            .bind::<Text, _>(source)
            .bind::<Text, _>(kind.as_str())
            .load(c)?,
        Conn::Sqlite(c) => last("select value as key from json_each(?3)", "?1", "?2")
            .bind::<Text, _>(source)
            .bind::<Text, _>(kind.as_str())
            .bind::<Text, _>(stored(serde_json::to_string(&keys))?)
            .load(c)?,
    };
    Ok(found.into_iter().filter_map(|last| last.id).collect())
}
