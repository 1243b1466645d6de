//! Empties the spool: what was acknowledged while our own database was away is stored in it, oldest first, and only then removed from
//! the file. Dying between the two does it twice, and the second time changes nothing. The first commit that succeeds is also how
//! deliveries learn that the database is back.
//!
//! A row that the database itself does not take stays in the file, is told of, and holds up nothing; it is tried again after a while.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use contract::audit::Sealed;
use contract::clock::Timestamp;
use db::fail_points::{self, Step};
use db::{Class, DbError};
use http_kit::backoff::Backoff;
use http_kit::server::Shutdown;

use crate::MIGRATIONS;
use crate::db::drain;
use crate::db::spool::{Backlog, Spool};
use crate::db::spooled::{Row, Waiting};
use crate::domain::lanes::Queue;
use crate::state::State;

/// How often it looks by itself.
const POLL: Duration = Duration::from_secs(1);

/// Between looks at a database that is away: a sender that tries once must not meet a full spool for longer than it has to.
const AWAY: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));

/// So many rows set aside, one after the other, look like trouble of another kind.
const SET_ASIDE: usize = 100;

/// How long it rests then, before it looks at what comes behind them.
const REST: Duration = Duration::from_secs(10);

/// How long rows are set aside: what they met may be mended meanwhile.
const TRIED_AGAIN: Duration = Duration::from_secs(600);

/// How often it is told what waits for long, and what is long.
const ALARM: Duration = Duration::from_secs(60);

/// The drain at work.
struct Drain<'a> {
    state: &'a State,
    spool: &'a Spool,
    /// Rows that the database does not take.
    set_aside: BTreeSet<i64>,
    /// How many of them came one after the other, until now.
    in_a_row: usize,
    /// Since when they are set aside, at most.
    since: Timestamp,
}

/// Why a round came to nothing. All rows are as they were, or stored and still to be removed.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the database")]
    Database(#[source] DbError),
    #[error("the spool")]
    Spool(#[source] DbError),
    #[error("the database refuses row after row")]
    SetAside,
}

/// Works until told to stop, and then closes the spool. Without a spool there is nothing to do.
pub(crate) async fn run(state: Arc<State>, shutdown: Shutdown) {
    let Some(spool) = state.intake.spool() else { return };
    let working = async {
        if MIGRATIONS.until_current(&state.database, std::future::pending()).await {
            let since = state.clock.now();
            Drain { state: &state, spool, set_aside: BTreeSet::new(), in_a_row: 0, since }.work().await;
        }
    };
    tokio::select! {
        () = working => {}
        () = alarm(&state, spool) => {}
        () = shutdown.requested() => {}
    }
    spool.close().await;
}

/// Says, once a minute, what waits in the spool for longer than that; a database that hangs keeps nobody from it.
async fn alarm(state: &State, spool: &Spool) {
    loop {
        tokio::time::sleep(ALARM).await;
        if spool.is_empty() {
            continue;
        }
        match spool.backlog().await {
            Ok(Backlog { rows, stuck, bytes, oldest: Some(oldest) }) => {
                let waited = state.clock.now().since(oldest);
                if waited >= ALARM {
                    let seconds = waited.as_secs();
                    tracing::error!(
                        alarm = "spool_waits",
                        rows,
                        stuck,
                        bytes,
                        seconds,
                        "deliveries wait in the spool"
                    );
                }
            }
            Ok(_) => {}
            Err(error) => tracing::error!(alarm = "spool_waits", %error, "the spool can't be read"),
        }
    }
}

impl Drain<'_> {
    async fn work(&mut self) {
        let mut failures: u32 = 0;
        loop {
            match self.round().await {
                Ok(true) => failures = 0,
                Ok(false) => {
                    failures = 0;
                    tokio::select! {
                        () = self.spool.woken() => {}
                        () = tokio::time::sleep(POLL) => {}
                    }
                }
                Err(trouble) => {
                    failures = failures.saturating_add(1);
                    if failures == 1 {
                        let cause =
                            trouble.source().and_then(|error| error.source().map(ToString::to_string));
                        tracing::warn!(error = %trouble, cause, "the spool waits to be drained");
                    }
                    let rests = matches!(trouble, Trouble::SetAside);
                    let wait = if rests { REST } else { AWAY.after(failures, &self.state.random) };
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// One batch; true if there may be more.
    async fn round(&mut self) -> Result<bool, Trouble> {
        let now = self.state.clock.now();
        if now.since(self.since) >= TRIED_AGAIN {
            (self.set_aside, self.since) = (BTreeSet::new(), now);
        }
        if self.in_a_row > SET_ASIDE {
            self.in_a_row = 0;
            return Err(Trouble::SetAside);
        }
        let rows = match self.spool.oldest(self.set_aside.clone()).await {
            Ok(rows) if !rows.is_empty() => rows,
            // Nothing to store that would show it: so it is asked.
            nothing => {
                if self.state.intake.is_away() {
                    self.state.database.ping().await.map_err(Trouble::Database)?;
                    self.state.intake.found_back();
                }
                return nothing.map(|_| false).map_err(Trouble::Spool);
            }
        };
        let (mut parts, mut crossed) = (vec![rows], None);
        while let Some(mut rows) = parts.pop() {
            match self.store(&rows).await {
                Ok(lanes) => {
                    fail_points::pass(Step::DrainAfterCommit);
                    self.in_a_row = 0;
                    self.state.intake.found_back();
                    self.state.outbox.wake();
                    lanes.into_iter().for_each(|lane| self.state.signals.wake(Queue::Fresh, lane));
                    self.spool.remove(rows).await.map_err(Trouble::Spool)?;
                    fail_points::pass(Step::DrainAfterRemove);
                }
                Err(error) if error.is_transient() => return Err(Trouble::Database(error)),
                Err(_) if rows.len() > 1 => {
                    let later = rows.split_off(rows.len() / 2);
                    parts.extend([later, rows]);
                }
                // It is getting in by its own way at this moment: next time it is there.
                Err(error) if error.class() == Class::Conflict => crossed = Some(error),
                Err(error) => {
                    let cause = error.source().map(ToString::to_string);
                    for row in rows {
                        tracing::error!(row = row.intake, %error, cause, "a row can't be drained; it stays in the spool");
                        self.set_aside.insert(row.intake);
                        self.in_a_row += 1;
                    }
                }
            }
        }
        crossed.map_or(Ok(true), |error| Err(Trouble::Database(error)))
    }

    /// Stores rows where they belong, in one commit. The lanes that have work now.
    async fn store(&self, rows: &[Row]) -> Result<BTreeSet<i32>, DbError> {
        let open = |row: &Row| row.open(&self.state.kyc_words);
        let spooled: Vec<(Sealed, Option<Waiting>)> = rows.iter().map(open).collect::<Result<_, _>>()?;
        let lanes =
            spooled.iter().filter_map(|(_, first)| first.as_ref()).map(|first| first.said.lane).collect();
        let (now, random) = (self.state.clock.now(), self.state.random.clone());
        self.state.database.write(move |conn| drain::store(conn, &spooled, now, &random)).await?;
        Ok(lanes)
    }
}
