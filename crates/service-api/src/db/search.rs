//! Clients by what is in their records, latest change first.

use contract::email::EmailKey;
use contract::ids::ClientRef;
use contract::resources::ClientRecord;
use db::types::{Uid, UtcTime};
use db::{Conn, DbResult, on_backend};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::clients::Row;
use super::schema::clients;
use super::{end_of_page, find};
use crate::domain::listing::Listing;
use crate::domain::place::Place;
use crate::domain::search;

/// What can be searched, a line each: what columns say, of which A to Z alone are folded, and the rest, which is null in rows that have to
/// be filled.
const SAID_POSTGRES: &str = "(lower((coalesce(email_key, '') || '\n' || coalesce(client_id, '') || '\n' || coalesce(first_name, '') || '\n' || \
                             coalesce(last_name, '') || '\n' || coalesce(phone, '')) collate \"C\") || '\n' || search)";
const SAID_SQLITE: &str = "(lower(coalesce(email_key, '') || '\n' || coalesce(client_id, '') || '\n' || coalesce(first_name, '') || '\n' || \
                           coalesce(last_name, '') || '\n' || coalesce(phone, '')) || '\n' || search)";

/// The records that hold every word of the query, from behind a place on.
pub(crate) fn clients(
    conn: &mut Conn,
    listing: &Listing,
    after: Option<&Place>,
) -> DbResult<Vec<ClientRecord>> {
    let after = after.map(end_of_page::<ClientRef>).transpose()?;
    let said = match conn {
        Conn::Postgres(_) => SAID_POSTGRES,
        Conn::Sqlite(_) => SAID_SQLITE,
    };
    let rows: Vec<Row> = on_backend!(conn, |c| {
        let mut query = clients::table
            .filter(clients::merged_into.is_null())
            .order((clients::updated_at.desc(), clients::id.desc()))
            .limit(listing.rows())
            .select(Row::as_select())
            .into_boxed();
        if let Some(since) = listing.updated_since {
            query = query.filter(clients::updated_at.ge(UtcTime::of(since)));
        }
        if let Some((time, id)) = after {
            let same = clients::updated_at.eq(time).and(clients::id.lt(id));
            query = query.filter(clients::updated_at.lt(time).or(same));
        }
        for word in listing.query.iter().flat_map(|query| query.split(' ')) {
            let found = sql::<Bool>(said).sql(" like ").bind::<Text, _>(pattern(word)).sql(" escape '\\'");
            query = match EmailKey::of(word) {
                // Of a domain there are two spellings, and the record may have the other one.
                Some(key) => query.filter(found.or(clients::email_key.eq(key.as_str().to_owned()))),
                None => query.filter(found),
            };
        }
        query.load(c)
    })?;
    let found = rows.into_iter().map(Row::into_client).collect::<DbResult<_>>()?;
    find::records_of(conn, found)
}

/// Where a client stands in that list.
pub(crate) fn place(record: &ClientRecord) -> Place {
    Place { time: record.updated_at, id: record.id.to_string() }
}

/// Makes rows searchable that were written before rows were, at most so many; says how many that were. One that is written meanwhile
/// is searchable by that.
pub(crate) fn fill(conn: &mut Conn, most: i64) -> DbResult<usize> {
    let rows: Vec<Row> = on_backend!(conn, |c| clients::table
        .filter(clients::search.is_null())
        .order(clients::id)
        .limit(most)
        .select(Row::as_select())
        .load(c))?;
    let found = rows.len();
    for row in rows {
        let client = row.into_client()?;
        let row = clients::table.find(Uid::of(client.id)).filter(clients::search.is_null());
        let text = search::text_of(&client);
        on_backend!(conn, |c| diesel::update(row).set(clients::search.eq(text)).execute(c))?;
    }
    Ok(found)
}

/// The word anywhere in a text, whatever its case.
fn pattern(word: &str) -> String {
    let mut pattern = String::from("%");
    for c in search::folded(word).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
