//! The statements that write client records, one for each database. What is written is decided elsewhere.

use db::types::{Id, Instant, UtcTime};
use db::{DbResult, prepared};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel::upsert::excluded;
use diesel::{PgConnection, SqliteConnection};

use super::super::schema::clients;
use super::{Row, Written};

const ADD: &str = "insert into clients (id, source, client_id, email, email_key, first_name, last_name, phone, country, language, status, \
    kyc_status, kyc_notes, kyc_updated_at, registered_at, field_orders, merged_into, created_at, updated_at, version, search) \
    select * from unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const SAVE: &str = "insert into clients (id, source, client_id, email, email_key, first_name, last_name, phone, country, language, status, \
    kyc_status, kyc_notes, kyc_updated_at, registered_at, field_orders, merged_into, created_at, updated_at, version, search) \
    select * from unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
    on conflict (id) do update set client_id = excluded.client_id, email = excluded.email, email_key = excluded.email_key, \
    first_name = excluded.first_name, last_name = excluded.last_name, phone = excluded.phone, country = excluded.country, \
    language = excluded.language, status = excluded.status, kyc_status = excluded.kyc_status, kyc_notes = excluded.kyc_notes, \
    kyc_updated_at = excluded.kyc_updated_at, registered_at = excluded.registered_at, field_orders = excluded.field_orders, \
    merged_into = excluded.merged_into, created_at = excluded.created_at, updated_at = excluded.updated_at, \
    version = excluded.version, search = excluded.search";

/// Rows that are not there yet.
pub(super) fn add_postgres(conn: &mut PgConnection, rows: &[Written]) -> DbResult<()> {
    write_postgres(conn, ADD, rows)
}

/// In the order given.
pub(super) fn save_postgres(conn: &mut PgConnection, rows: &[Written]) -> DbResult<()> {
    write_postgres(conn, SAVE, rows)
}

/// All in one statement.
fn write_postgres(conn: &mut PgConnection, statement: &'static str, rows: &[Written]) -> DbResult<()> {
    let text = |column: fn(&Row) -> &str| rows.iter().map(|one| column(&one.row)).collect::<Vec<_>>();
    let maybe =
        |column: fn(&Row) -> Option<&str>| rows.iter().map(|one| column(&one.row)).collect::<Vec<_>>();
    let time = |column: fn(&Row) -> UtcTime| rows.iter().map(|one| column(&one.row)).collect::<Vec<_>>();
    let sometime =
        |column: fn(&Row) -> Option<UtcTime>| rows.iter().map(|one| column(&one.row)).collect::<Vec<_>>();
    prepared(statement)
        .bind::<Array<Id>, _>(rows.iter().map(|one| one.row.id).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(text(|row| &row.source))
        .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.client_id.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.email.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.email_key.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.first_name.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.last_name.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.phone.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.country.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.language.as_deref()))
        .bind::<Array<Text>, _>(text(|row| &row.status))
        .bind::<Array<Text>, _>(text(|row| &row.kyc_status))
        .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.kyc_notes.as_deref()))
        .bind::<Array<Nullable<Instant>>, _>(sometime(|row| row.kyc_updated_at))
        .bind::<Array<Nullable<Instant>>, _>(sometime(|row| row.registered_at))
        .bind::<Array<Text>, _>(text(|row| &row.field_orders))
        .bind::<Array<Nullable<Id>>, _>(rows.iter().map(|one| one.row.merged_into).collect::<Vec<_>>())
        .bind::<Array<Instant>, _>(time(|row| row.created_at))
        .bind::<Array<Instant>, _>(time(|row| row.updated_at))
        .bind::<Array<BigInt>, _>(rows.iter().map(|one| one.row.version).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(rows.iter().map(|one| one.search.as_str()).collect::<Vec<_>>())
        .execute(conn)?;
    Ok(())
}

pub(super) fn save_sqlite(conn: &mut SqliteConnection, rows: &[Written]) -> DbResult<()> {
    for row in rows {
        diesel::insert_into(clients::table)
            .values(row)
            .on_conflict(clients::id)
            .do_update()
            .set((
                clients::client_id.eq(excluded(clients::client_id)),
                clients::email.eq(excluded(clients::email)),
                clients::email_key.eq(excluded(clients::email_key)),
                clients::first_name.eq(excluded(clients::first_name)),
                clients::last_name.eq(excluded(clients::last_name)),
                clients::phone.eq(excluded(clients::phone)),
                clients::country.eq(excluded(clients::country)),
                clients::language.eq(excluded(clients::language)),
                clients::status.eq(excluded(clients::status)),
                clients::kyc_status.eq(excluded(clients::kyc_status)),
                clients::kyc_notes.eq(excluded(clients::kyc_notes)),
                clients::kyc_updated_at.eq(excluded(clients::kyc_updated_at)),
                clients::registered_at.eq(excluded(clients::registered_at)),
                clients::field_orders.eq(excluded(clients::field_orders)),
                clients::merged_into.eq(excluded(clients::merged_into)),
                clients::created_at.eq(excluded(clients::created_at)),
                clients::updated_at.eq(excluded(clients::updated_at)),
                clients::version.eq(excluded(clients::version)),
                clients::search.eq(excluded(clients::search)),
            ))
            .execute(conn)?;
    }
    Ok(())
}
