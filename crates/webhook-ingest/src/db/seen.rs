//! The de-duplication table: the first delivery of each key, for ever. Rows are only ever added.

use std::collections::{HashMap, HashSet};

use db::types::{Id, Uid};
use db::{Conn, DbResult, on_backend, prepared};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary};
use diesel::{PgConnection, SqliteConnection};

use super::schema::seen;

/// The first delivery of a key.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = seen, treat_none_as_default_value = false)]
pub(crate) struct Seen {
    /// What two deliveries of one event have in common.
    pub(crate) key: Vec<u8>,
    /// Our id of the first delivery.
    pub(crate) event_id: Uid,
    /// SHA-256 of what makes two deliveries of one key the same event; empty where the key is the body's digest, which says all of it.
    facts: Vec<u8>,
}

impl Seen {
    pub(crate) fn new(key: &[u8], event_id: Uid, facts: &[u8]) -> Self {
        let facts = if is_of_body(key) { &[] } else { facts };
        Self { key: key.to_owned(), event_id, facts: facts.to_owned() }
    }

    /// Is another delivery of its key, with these facts, the same event?
    pub(crate) fn is_same(&self, facts: &[u8]) -> bool {
        self.facts.is_empty() || self.facts == facts
    }
}

/// `<source>:b:<SHA-256 of the body>`. No source has a colon, and whatever else a sender may choose is behind the second one.
fn is_of_body(key: &[u8]) -> bool {
    key.iter()
        .position(|byte| *byte == b':')
        .and_then(|colon| key.get(colon..))
        .is_some_and(|kind| kind.starts_with(b":b:"))
}

/// Adds those rows whose key is not there yet, and says which went in. The rows must have distinct keys and be sorted by key: two
/// replicas that add the same keys in opposite orders would deadlock. On PostgreSQL it waits for another transaction that is
/// adding one of the keys, and afterwards [`find`] sees what that one committed.
pub(crate) fn add_new(conn: &mut Conn, rows: &[Seen]) -> DbResult<HashSet<Vec<u8>>> {
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    match conn {
        Conn::Postgres(conn) => add_new_postgres(conn, rows),
        Conn::Sqlite(conn) => add_new_sqlite(conn, rows),
    }
}

#[derive(QueryableByName)]
struct Key {
    #[diesel(sql_type = Binary)]
    key: Vec<u8>,
}

fn add_new_postgres(conn: &mut PgConnection, rows: &[Seen]) -> DbResult<HashSet<Vec<u8>>> {
    let added = prepared(
        "insert into seen (key, event_id, facts) select * from unnest(?, ?, ?) \
         on conflict (key) do nothing returning key",
    )
    .bind::<Array<Binary>, _>(rows.iter().map(|row| row.key.as_slice()).collect::<Vec<_>>())
    .bind::<Array<Id>, _>(rows.iter().map(|row| row.event_id).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(rows.iter().map(|row| row.facts.as_slice()).collect::<Vec<_>>())
    .load::<Key>(conn)?;
    Ok(added.into_iter().map(|row| row.key).collect())
}

fn add_new_sqlite(conn: &mut SqliteConnection, rows: &[Seen]) -> DbResult<HashSet<Vec<u8>>> {
    let mut added = HashSet::with_capacity(rows.len());
    for row in rows {
        let insert = diesel::insert_into(seen::table).values(row).on_conflict(seen::key).do_nothing();
        if insert.execute(conn)? == 1 {
            added.insert(row.key.clone());
        }
    }
    Ok(added)
}

/// The rows of the given keys that are there, by key.
pub(crate) fn find(conn: &mut Conn, keys: &[&[u8]]) -> DbResult<HashMap<Vec<u8>, Seen>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Seen> =
        on_backend!(conn, |c| seen::table.filter(seen::key.eq_any(keys)).select(Seen::as_select()).load(c))?;
    Ok(rows.into_iter().map(|row| (row.key.clone(), row)).collect())
}

#[cfg(test)]
mod tests {
    use contract::clock::Timestamp;
    use contract::ids::EventId;

    use super::*;

    #[test]
    fn only_the_digest_of_a_body_says_all() {
        let id = Uid::of(EventId::new(Timestamp::from_micros(0), [0; 10]));
        let digest = [b'x'; 32];
        let keyed = |front: &str| Seen::new(&[front.as_bytes(), &digest].concat(), id, &[1; 32]);
        assert!(keyed("site:b:").is_same(&[2; 32]), "of the same bytes");
        // An id that looks like such a key is an id.
        for front in ["site:i:", "site:w:", "site:r:", "site:h:", "site:i:b:", "site:i:site:b:", "site:i::b:"]
        {
            let seen = keyed(front);
            assert!(seen.is_same(&[1; 32]) && !seen.is_same(&[2; 32]), "{front}");
        }
    }
}
