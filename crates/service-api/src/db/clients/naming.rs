//! Whom the names in a batch of events may mean, as ids: the records are loaded under locks, and decided about, elsewhere.
//!
//! On PostgreSQL each name is a probe of its own, and each probe is fenced (`offset 0`, `limit`), so that it is made by its key whatever
//! the planner thinks of the table: it may plan while the table is empty, and in any other form walk over all clients of a source
//! for each batch. An address is looked for among present and former ones in one statement, since it may move between them.

use db::types::{Id, Uid};
use db::{Conn, DbResult, prepared};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text};

use super::super::schema::clients;
use super::super::stored;
use super::MOST_HOLDERS;

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Id)]
    id: Uid,
}

/// The ids of a source's clients with these clientIds.
pub(crate) fn ids_of_client_ids(conn: &mut Conn, source: &str, client_ids: &[&str]) -> DbResult<Vec<Uid>> {
    if client_ids.is_empty() {
        return Ok(Vec::new());
    }
    match conn {
        Conn::Postgres(conn) => {
            let query = prepared(
                "select found.id from unnest(?) as asked (client_id) cross join lateral (select id from clients \
                 where source = ? and client_id = asked.client_id limit 1) as found",
            );
            let rows: Vec<Found> =
                query.bind::<Array<Text>, _>(client_ids).bind::<Text, _>(source).load(conn)?;
            Ok(rows.into_iter().map(|row| row.id).collect())
        }
        Conn::Sqlite(conn) => Ok(clients::table
            .filter(clients::source.eq(source))
            .filter(clients::client_id.eq_any(client_ids))
            .select(clients::id)
            .load(conn)?),
    }
}

/// The ids of those of a source's clients without a clientId that have or had one of these addresses.
pub(crate) fn known_by_address_alone(conn: &mut Conn, source: &str, keys: &[&str]) -> DbResult<Vec<Uid>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Found> = match conn {
        Conn::Postgres(c) => prepared(
            "with asked as (select unnest(?) as key, ? as source) \
             select c.id from asked cross join lateral (select id from clients where source = asked.source \
             and email_key = asked.key and client_id is null and merged_into is null limit 1) c \
             union all select c.id from asked cross join lateral \
             (select client from client_emails where email_key = asked.key offset 0) e cross join lateral \
             (select id, source, client_id, merged_into from clients where id = e.client offset 0) c \
             where c.source = asked.source and c.client_id is null and c.merged_into is null",
        )
        .bind::<Array<Text>, _>(keys)
        .bind::<Text, _>(source)
        .load(c)?,
        Conn::Sqlite(c) => sql_query(
            "select id from clients where source = ?1 and email_key in (select value from json_each(?2)) \
             and client_id is null and merged_into is null union all \
             select c.id from client_emails e join clients c on c.id = e.client \
             where e.email_key in (select value from json_each(?2)) and c.source = ?1 \
             and c.client_id is null and c.merged_into is null",
        )
        .bind::<Text, _>(source)
        .bind::<Text, _>(stored(serde_json::to_string(keys))?)
        .load(c)?,
    };
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// The ids of a source's live clients that have or had one of these addresses, of each address the nearest as
/// [`crate::domain::lookup::Rank`] has it, at most [`MOST_HOLDERS`]: one statement, however many addresses a batch names.
pub(crate) fn ids_of_holders(conn: &mut Conn, source: &str, keys: &[&str]) -> DbResult<Vec<Uid>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Found> = match conn {
        Conn::Postgres(c) => prepared(
            "with asked as (select unnest(?) as key), holders as (\
             select asked.key, false as former, c.* from asked cross join lateral (select id, source, registered_at, \
             client_id, merged_into from clients where email_key = asked.key offset 0) c \
             union all select asked.key, true, c.* from asked cross join lateral \
             (select client from client_emails where email_key = asked.key offset 0) e cross join lateral \
             (select id, source, registered_at, client_id, merged_into from clients where id = e.client offset 0) c) \
             select distinct id from (select id, row_number() over (partition by key order by former, registered_at is null, \
             registered_at, client_id is null, client_id, id) as place from holders \
             where source = ? and merged_into is null) as ranked where place <= ?",
        )
        .bind::<Array<Text>, _>(keys)
        .bind::<Text, _>(source)
        .bind::<BigInt, _>(MOST_HOLDERS)
        .load(c)?,
        Conn::Sqlite(c) => sql_query(
            "with holders as (\
             select email_key as key, false as former, id from clients where email_key in (select value from json_each(?1)) \
             union all select email_key, true, client from client_emails where email_key in (select value from json_each(?1))) \
             select distinct id from (select c.id, row_number() over (partition by h.key order by h.former, \
             c.registered_at is null, c.registered_at, c.client_id is null, c.client_id, c.id) as place \
             from holders h join clients c on c.id = h.id where c.source = ?2 and c.merged_into is null) as ranked where place <= ?3",
        )
        .bind::<Text, _>(stored(serde_json::to_string(keys))?)
        .bind::<Text, _>(source)
        .bind::<BigInt, _>(MOST_HOLDERS)
        .load(c)?,
    };
    Ok(rows.into_iter().map(|row| row.id).collect())
}
