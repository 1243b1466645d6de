//! One worker: takes the oldest due rows of its lanes, has service-api apply them, and writes down what became of them. Dying anywhere
//! in here loses nothing: a row stays pending until its fate is committed, and service-api applies each event at most once, so the same
//! rows are simply sent again. Writing a fate is fenced: of lanes whose lease was taken over meanwhile nothing is written.
//!
//! While one batch is under way the next gathers, so that more work makes larger batches, and those cost less for each event. Where
//! rows pile up because intake takes all there is, intake goes first: see [`db::pace`].
//!
//! One event must not hold up the others, and service-api being away must cost no event an attempt. A batch that fails is halved only
//! where it was to blame: service-api says so, or says nothing again and again although it is ready. What then fails alone is set
//! aside, and tried again in a queue of its own, beside the rest.

use std::collections::{BTreeMap, HashMap};
use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::audit::Sealed;
use contract::clock::Timestamp;
use contract::events::{self, Reading};
use contract::ids::{EntryId, EventId};
use contract::internal::{APPLY_EVENTS, ApplyBatch, ApplyEvent, ApplyVerdict, ApplyVerdicts};
use db::DbError;
use db::fail_points::{self, Step as FailPoint};
use db::lease::{self, Lease};
use db::types::UtcTime;
use http_kit::audit::seal;
use http_kit::backoff::Backoff;
use http_kit::client::CallError;
use http_kit::context::RequestContext;
use http_kit::server::Shutdown;
use tokio::sync::watch;

use super::lanes::Held;
use super::pause;
use crate::db::fates;
use crate::db::pending::{self, Due};
use crate::domain::fate::Fate;
use crate::domain::lanes::Queue;
use crate::domain::trail;
use crate::state::State;

/// How long a call may take: far longer than a batch needs, so that only a service that hangs is given up on.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How many events one call carries at most.
const BATCH: usize = 500;

/// Between the starts of two batches, unless the first was full: so long a little work gathers, lest it makes a commit for each event.
const GATHER: Duration = Duration::from_millis(10);

/// How many bytes of raw bodies one call carries at most, unless a single event has more: what service-api reads in one request
/// is limited too.
const BATCH_BYTES: usize = 1024 * 1024;

/// Between calls while service-api, or our database, is away.
const AWAY: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// How long service-api may take to say that it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// A worker: some lanes' rows of one queue.
struct Worker {
    state: Arc<State>,
    queue: Queue,
    lanes: Vec<i32>,
    /// How many events the next call carries at most: fewer where one among them made a call fail.
    most: usize,
    /// How often in a row service-api or our database were away.
    failures: u32,
    /// How many events in a row were set aside.
    set_aside: u32,
}

/// What a step came to.
enum Step {
    /// Rows moved on, the oldest of which was so old; where the batch was full, there are more.
    Moved { full: bool, age: Duration },
    /// Nothing is due.
    Idle,
    /// Another replica has one of the lanes, and this one has not heard of it yet.
    Lost,
    /// service-api choked on what this call carried; the next one carries half of it.
    Choked,
    /// An event failed alone, and was set aside.
    SetAside,
}

/// What is to be written of one lane.
#[derive(Default)]
struct Fates {
    marks: Vec<(i64, Fate)>,
    entries: Vec<Sealed>,
}

/// Whose fault it is that a call failed.
enum Blame {
    /// service-api's, or the way's to it.
    Away,
    /// One of the events' that it carried.
    OneOfThem,
    /// That of the one event that it carried.
    TheOne,
}

/// Why a step came to nothing. The rows are as they were.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the database")]
    Database(#[from] DbError),
    #[error("service-api")]
    ServiceApi(#[from] CallError),
}

/// Works on those of the lanes whose leases are here, until told to stop.
pub(super) async fn run(
    state: Arc<State>,
    queue: Queue,
    lanes: Vec<i32>,
    held: watch::Receiver<Held>,
    shutdown: Shutdown,
) {
    let worker = Worker { state, queue, lanes, most: BATCH, failures: 0, set_aside: 0 };
    worker.work(held, shutdown).await;
}

impl Worker {
    async fn work(mut self, mut held: watch::Receiver<Held>, shutdown: Shutdown) {
        while !shutdown.is_requested() {
            let ours = self.ours(&held.borrow_and_update());
            if ours.is_empty() {
                tokio::select! {
                    Ok(()) = held.changed() => continue,
                    () = shutdown.requested() => return,
                    else => return,
                }
            }
            let start = Instant::now();
            let ended = tokio::select! {
                ended = self.step(&ours) => ended,
                // What failed before may hang now; nothing is lost by not waiting for it.
                () = shutdown.requested(), if self.queue == Queue::Failing => return,
            };
            match ended {
                Ok(Step::Moved { full, age }) => self.breathe(start, full, age, &shutdown).await,
                Ok(Step::Choked) => {}
                Ok(Step::SetAside) => {
                    // Where every event fails alone, something else is wrong: no haste then.
                    let wait = AWAY.after(self.set_aside, &self.state.random);
                    pause(wait, &shutdown).await;
                }
                Ok(Step::Idle) => {
                    tokio::select! {
                        () = self.due() => {}
                        _ = held.changed() => {}
                        () = shutdown.requested() => {}
                    }
                }
                Ok(Step::Lost) => {
                    tokio::select! {
                        _ = held.changed() => {}
                        () = shutdown.requested() => {}
                    }
                }
                Err(trouble) => {
                    let wait = self.stumble(&trouble);
                    // Told to stop meanwhile: the loop's head sees it.
                    pause(wait, &shutdown).await;
                }
            }
        }
    }

    /// Between a batch that was begun at `start` and the next: gives way to intake, and where nothing piles up lets some work gather.
    async fn breathe(&self, start: Instant, full: bool, age: Duration, shutdown: &Shutdown) {
        if self.queue == Queue::Failing {
            return;
        }
        tokio::select! {
            () = self.state.pace.rest(start.elapsed(), age) => {}
            () = shutdown.requested() => {}
        }
        if !full {
            pause(GATHER.saturating_sub(start.elapsed()), shutdown).await;
        }
    }

    /// Those of this worker's lanes that are held.
    fn ours(&self, held: &Held) -> Held {
        let ours = self.lanes.iter().filter_map(|lane| Some((*lane, held.get(lane)?.clone())));
        ours.collect()
    }

    /// Waits until something is due in one of the lanes; they share a signal.
    async fn due(&self) {
        match self.lanes.first() {
            Some(lane) => self.state.signals.due(self.queue, *lane).await,
            None => std::future::pending().await,
        }
    }

    /// One batch, from claim to commit.
    async fn step(&mut self, ours: &Held) -> Result<Step, Trouble> {
        let (rows, full) = self.claim(ours.keys().copied().collect()).await?;
        if rows.is_empty() {
            self.most = BATCH;
            return Ok(Step::Idle);
        }
        let now = self.state.clock.now();
        let again = |row: &Due, reason: &str| {
            Fate::again(row.attempts, Some(reason.to_owned()), now, &self.state.random)
        };
        let (mut events, mut called, mut fates) = (Vec::new(), Vec::new(), Vec::new());
        for row in &rows {
            match self.read(row) {
                Some(event) => {
                    called.push((event.event_id, row));
                    events.push(event);
                }
                None => fates.push((row, again(row, "unreadable"))),
            }
        }
        let oldest = rows.iter().map(|row| Timestamp::from(row.received_at.0)).min();
        let age = oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
        let mut done = Step::Moved { full, age };
        if !called.is_empty() {
            match self.call(events).await {
                Ok(verdicts) => fates.extend(called.iter().map(|(event_id, row)| {
                    let verdict = verdicts.get(event_id);
                    (*row, Fate::of(verdict, row.attempts, now, &self.state.random))
                })),
                Err(error) => match self.blame(&error, called.len()).await {
                    Blame::Away => return Err(error.into()),
                    Blame::OneOfThem => {
                        tracing::warn!(%error, lanes = ?self.lanes, events = called.len(), "a batch is taken apart");
                        self.most = called.len().div_ceil(2);
                        return Ok(Step::Choked);
                    }
                    Blame::TheOne => {
                        tracing::error!(%error, lanes = ?self.lanes, "an event is set aside, to be tried again");
                        let reason = if error.may_be_either() { "no_answer" } else { "no_verdict" };
                        fates.extend(called.iter().map(|(_, row)| (*row, again(row, reason))));
                        done = Step::SetAside;
                    }
                },
            }
        }
        if !self.commit(ours, &fates, now).await? {
            return Ok(Step::Lost);
        }
        self.most = BATCH.min(self.most.saturating_mul(2));
        self.failures = 0;
        self.set_aside = if matches!(done, Step::SetAside) { self.set_aside.saturating_add(1) } else { 0 };
        Ok(done)
    }

    /// Whose fault a failed call is. Where there was no answer, or one of trouble that passes, the same is tried once more before
    /// service-api is asked whether it is ready: if it is, the fault lies with what was sent.
    async fn blame(&self, error: &CallError, events: usize) -> Blame {
        let warned = self.failures > 0 || self.most < BATCH || self.queue == Queue::Failing;
        let sent = choked(error)
            || (error.may_be_either() && warned && self.state.service_api.is_ready(READY_TIMEOUT).await);
        match (sent, events) {
            (false, _) => Blame::Away,
            (true, 1) => Blame::TheOne,
            (true, _) => Blame::OneOfThem,
        }
    }

    /// The oldest due rows of these lanes, as many as one call may carry, and whether that is all it may.
    async fn claim(&self, lanes: Vec<i32>) -> Result<(Vec<Due>, bool), DbError> {
        let (most, now) = (self.most, UtcTime::of(self.state.clock.now()));
        let queue = self.queue;
        let rows = self.state.database.read(move |conn| match queue {
            Queue::Fresh => pending::fresh(conn, &lanes, most),
            // One lane each, so that whoever comes first here is in nobody's way: see the lanes' `run`.
            Queue::Failing => {
                let due = lanes.iter().filter_map(|lane| pending::failing(conn, *lane, now).transpose());
                due.take(1).collect()
            }
        });
        let mut rows = rows.await?;
        let mut bytes = 0;
        let fitting = rows.iter().take_while(|row| {
            bytes += row.body.0.len();
            bytes <= BATCH_BYTES
        });
        let fitting = fitting.count().max(1);
        let full = fitting < rows.len() || rows.len() >= most;
        rows.truncate(fitting);
        Ok((rows, full))
    }

    /// [`Worker::read_again`], and a word in the log if that fails: it was readable when it was acknowledged, so the fault is this
    /// version's, and a next one reads it again.
    fn read(&self, row: &Due) -> Option<ApplyEvent> {
        let event = self.read_again(row);
        if event.is_none() {
            tracing::error!(event_id = ?row.id(), "an acknowledged event can't be read any more");
        }
        event
    }

    /// Reads the raw body again, by the mapping of today: what was stored beside it is only what it read as then. `None` if it is
    /// no longer an event.
    fn read_again(&self, row: &Due) -> Option<ApplyEvent> {
        let Reading::Known(envelope) =
            events::read(&row.body.0, &self.state.kyc_words, Timestamp::from(row.received_at.0))
        else {
            return None;
        };
        Some(ApplyEvent {
            event_id: row.id()?,
            source: row.source.clone(),
            intake: row.intake,
            sequence: row.sequence,
            effective_at: row.effective_at.0.into(),
            received_at: Timestamp::from(row.received_at.0),
            event: envelope.event?,
        })
    }

    /// Has the events applied; the verdicts by event.
    async fn call(&self, events: Vec<ApplyEvent>) -> Result<HashMap<EventId, ApplyVerdict>, CallError> {
        let batch = ApplyBatch { events };
        let context = RequestContext::fresh(&self.state.clock, &self.state.random);
        fail_points::pass(FailPoint::LaneBeforeCall);
        let answer: ApplyVerdicts =
            self.state.service_api.post_json(&context, APPLY_EVENTS, &batch, CALL_TIMEOUT).await?;
        fail_points::pass(FailPoint::LaneAfterCall);
        Ok(answer.verdicts.into_iter().map(|verdict| (verdict.event_id, verdict)).collect())
    }

    /// Writes down what became of the rows, and on the trail what took no effect; nothing of lanes whose lease was taken over. False if
    /// there was one.
    async fn commit(&self, ours: &Held, fates: &[(&Due, Fate)], now: Timestamp) -> Result<bool, DbError> {
        let mut of_lanes: BTreeMap<i32, Fates> = BTreeMap::new();
        for (row, fate) in fates {
            let of_lane = of_lanes.entry(row.lane).or_default();
            of_lane.marks.push((row.intake, fate.clone()));
            of_lane.entries.extend(self.entry(row, fate, now));
        }
        let leases: Vec<Lease> = of_lanes.keys().filter_map(|lane| ours.get(lane).cloned()).collect();
        let on_trail = of_lanes.values().any(|fates| !fates.entries.is_empty());
        let ours = ours.clone();
        let complete = self.state.database.write(move |conn| {
            let held = lease::held_among(conn, &leases)?;
            let is_held = |lane: &i32| ours.get(lane).is_some_and(|lease| held.contains(&lease.name));
            let (mut marks, mut entries) = (Vec::new(), Vec::new());
            for (_, fates) in of_lanes.iter().filter(|(lane, _)| is_held(lane)) {
                marks.extend(fates.marks.iter().cloned());
                entries.extend(fates.entries.iter().cloned());
            }
            fates::mark(conn, &marks, UtcTime::of(now))?;
            outbox::insert_many(conn, &entries)?;
            Ok(held.len() == of_lanes.len())
        });
        let complete = complete.await?;
        fail_points::pass(FailPoint::LaneAfterCommit);
        self.state.signals.rows_resolved();
        if on_trail {
            self.state.outbox.wake();
        }
        Ok(complete)
    }

    fn entry(&self, row: &Due, fate: &Fate, now: Timestamp) -> Option<Sealed> {
        let id = EntryId::new(now, self.state.random.bytes());
        let entry = trail::without_effect(id, row.id()?, &row.source, fate, now)?;
        Some(seal(&entry, &self.state.random))
    }

    /// Says that something is away, once for each stretch of trouble, and how long to wait.
    fn stumble(&mut self, trouble: &Trouble) -> Duration {
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            tracing::warn!(error = %trouble, cause = trouble.source().map(ToString::to_string), lanes = ?self.lanes, "lanes wait");
        }
        AWAY.after(self.failures, &self.state.random)
    }
}

/// Is this about what the call carried? Everything else is about service-api, or the way to it.
fn choked(error: &CallError) -> bool {
    error.is_about_the_body()
        || matches!(error, CallError::Refused { status: 500, .. } | CallError::Unreadable(_))
}
