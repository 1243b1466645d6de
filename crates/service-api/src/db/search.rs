//! Clients by what is in their records, latest change first.

use contract::resources::ClientRecord;
use db::types::UtcTime;
use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::clients::Row;
use super::find;
use super::schema::clients;
use crate::domain::listing::Listing;
use crate::domain::place::Place;

diesel::define_sql_function! {
    /// Of letters beyond ASCII the two databases do not think alike.
    fn lower(text: Nullable<Text>) -> Nullable<Text>;
}

/// The records that hold every word of the query, from behind a place on.
pub(crate) fn clients(
    conn: &mut Conn,
    listing: &Listing,
    after: Option<&Place>,
) -> DbResult<Vec<ClientRecord>> {
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
        if let Some(Place { time, id }) = after {
            let time = UtcTime::of(*time);
            let same = clients::updated_at.eq(time).and(clients::id.lt(id));
            query = query.filter(clients::updated_at.lt(time).or(same));
        }
        for word in listing.query.iter().flat_map(|query| query.split(' ')) {
            let pattern = pattern(word);
            let found = lower(clients::email_key.nullable())
                .like(pattern.clone())
                .escape('\\')
                .or(lower(clients::first_name).like(pattern.clone()).escape('\\'))
                .or(lower(clients::last_name).like(pattern.clone()).escape('\\'))
                .or(lower(clients::client_id).like(pattern.clone()).escape('\\'))
                .or(lower(clients::phone).like(pattern).escape('\\'));
            query = query.filter(found);
        }
        query.load(c)
    })?;
    rows.into_iter().map(|row| find::record_of(conn, row.into_client()?)).collect()
}

/// Where a client stands in that list.
pub(crate) fn place(record: &ClientRecord) -> Place {
    Place { time: record.updated_at, id: record.id.to_string() }
}

/// The word anywhere in a text, whatever its case.
fn pattern(word: &str) -> String {
    let mut pattern = String::from("%");
    for c in word.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
