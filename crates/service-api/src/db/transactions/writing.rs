//! The statements that write transactions, one for each database. What is written is decided elsewhere.

use db::types::{Id, Instant, Money, Uid, UtcTime};
use db::{Conn, DbResult, prepared};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};
use diesel::upsert::excluded;
use diesel::{PgConnection, SqliteConnection};

use super::super::schema::transactions;
use super::Row;
use crate::domain::transaction::Transaction;

/// Writes these transactions as they are now, in the order given.
pub(crate) fn save(conn: &mut Conn, changed: &[Transaction]) -> DbResult<()> {
    let rows = changed.iter().map(Row::of).collect::<DbResult<Vec<_>>>()?;
    match conn {
        Conn::Postgres(_) if rows.is_empty() => Ok(()),
        Conn::Postgres(conn) => save_postgres(conn, &rows),
        Conn::Sqlite(conn) => save_sqlite(conn, &rows),
    }
}

/// All in one statement.
fn save_postgres(conn: &mut PgConnection, rows: &[Row]) -> DbResult<()> {
    let id = |column: fn(&Row) -> Uid| rows.iter().map(column).collect::<Vec<_>>();
    let text = |column: fn(&Row) -> &str| rows.iter().map(column).collect::<Vec<_>>();
    let maybe = |column: fn(&Row) -> Option<&str>| rows.iter().map(column).collect::<Vec<_>>();
    let time = |column: fn(&Row) -> UtcTime| rows.iter().map(column).collect::<Vec<_>>();
    prepared(
        "insert into transactions (id, client, source, kind, key, variant, state, transaction_id, event_id, amount, currency, \
         account_id, subaccount_id, fund_type, method, fee, external_id, reason, completed_at, effective_at, field_orders, \
         created_at, updated_at, version) select * from unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
         ?, ?, ?) on conflict (id) do update set client = excluded.client, state = excluded.state, currency = \
         excluded.currency, account_id = excluded.account_id, subaccount_id = excluded.subaccount_id, fund_type = \
         excluded.fund_type, method = excluded.method, fee = excluded.fee, external_id = excluded.external_id, reason = \
         excluded.reason, completed_at = excluded.completed_at, effective_at = excluded.effective_at, field_orders = \
         excluded.field_orders, updated_at = excluded.updated_at, version = excluded.version",
    )
    .bind::<Array<Id>, _>(id(|row| row.id))
    .bind::<Array<Id>, _>(id(|row| row.client))
    .bind::<Array<Text>, _>(text(|row| &row.source))
    .bind::<Array<Text>, _>(text(|row| &row.kind))
    .bind::<Array<Text>, _>(text(|row| &row.key))
    .bind::<Array<Integer>, _>(rows.iter().map(|row| row.variant).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(text(|row| &row.state))
    .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.transaction_id.as_deref()))
    .bind::<Array<Id>, _>(id(|row| row.event_id))
    .bind::<Array<Money>, _>(rows.iter().map(|row| &row.amount).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.currency.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.account_id.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.subaccount_id.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.fund_type.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.method.as_deref()))
    .bind::<Array<Nullable<Money>>, _>(rows.iter().map(|row| row.fee.as_ref()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.external_id.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.reason.as_deref()))
    .bind::<Array<Nullable<Instant>>, _>(rows.iter().map(|row| row.completed_at).collect::<Vec<_>>())
    .bind::<Array<Instant>, _>(time(|row| row.effective_at))
    .bind::<Array<Text>, _>(text(|row| &row.field_orders))
    .bind::<Array<Instant>, _>(time(|row| row.created_at))
    .bind::<Array<Instant>, _>(time(|row| row.updated_at))
    .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.version).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

fn save_sqlite(conn: &mut SqliteConnection, rows: &[Row]) -> DbResult<()> {
    for row in rows {
        diesel::insert_into(transactions::table)
            .values(row)
            .on_conflict(transactions::id)
            .do_update()
            .set((
                transactions::client.eq(excluded(transactions::client)),
                transactions::state.eq(excluded(transactions::state)),
                transactions::currency.eq(excluded(transactions::currency)),
                transactions::account_id.eq(excluded(transactions::account_id)),
                transactions::subaccount_id.eq(excluded(transactions::subaccount_id)),
                transactions::fund_type.eq(excluded(transactions::fund_type)),
                transactions::method.eq(excluded(transactions::method)),
                transactions::fee.eq(excluded(transactions::fee)),
                transactions::external_id.eq(excluded(transactions::external_id)),
                transactions::reason.eq(excluded(transactions::reason)),
                transactions::completed_at.eq(excluded(transactions::completed_at)),
                transactions::effective_at.eq(excluded(transactions::effective_at)),
                transactions::field_orders.eq(excluded(transactions::field_orders)),
                transactions::updated_at.eq(excluded(transactions::updated_at)),
                transactions::version.eq(excluded(transactions::version)),
            ))
            .execute(conn)?;
    }
    Ok(())
}
