//! The names of clients, as rows to lock. Whoever decides whose a name is holds its row to the end of the transaction, so two
//! replicas can't make two records of one person, nor miss each other's.

use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;

use super::CHUNK;
use super::schema::identities;

#[derive(Insertable)]
#[diesel(table_name = identities, treat_none_as_default_value = false)]
struct Row<'a> {
    key: &'a str,
}

/// Locks these names. They must be sorted and distinct: then nobody waits in a circle. SQLite's one writer is locked already.
pub(crate) fn lock(conn: &mut Conn, keys: &[String]) -> DbResult<()> {
    for keys in keys.chunks(CHUNK) {
        let rows: Vec<Row<'_>> = keys.iter().map(|key| Row { key }).collect();
        on_backend!(conn, |c| diesel::insert_into(identities::table)
            .values(&rows)
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    if let Conn::Postgres(c) = conn {
        // A statement of its own: it sees what others committed while the one above waited for them.
        identities::table
            .filter(identities::key.eq_any(keys))
            .order(identities::key)
            .for_update()
            .select(identities::key)
            .load::<String>(c)?;
    }
    Ok(())
}
