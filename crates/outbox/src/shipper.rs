//! Hands what lies in the outbox to audit-log, for ever. Rows are claimed by being there, never by a cursor; one is
//! removed only after audit-log said that it is durable there. What is sent twice is taken once.

use crate::table::{Head, MOST_BYTES, MOST_ENTRIES, Row, load, oldest, remove, split};
use crate::wake::Wake;
use auth::random::Random;
use contract::clock::{Clock, Timestamp};
use contract::internal::{APPEND_ENTRIES, AppendedEntries};
use db::fail_points::{self, Step};
use db::lease::{self, Lease};
use db::pace::Pace;
use db::{Database, DbError, DbResult, Migrations};
use http_kit::audit::Alarm;
use http_kit::backoff::Backoff;
use http_kit::client::{CallError, InternalClient};
use http_kit::context::RequestContext;
use http_kit::server::Shutdown;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const LEASE: &str = "outbox";
/// Only an owner that died makes others wait for its end.
const LEASE_TTL: Duration = Duration::from_secs(10);
/// The lease is taken anew when less is left: more than a call and a removal take.
const LEASE_LEFT: Duration = Duration::from_secs(7);
/// Rows that are looked at in one round.
const LOOK: i64 = 500;
/// How often it looks by itself: for rows of other replicas, and of processes that died before they woke anyone.
const POLL: Duration = Duration::from_secs(1);
/// Between the starts of two rounds, unless the first was full: so long a little work gathers, lest it makes a call for each entry.
const GATHER: Duration = Duration::from_millis(100);
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Between rounds that failed.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
/// Entries that audit-log refuses, alone in their rows, are set aside, so that they hold nobody up. They stay in the table. So many of
/// them one after the other look like a fault that is no entry's: then it rests before it goes on behind them.
const SET_ASIDE: usize = 100;
/// How long they are set aside, at most: audit-log may take them then.
const TRIED_AGAIN: Duration = Duration::from_secs(600);

/// The job that ships; one in each replica, of which the lease lets one work.
pub struct Shipper {
    database: Database,
    client: InternalClient,
    clock: Clock,
    random: Random,
    wake: Wake,
    owner: String,
    lease: Option<(Lease, Timestamp)>,
    /// Held while the lease is being taken: that goes on even when nobody waits for it any more.
    taking: Arc<Mutex<()>>,
    set_aside: Vec<i64>,
    /// How many of them came one after the other, until now.
    in_a_row: usize,
    /// Since when they are set aside, at most.
    since: Timestamp,
    /// When what waits longest was made, as far as the last look at the table told; it may be set aside.
    oldest: Option<Timestamp>,
    /// The same of what is to be shipped next.
    next: Option<Timestamp>,
    alarm: Alarm,
    pace: Pace,
}

/// Why it must wait before it goes on.
enum Trouble {
    Database(DbError),
    Call(CallError),
    SetAside,
}

impl From<DbError> for Trouble {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

/// What a round came to.
enum Round {
    /// Where it was as much as one round holds, there is more.
    Shipped { full: bool },
    /// Nothing is there, or another replica holds the lease.
    Idle,
}

impl Shipper {
    /// Ships from `database` through `client`, which must be audit-log's.
    pub fn new(database: Database, client: InternalClient, clock: Clock, random: Random, wake: Wake) -> Self {
        // Sixteen random bytes: no two processes are one owner, a restarted one neither.
        let owner = hex::encode(random.bytes::<16>());
        let since = clock.now();
        Self {
            database,
            client,
            clock,
            random,
            wake,
            owner,
            lease: None,
            taking: Arc::default(),
            set_aside: Vec::new(),
            in_a_row: 0,
            since,
            oldest: None,
            next: None,
            alarm: Alarm::default(),
            pace: Pace::default(),
        }
    }

    /// The same, at this pace: for a service whose callers go first.
    #[must_use]
    pub fn at(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// As [`Shipper::run`], from when the schema is what `migrations` make of it.
    pub async fn run_once_current(self, migrations: &'static Migrations, shutdown: Shutdown) {
        if migrations.until_current(&self.database, shutdown.requested()).await {
            self.run(shutdown).await;
        }
    }

    /// Works until `shutdown`. It may be stopped anywhere: what was not acknowledged is there for the next.
    pub async fn run(mut self, shutdown: Shutdown) {
        tokio::select! {
            () = self.work() => {}
            () = shutdown.requested() => {}
        }
        self.give_back().await;
    }

    /// Gives the lease back, whether or not we heard that it is ours.
    async fn give_back(&self) {
        let _taken = self.taking.lock().await;
        let (owner, now) = (self.owner.clone(), self.clock.now().into());
        let given_back =
            self.database.write(move |conn| match lease::acquire(conn, LEASE, &owner, now, LEASE_TTL)? {
                Some(lease) => lease::release(conn, &lease, now),
                None => Ok(()),
            });
        if let Err(error) = given_back.await {
            tracing::debug!(%error, "the outbox's lease runs out by itself");
        }
    }

    async fn work(&mut self) {
        let mut failures: u32 = 0;
        loop {
            let start = Instant::now();
            let round = self.round().await;
            let now = self.clock.now();
            self.alarm.look(self.oldest, now);
            match round {
                Ok(Round::Shipped { full }) => {
                    failures = 0;
                    let took = start.elapsed();
                    self.pace.rest(took, self.age(now)).await;
                    if !full {
                        tokio::time::sleep(GATHER.saturating_sub(start.elapsed())).await;
                    }
                }
                Ok(Round::Idle) => {
                    failures = 0;
                    tokio::select! {
                        () = self.wake.woken() => {}
                        () = tokio::time::sleep(POLL) => {}
                    }
                }
                Err(trouble) => {
                    trouble.log();
                    failures = failures.saturating_add(1);
                    tokio::time::sleep(BACKOFF.after(failures, &self.random)).await;
                }
            }
        }
    }

    /// How old the oldest is of what is to be shipped.
    fn age(&self, now: Timestamp) -> Duration {
        self.next.map_or(Duration::ZERO, |oldest| now.since(oldest))
    }

    async fn round(&mut self) -> Result<Round, Trouble> {
        let now = self.clock.now();
        if now.since(self.since) >= TRIED_AGAIN {
            (self.set_aside, self.since) = (Vec::new(), now);
        }
        if self.in_a_row > SET_ASIDE {
            self.in_a_row = 0;
            return Err(Trouble::SetAside);
        }
        let but = self.set_aside.clone();
        let looked = self.database.read(move |conn| {
            let heads = oldest(conn, &but, LOOK)?;
            let next = heads.first().map(made_at);
            let first = if but.is_empty() { next } else { oldest(conn, &[], 1)?.first().map(made_at) };
            let (fit, full) = fitting(&heads);
            let ids: Vec<i64> = heads.iter().take(fit).map(|head| head.id).collect();
            Ok((load(conn, &ids)?, full, first, next))
        });
        let (rows, full, oldest, next) = looked.await?;
        (self.oldest, self.next) = (oldest, next);
        if rows.is_empty() || !self.leased().await? {
            return Ok(Round::Idle);
        }
        fail_points::pass(Step::OutboxBeforeCall);
        self.ship(rows).await?;
        Ok(Round::Shipped { full })
    }

    /// True when the lease is ours for long enough.
    async fn leased(&mut self) -> DbResult<bool> {
        let now = self.clock.now();
        if self.lease.as_ref().is_some_and(|(_, until)| now.plus(LEASE_LEFT) <= *until) {
            return Ok(true);
        }
        let (owner, taking) = (self.owner.clone(), Arc::clone(&self.taking).lock_owned().await);
        let taken = self.database.write(move |conn| {
            let _taking = &taking;
            lease::acquire(conn, LEASE, &owner, now.into(), LEASE_TTL)
        });
        let taken = taken.await?;
        self.lease = taken.map(|lease| (lease, now.plus(LEASE_TTL)));
        Ok(self.lease.is_some())
    }

    /// Hands over a batch. When audit-log refuses it for what is in it, it is halved until the row at fault is alone, that row is split
    /// into its entries, and in the rounds that follow the entry at fault is set aside.
    async fn ship(&mut self, rows: Vec<Row>) -> Result<(), Trouble> {
        let mut parts = vec![rows];
        while let Some(mut rows) = parts.pop() {
            match self.hand_over(&body(&rows)?).await {
                Ok(()) => {
                    fail_points::pass(Step::OutboxAfterCall);
                    self.in_a_row = 0;
                    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
                    self.database.write(move |conn| remove(conn, &ids)).await?;
                }
                Err(error) if !error.is_about_the_body() => return Err(Trouble::Call(error)),
                Err(_) if rows.len() > 1 => {
                    let later = rows.split_off(rows.len() / 2);
                    parts.extend([later, rows]);
                }
                Err(error) => self.refused(rows, &error).await?,
            }
        }
        Ok(())
    }

    /// A row that audit-log does not take, alone in its call.
    async fn refused(&mut self, rows: Vec<Row>, error: &CallError) -> Result<(), Trouble> {
        for row in rows {
            if row.count > 1 {
                self.database.write(move |conn| split(conn, &row)).await?;
            } else {
                tracing::error!(row = row.id, %error, "audit-log refuses an entry; it stays in the outbox");
                self.set_aside.push(row.id);
                self.in_a_row += 1;
            }
        }
        Ok(())
    }

    async fn hand_over(&self, body: &RawValue) -> Result<(), CallError> {
        let context = RequestContext::fresh(&self.clock, &self.random);
        let appended: AppendedEntries =
            self.client.post_json(&context, APPEND_ENTRIES, body, CALL_TIMEOUT).await?;
        tracing::debug!(appended = appended.appended, already_there = appended.already_there, "shipped");
        Ok(())
    }
}

impl std::fmt::Debug for Shipper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shipper").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Trouble {
    fn log(&self) {
        match self {
            Self::Database(error) => {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                tracing::warn!(%error, cause, "audit entries wait: the outbox can't be read or written");
            }
            Self::Call(error) => tracing::warn!(%error, "audit entries wait for audit-log"),
            Self::SetAside => tracing::error!("audit-log refuses entry after entry; they wait"),
        }
    }
}

/// [`contract::internal::AppendEntries`] of all these rows: their arrays, joined as they are.
fn body(rows: &[Row]) -> DbResult<Box<RawValue>> {
    let arrays = rows.iter().map(|row| row.entries.strip_prefix('[')?.strip_suffix(']'));
    let joined = arrays.collect::<Option<Vec<_>>>().map(|arrays| arrays.join(","));
    let body = joined.and_then(|joined| RawValue::from_string(format!(r#"{{"entries":[{joined}]}}"#)).ok());
    body.ok_or_else(|| DbError::broken("a row of the outbox can't be read"))
}

fn made_at(head: &Head) -> Timestamp {
    head.created_at.0.into()
}

/// How many of the rows go into one call, one at least, however large it is; and whether there may be more than go into it.
fn fitting(heads: &[Head]) -> (usize, bool) {
    let (mut entries, mut bytes) = (0_usize, 0_usize);
    let fit = heads.iter().take_while(|head| {
        entries += usize::try_from(head.count).unwrap_or(MOST_ENTRIES);
        bytes += usize::try_from(head.bytes).unwrap_or(MOST_BYTES);
        entries <= MOST_ENTRIES && bytes <= MOST_BYTES
    });
    let fit = fit.count().max(1);
    let full = fit < heads.len() || entries >= MOST_ENTRIES;
    (fit, full)
}

#[cfg(test)]
mod tests {
    use db::types::UtcTime;

    use super::*;

    #[test]
    fn a_call_is_full_by_entries_or_by_bytes() {
        let created_at = UtcTime(Timestamp::from_micros(0).into());
        let heads = |rows: usize, count: i32, bytes: i32| -> Vec<Head> {
            (0..).take(rows).map(|id| Head { id, count, bytes, created_at }).collect()
        };
        for (heads, expected) in [
            (heads(0, 0, 0), (1, false)),
            (heads(3, 1, 10), (3, false)),
            (heads(500, 1, 10), (500, true)),
            (heads(9, 60, 6_000), (8, true)),
            (heads(8, 60, 6_000), (8, false)),
            (heads(3, 1, 600_000), (1, true)),
            (heads(1, 1, 2_000_000), (1, false)),
        ] {
            assert_eq!(fitting(&heads), expected, "{} rows of {:?}", heads.len(), heads.first());
        }
    }
}
