//! The names of clients, as rows to lock. Whoever decides whose a name is holds its row to the end of the transaction, so two
//! replicas can't make two records of one person, nor miss each other's.
//!
//! Names are many and rows are few: a row is a bucket of names, told by their digests, so that it is a number, and the table is bounded.
//! Two names of one bucket wait for each other, which costs time and nothing else.

use std::collections::{BTreeSet, HashSet};

use db::{Conn, DbResult, prepared};
use diesel::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer};

use super::schema::identities;

/// How many bits of a name's digest tell its bucket. The rows can be four million, of some 60 bytes with the index; two batches of a
/// thousand names each that have none in common meet by chance one time in five. Replicas must agree on it: another number is a
/// migration that empties the table.
const BITS: u32 = 22;

/// Locks these names. SQLite's one writer is us: nobody else has any.
pub(crate) fn lock(conn: &mut Conn, names: impl Iterator<Item = String>) -> DbResult<()> {
    match conn {
        Conn::Postgres(conn) => lock_buckets(conn, &names.map(|name| bucket(&name)).collect()),
        Conn::Sqlite(_) => Ok(()),
    }
}

#[derive(QueryableByName)]
struct Bucket {
    #[diesel(sql_type = Integer)]
    bucket: i32,
}

/// Sorted: then nobody waits in a circle. Who waits to add a row has added lesser ones only; who waits for a row that was there has
/// added all that it adds, and locked lesser ones only.
fn lock_buckets(conn: &mut PgConnection, buckets: &BTreeSet<i32>) -> DbResult<()> {
    let added = prepared(
        "insert into identities (bucket) select * from unnest(?) on conflict do nothing returning bucket",
    )
    .bind::<Array<Integer>, _>(buckets.iter().copied().collect::<Vec<_>>())
    .load::<Bucket>(conn)?;
    // A bucket that is new with us is nobody else's to lock.
    let new: HashSet<i32> = added.into_iter().map(|row| row.bucket).collect();
    let there: Vec<i32> = buckets.iter().copied().filter(|bucket| !new.contains(bucket)).collect();
    if !there.is_empty() {
        // A statement of its own: it sees what others committed while the one above waited for them.
        identities::table
            .filter(identities::bucket.eq_any(there))
            .order(identities::bucket)
            .for_update()
            .select(identities::bucket)
            .load::<i32>(conn)?;
    }
    Ok(())
}

fn bucket(name: &str) -> i32 {
    let [first, second, third, ..] = auth::digest::sha256(name.as_bytes());
    i32::from_be_bytes([0, first, second, third]) >> (24 - BITS)
}

#[cfg(test)]
mod tests {
    use super::{BITS, bucket};

    #[test]
    fn a_name_has_one_bucket_of_those_that_there_are() {
        // What replicas of other versions hold to: `printf site:c:1 | sha256sum`.
        assert_eq!(bucket("site:c:1"), 829_262);
        let buckets: Vec<i32> = (0..2_000).map(|n| bucket(&format!("site:c:{n}"))).collect();
        assert!(buckets.iter().all(|bucket| (0..1 << BITS).contains(bucket)));
        assert!(buckets.iter().any(|bucket| *bucket >= 1 << (BITS - 1)), "all of the bits are used");
        let distinct: std::collections::BTreeSet<_> = buckets.iter().collect();
        assert!(distinct.len() > 1_990, "few of 2,000 names share a bucket");
    }
}
