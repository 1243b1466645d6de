//! One lane: takes its oldest due rows, has service-api apply them, and writes down what became of them. Dying anywhere in here
//! loses nothing: a row stays pending until its fate is committed, and service-api applies each event at most once, so the same
//! rows are simply sent again. Writing a fate is fenced: a replica whose lease was taken over meanwhile writes nothing.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use contract::audit::Sealed;
use contract::clock::Timestamp;
use contract::events::{self, Reading};
use contract::ids::{EntryId, EventId};
use contract::internal::{APPLY_EVENTS, ApplyBatch, ApplyEvent, ApplyVerdict, ApplyVerdicts};
use db::DbError;
use db::lease::{self, Lease};
use db::types::UtcTime;
use http_kit::audit::seal;
use http_kit::backoff::Backoff;
use http_kit::client::CallError;
use http_kit::context::RequestContext;
use http_kit::server::Shutdown;
use tokio::sync::watch;

use super::pause;
use crate::db::inbox::{self, Due};
use crate::domain::fate::Fate;
use crate::domain::trail;
use crate::state::State;

/// How long a call may take: far longer than a batch needs, so that only a service that hangs is given up on.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How many events one call carries at most.
const BATCH: usize = 100;

/// How many bytes of raw bodies one call carries at most, unless a single event has more: what service-api reads in one request
/// is limited too.
const BATCH_BYTES: usize = 1024 * 1024;

/// Between calls while service-api, or our database, is away.
const AWAY: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// One lane at work.
struct Lane {
    state: Arc<State>,
    number: i32,
    /// How many events the next call may carry: fewer after a call that failed by what it carried.
    most: usize,
    /// How often in a row service-api or our database were away.
    failures: u32,
}

/// What a step came to.
enum Step {
    /// Rows moved on; there may be more.
    Moved,
    /// Nothing is due.
    Idle,
    /// Another replica has the lane.
    Lost,
    /// service-api choked on what this call carried; the next one carries less.
    Choked,
}

/// Why a step came to nothing. The rows are as they were.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the database")]
    Database(#[from] DbError),
    #[error("service-api")]
    ServiceApi(#[from] CallError),
}

/// Works on a lane while its lease is here, until told to stop.
pub(super) async fn run(
    state: Arc<State>,
    number: i32,
    mut lease: watch::Receiver<Option<Lease>>,
    shutdown: Shutdown,
) {
    let mut lane = Lane { state, number, most: BATCH, failures: 0 };
    while !shutdown.is_requested() {
        let held = lease.borrow_and_update().clone();
        let Some(held) = held else {
            tokio::select! {
                Ok(()) = lease.changed() => continue,
                () = shutdown.requested() => return,
                else => return,
            }
        };
        match lane.step(&held).await {
            Ok(Step::Moved | Step::Choked) => {}
            Ok(Step::Idle) => {
                tokio::select! {
                    () = lane.state.signals.due(number) => {}
                    _ = lease.changed() => {}
                    () = shutdown.requested() => {}
                }
            }
            Ok(Step::Lost) => {
                tokio::select! {
                    _ = lease.changed() => {}
                    () = shutdown.requested() => {}
                }
            }
            Err(trouble) => {
                let wait = lane.stumble(&trouble);
                // Told to stop meanwhile: the loop's head sees it.
                pause(wait, &shutdown).await;
            }
        }
    }
}

impl Lane {
    /// One batch, from claim to commit.
    async fn step(&mut self, lease: &Lease) -> Result<Step, Trouble> {
        let rows = self.due().await?;
        if rows.is_empty() {
            return Ok(Step::Idle);
        }
        let now = self.state.clock.now();
        let (mut events, mut fates) = (Vec::new(), Vec::new());
        for row in &rows {
            match self.read(row) {
                Some(event) => events.push((event, row)),
                None => {
                    let reason = Some("unreadable".to_owned());
                    fates.push((row, Fate::again(row.attempts, reason, now, &self.state.random)));
                }
            }
        }
        if !events.is_empty() {
            let verdicts = match self.call(&events).await {
                Ok(verdicts) => verdicts,
                Err(error) if !choked(&error) => return Err(error.into()),
                Err(error) if events.len() > 1 => {
                    tracing::warn!(%error, lane = self.number, events = events.len(), "service-api choked on a batch");
                    self.most = (events.len() / 2).max(1);
                    return Ok(Step::Choked);
                }
                Err(error) => {
                    tracing::error!(%error, lane = self.number, "service-api choked on an event");
                    HashMap::new()
                }
            };
            fates.extend(events.iter().map(|(event, row)| {
                (*row, Fate::of(verdicts.get(&event.event_id), row.attempts, now, &self.state.random))
            }));
        }
        (self.failures, self.most) = (0, (self.most * 2).min(BATCH));
        Ok(if self.commit(lease, &fates, now).await? { Step::Moved } else { Step::Lost })
    }

    /// The oldest due rows, as many as one call may carry.
    async fn due(&self) -> Result<Vec<Due>, DbError> {
        let (lane, now, most) = (self.number, UtcTime::of(self.state.clock.now()), self.most);
        let mut rows = self.state.database.read(move |conn| inbox::due(conn, lane, now, most)).await?;
        let mut bytes = 0;
        let fitting = rows.iter().take_while(|row| {
            bytes += row.body.len();
            bytes <= BATCH_BYTES
        });
        let fitting = fitting.count().max(1);
        rows.truncate(fitting);
        Ok(rows)
    }

    /// [`Lane::read_again`], and a word in the log if that fails: it was readable when it was acknowledged, so the fault is this
    /// version's, and a next one reads it again.
    fn read(&self, row: &Due) -> Option<ApplyEvent> {
        let event = self.read_again(row);
        if event.is_none() {
            tracing::error!(event_id = row.event_id, "an acknowledged event can't be read any more");
        }
        event
    }

    /// Reads the raw body again, by the mapping of today: what was stored beside it is only what it read as then. `None` if it is
    /// no longer an event with effects.
    fn read_again(&self, row: &Due) -> Option<ApplyEvent> {
        let Reading::Known(envelope) =
            events::read(&row.body, &self.state.kyc_words, Timestamp::from(row.received_at.0))
        else {
            return None;
        };
        Some(ApplyEvent {
            event_id: row.event_id.parse().ok()?,
            source: row.source.clone(),
            intake: row.intake,
            sequence: row.sequence,
            effective_at: row.effective_at.0.into(),
            received_at: Timestamp::from(row.received_at.0),
            event: envelope.event?,
        })
    }

    /// Has the events applied; the verdicts by event.
    async fn call(&self, events: &[(ApplyEvent, &Due)]) -> Result<HashMap<EventId, ApplyVerdict>, CallError> {
        let batch = ApplyBatch { events: events.iter().map(|(event, _)| event.clone()).collect() };
        let context = RequestContext::fresh(&self.state.clock, &self.state.random);
        let answer: ApplyVerdicts =
            self.state.service_api.post_json(&context, APPLY_EVENTS, &batch, CALL_TIMEOUT).await?;
        Ok(answer.verdicts.into_iter().map(|verdict| (verdict.event_id, verdict)).collect())
    }

    /// Writes down what became of the rows, and on the trail what was refused. False, and nothing written, if the lease was taken
    /// over.
    async fn commit(&self, lease: &Lease, fates: &[(&Due, Fate)], now: Timestamp) -> Result<bool, DbError> {
        let marks: Vec<(i64, Fate)> = fates.iter().map(|(row, fate)| (row.intake, fate.clone())).collect();
        let entries: Vec<Sealed> =
            fates.iter().filter_map(|(row, fate)| self.entry(row, fate, now)).collect();
        let on_trail = !entries.is_empty();
        let lease = lease.clone();
        let written = self.state.database.write(move |conn| {
            if !lease::holds(conn, &lease)? {
                return Ok(false);
            }
            inbox::mark(conn, &marks, UtcTime::of(now))?;
            outbox::insert_many(conn, &entries)?;
            Ok(true)
        });
        let written = written.await?;
        if written {
            self.state.signals.rows_resolved();
        }
        if written && on_trail {
            self.state.outbox.wake();
        }
        Ok(written)
    }

    fn entry(&self, row: &Due, fate: &Fate, now: Timestamp) -> Option<Sealed> {
        let id = EntryId::new(now, self.state.random.bytes());
        let entry = trail::dead_lettered(id, &row.event_id, &row.source, fate, now)?;
        Some(seal(&entry, &self.state.random))
    }

    /// Says that something is away, once for each stretch of trouble, and how long to wait.
    fn stumble(&mut self, trouble: &Trouble) -> Duration {
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            tracing::warn!(error = %trouble, cause = trouble.source().map(ToString::to_string), lane = self.number, "a lane waits");
        }
        AWAY.after(self.failures, &self.state.random)
    }
}

/// Is this about what the call carried? Everything else is about service-api, or the way to it.
fn choked(error: &CallError) -> bool {
    error.is_about_the_body()
        || matches!(error, CallError::Refused { status: 500, .. } | CallError::Unreadable(_))
}
