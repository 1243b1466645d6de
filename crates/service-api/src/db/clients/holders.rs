//! Who has or had an address, for many addresses at once. `clients` says who has it now, `client_emails` who had it.

use std::collections::BTreeSet;

use contract::email::EmailKey;
use contract::ids::ClientRef;
use db::types::{Id, Uid};
use db::{Conn, DbResult, prepared};
use diesel::SqliteConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

use super::{MOST_HOLDERS, Row};
use crate::db::schema::{client_emails, clients};
use crate::db::stored;
use crate::domain::client::Client;

/// A client that has or had an address that was asked for.
#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = Text)]
    asked: String,
    #[diesel(embed)]
    row: Row,
}

/// The live clients that have each of these addresses, of all sources, or, where nobody has it, those that had it; each with the address.
/// Nearest first, as [`crate::domain::lookup::Rank`] has it; that one decides, this order only says whom to look at.
///
/// Call it over one snapshot: a look-up that sees an address move between the two tables would find nobody.
pub(crate) fn holders(conn: &mut Conn, keys: &[&str]) -> DbResult<Vec<(String, Client)>> {
    let mut held = match conn {
        Conn::Postgres(conn) => present(conn, keys)?,
        Conn::Sqlite(conn) => each(keys, |key| present_of_sqlite(conn, key))?,
    };
    let nobody: Vec<&str> = {
        let found: BTreeSet<&str> = held.iter().map(|held| held.asked.as_str()).collect();
        keys.iter().copied().filter(|key| !found.contains(key)).collect()
    };
    if !nobody.is_empty() {
        held.extend(match conn {
            Conn::Postgres(conn) => former(conn, &nobody)?,
            Conn::Sqlite(conn) => each(&nobody, |key| former_of_sqlite(conn, key))?,
        });
    }
    held.into_iter().map(|Held { asked, row }| Ok((asked, row.into_client()?))).collect()
}

/// A probe of the index for each address: in any other form a plan may walk over all clients.
fn present(conn: &mut PgConnection, keys: &[&str]) -> DbResult<Vec<Held>> {
    let query = prepared(
        "select asked.key as asked, id, source, client_id, email, email_key, first_name, last_name, phone, country, language, \
         status, kyc_status, kyc_notes, kyc_updated_at, registered_at, field_orders, merged_into, created_at, updated_at, version \
         from unnest(?) as asked (key) cross join lateral (\
         select * from clients c where c.email_key = asked.key and c.merged_into is null \
         order by c.registered_at is null, c.registered_at, c.client_id is null, c.client_id, c.id limit ?) as held",
    );
    Ok(query.bind::<Array<Text>, _>(keys).bind::<BigInt, _>(MOST_HOLDERS).load(conn)?)
}

/// As [`present`].
fn former(conn: &mut PgConnection, keys: &[&str]) -> DbResult<Vec<Held>> {
    let query = prepared(
        "select asked.key as asked, id, source, client_id, email, email_key, first_name, last_name, phone, country, language, \
         status, kyc_status, kyc_notes, kyc_updated_at, registered_at, field_orders, merged_into, created_at, updated_at, version \
         from unnest(?) as asked (key) cross join lateral (\
         select c.* from client_emails e join clients c on c.id = e.client \
         where e.email_key = asked.key and c.merged_into is null \
         order by c.registered_at is null, c.registered_at, c.client_id is null, c.client_id, c.id limit ?) as held",
    );
    Ok(query.bind::<Array<Text>, _>(keys).bind::<BigInt, _>(MOST_HOLDERS).load(conn)?)
}

/// SQLite is asked for one address after the other: that costs it no more.
fn each(keys: &[&str], mut find: impl FnMut(&str) -> DbResult<Vec<Row>>) -> DbResult<Vec<Held>> {
    let mut held = Vec::new();
    for key in keys {
        held.extend(find(key)?.into_iter().map(|row| Held { asked: (*key).to_owned(), row }));
    }
    Ok(held)
}

fn present_of_sqlite(conn: &mut SqliteConnection, key: &str) -> DbResult<Vec<Row>> {
    Ok(clients::table
        .filter(clients::email_key.eq(key))
        .filter(clients::merged_into.is_null())
        .order((
            clients::registered_at.is_null(),
            clients::registered_at,
            clients::client_id.is_null(),
            clients::client_id,
            clients::id,
        ))
        .limit(MOST_HOLDERS)
        .select(Row::as_select())
        .load(conn)?)
}

fn former_of_sqlite(conn: &mut SqliteConnection, key: &str) -> DbResult<Vec<Row>> {
    Ok(client_emails::table
        .inner_join(clients::table)
        .filter(client_emails::email_key.eq(key))
        .filter(clients::merged_into.is_null())
        .order((
            clients::registered_at.is_null(),
            clients::registered_at,
            clients::client_id.is_null(),
            clients::client_id,
            clients::id,
        ))
        .limit(MOST_HOLDERS)
        .select(Row::as_select())
        .load(conn)?)
}

/// Another client of the same address.
#[derive(QueryableByName)]
struct Other {
    #[diesel(sql_type = Id)]
    of: Uid,
    #[diesel(sql_type = Nullable<Text>)]
    client_id: Option<String>,
}

/// The clientIds of other live clients that have the address of one of these now, each with whose address it is; of each one least first,
/// at most [`MOST_HOLDERS`].
pub(crate) fn other_client_ids(
    conn: &mut Conn,
    of: &[(ClientRef, EmailKey)],
) -> DbResult<Vec<(ClientRef, String)>> {
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uid> = of.iter().map(|(id, _)| Uid::of(*id)).collect();
    let keys: Vec<&str> = of.iter().map(|(_, key)| key.as_str()).collect();
    let others: Vec<Other> = match conn {
        Conn::Postgres(conn) => prepared(
            "select asked.id as of, other.client_id from unnest(?, ?) as asked (id, key) cross join lateral (\
             select client_id from clients where email_key = asked.key and merged_into is null and client_id is not null \
             and id <> asked.id order by client_id limit ?) as other",
        )
        .bind::<Array<Id>, _>(ids)
        .bind::<Array<Text>, _>(keys)
        .bind::<BigInt, _>(MOST_HOLDERS)
        .load(conn)?,
        Conn::Sqlite(conn) => {
            let mut others = Vec::new();
            for (id, key) in ids.into_iter().zip(keys) {
                let found = others_of_sqlite(conn, id, key)?;
                others.extend(found.into_iter().map(|client_id| Other { of: id, client_id }));
            }
            others
        }
    };
    let named = others.into_iter().filter_map(|other| Some((other.of, other.client_id?)));
    named.map(|(of, client_id)| Ok((stored(ClientRef::from_uuid(of.0))?, client_id))).collect()
}

fn others_of_sqlite(conn: &mut SqliteConnection, id: Uid, key: &str) -> DbResult<Vec<Option<String>>> {
    Ok(clients::table
        .filter(clients::email_key.eq(key))
        .filter(clients::merged_into.is_null())
        .filter(clients::client_id.is_not_null())
        .filter(clients::id.ne(id))
        .order(clients::client_id)
        .limit(MOST_HOLDERS)
        .select(clients::client_id)
        .load(conn)?)
}
