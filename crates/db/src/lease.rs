//! Leases: work that one replica at a time should do, with a fence for when two believe they hold it.
//!
//! A lease is a row, so it needs no session and works behind PgBouncer. Clocks of replicas may differ: the lease only
//! keeps two from doing the same work most of the time. What makes it *correct* is the fence: each new holder's number
//! is greater, and [`held_among`], inside the transaction that marks work as done, refuses the former holder's.
//! The table `leases` is in each schema that needs it; its DDL is in `migrations/README.md`.

use crate::conn::Conn;
use crate::error::DbResult;
use crate::on_backend;
use crate::schema::leases;
use crate::types::UtcTime;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A lease that was ours when we took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it is for, as `outbox` or `lane-07`.
    pub name: String,
    /// Greater than every former holder's.
    pub fence: i64,
}

/// Takes the lease `name` for `ttl` from `now`, if nobody holds it or `owner` does (then with a new fence). `None`
/// while another holds it. `owner` names one process, not one service.
///
/// # Errors
/// As any write.
pub fn acquire(
    conn: &mut Conn,
    name: &str,
    owner: &str,
    now: DateTime<Utc>,
    ttl: Duration,
) -> DbResult<Option<Lease>> {
    let until = UtcTime(now + ttl);
    let row =
        (leases::name.eq(name), leases::owner.eq(owner), leases::fence.eq(1), leases::held_until.eq(until));
    let free = leases::held_until.le(UtcTime(now)).or(leases::owner.eq(owner));
    // `QueryDsl::filter` is for tables; the `WHERE` of an upsert is this one.
    let fence: Option<i64> = on_backend!(conn, |c| FilterDsl::filter(
        diesel::insert_into(leases::table).values(row).on_conflict(leases::name).do_update().set((
            leases::owner.eq(owner),
            leases::fence.eq(leases::fence + 1),
            leases::held_until.eq(until)
        )),
        free
    )
    .returning(leases::fence)
    .get_result(c)
    .optional())?;
    Ok(fence.map(|fence| Lease { name: name.to_owned(), fence }))
}

/// Holds the lease until `ttl` from `now`. False when another has taken it since: stop the work.
///
/// # Errors
/// As any write.
pub fn renew(conn: &mut Conn, lease: &Lease, now: DateTime<Utc>, ttl: Duration) -> DbResult<bool> {
    Ok(set_end(conn, lease, now + ttl)? == 1)
}

/// Gives the lease back at `now`, so that others need not wait for its end. Nothing happens when it is no longer ours.
///
/// # Errors
/// As any write.
pub fn release(conn: &mut Conn, lease: &Lease, now: DateTime<Utc>) -> DbResult<()> {
    set_end(conn, lease, now)?;
    Ok(())
}

/// The names of those of the leases that nobody took since; from here to the end of this transaction nobody can take them. Call it
/// in the [`Database::write`](crate::Database::write) that marks the work as done, and mark nothing under any other.
///
/// # Errors
/// As any query.
pub fn held_among(conn: &mut Conn, leases: &[Lease]) -> DbResult<BTreeSet<String>> {
    let names: Vec<&str> = leases.iter().map(|lease| lease.name.as_str()).collect();
    // One order for all, else two who hold parts of one set deadlock.
    let rows = QueryDsl::filter(leases::table, leases::name.eq_any(names))
        .order(leases::name)
        .select((leases::name, leases::fence));
    let fences: BTreeMap<String, i64> = match conn {
        Conn::Postgres(c) => rows.for_update().load(c)?,
        // SQLite's one writer is us.
        Conn::Sqlite(c) => rows.load(c)?,
    }
    .into_iter()
    .collect();
    let held = leases.iter().filter(|lease| fences.get(&lease.name) == Some(&lease.fence));
    Ok(held.map(|lease| lease.name.clone()).collect())
}

/// How many leases whose names begin with `prefix` (letters, digits and hyphens) are held at `now`, by whomever. Those that ended
/// `forgotten` ago are removed: for names that nobody takes twice.
///
/// # Errors
/// As any write.
pub fn count_held(conn: &mut Conn, prefix: &str, now: DateTime<Utc>, forgotten: Duration) -> DbResult<i64> {
    let named = || QueryDsl::filter(leases::table, leases::name.like(format!("{prefix}%")));
    let old = QueryDsl::filter(named(), leases::held_until.le(UtcTime(now - forgotten)));
    let held = QueryDsl::filter(named(), leases::held_until.gt(UtcTime(now)));
    on_backend!(&mut *conn, |c| diesel::delete(old).execute(c))?;
    Ok(on_backend!(conn, |c| held.count().get_result(c))?)
}

/// How many rows it changed: 1 when the lease is ours, else 0.
fn set_end(conn: &mut Conn, lease: &Lease, end: DateTime<Utc>) -> DbResult<usize> {
    let ours =
        QueryDsl::filter(leases::table, leases::name.eq(&lease.name).and(leases::fence.eq(lease.fence)));
    Ok(on_backend!(conn, |c| diesel::update(ours).set(leases::held_until.eq(UtcTime(end))).execute(c))?)
}
