//! The names of clients, as rows to lock. Whoever decides whose a name is holds its row to the end of the transaction, so two
//! replicas can't make two records of one person, nor miss each other's.

use std::collections::HashSet;

use db::{Conn, DbResult, prepared};
use diesel::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Text};

use super::schema::identities;

/// Locks these names. They must be sorted and distinct: then nobody waits in a circle. SQLite's one writer is locked already.
pub(crate) fn lock(conn: &mut Conn, keys: &[String]) -> DbResult<()> {
    match conn {
        Conn::Postgres(conn) => lock_postgres(conn, keys),
        Conn::Sqlite(conn) => {
            for key in keys {
                diesel::insert_into(identities::table)
                    .values(identities::key.eq(key))
                    .on_conflict_do_nothing()
                    .execute(conn)?;
            }
            Ok(())
        }
    }
}

#[derive(QueryableByName)]
struct Key {
    #[diesel(sql_type = Text)]
    key: String,
}

fn lock_postgres(conn: &mut PgConnection, keys: &[String]) -> DbResult<()> {
    let added =
        prepared("insert into identities (key) select * from unnest(?) on conflict do nothing returning key")
            .bind::<Array<Text>, _>(keys)
            .load::<Key>(conn)?;
    // A name that is new with us is nobody else's to lock.
    let new: HashSet<String> = added.into_iter().map(|row| row.key).collect();
    let there: Vec<&String> = keys.iter().filter(|key| !new.contains(*key)).collect();
    if !there.is_empty() {
        // A statement of its own: it sees what others committed while the one above waited for them.
        identities::table
            .filter(identities::key.eq_any(there))
            .order(identities::key)
            .for_update()
            .select(identities::key)
            .load::<String>(conn)?;
    }
    Ok(())
}
