//! Where a delivery becomes durable: in our own tables, or, while those are out of reach, in the spool where there is one. A delivery
//! may get to both, when nobody saw how its first way ended; it keeps its ids, so it counts once.
//!
//! While our own database is known to be away nobody waits for it. Before that is known nobody waits long: a database that hangs
//! is as good as one that is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use db::{BatchWriter, SubmitError};
use tokio::time::timeout;

use super::deliveries::Submission;
use super::spool::Spool;
use crate::domain::delivery::Settled;

/// How long a delivery waits for our own database where there is a spool.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// A queue that is full, and of which nothing was settled for this long, stands still: it is no sign of too much work.
const STANDSTILL: Duration = Duration::from_millis(100);

/// The two ways in.
pub(crate) struct Intake {
    /// Commits deliveries to our own tables.
    writer: BatchWriter<Arc<Submission>, Settled>,
    spool: Option<Spool>,
    /// Our own database is known to be away.
    away: AtomicBool,
    started: Instant,
    /// When our own database last settled something, in milliseconds since the start.
    settled: AtomicU64,
}

impl Intake {
    pub(crate) fn new(writer: BatchWriter<Arc<Submission>, Settled>, spool: Option<Spool>) -> Self {
        let (away, settled) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { writer, spool, away, started: Instant::now(), settled }
    }

    /// The spool, where there is one.
    pub(crate) fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    /// True when a delivery would be refused now: for shedding before a body is read.
    pub(crate) fn is_full(&self) -> bool {
        match &self.spool {
            Some(spool) if self.is_away() || (self.writer.is_full() && self.stands_still()) => {
                spool.is_full()
            }
            _ => self.writer.is_full(),
        }
    }

    /// Makes a delivery durable, in one commit; the verdict comes after it.
    pub(crate) async fn submit(&self, submission: Submission) -> Result<Settled, SubmitError> {
        let submission = Arc::new(submission);
        let Some(spool) = &self.spool else { return self.writer.submit(submission).await };
        // A repeat of what waits in the spool is to meet it there, and to hear of it.
        if self.is_away() || spool.has_key(&submission.delivery.said.key).await.unwrap_or(false) {
            return spool.submit(submission).await;
        }
        match timeout(PATIENCE, self.writer.submit(Arc::clone(&submission))).await {
            Ok(Err(SubmitError::Unavailable)) | Err(_) => self.found_away(),
            Ok(Err(SubmitError::Full)) if self.stands_still() => {}
            Ok(told) => {
                if !matches!(told, Err(SubmitError::Full)) {
                    self.settled.store(self.now(), Ordering::Relaxed);
                }
                return told;
            }
        }
        spool.submit(submission).await
    }

    /// True while our own database is known to be away.
    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Our own database took something: deliveries go to it again.
    pub(crate) fn found_back(&self) {
        self.settled.store(self.now(), Ordering::Relaxed);
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!("the database is back: deliveries go to it again");
        }
    }

    fn found_away(&self) {
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!("the database is away: deliveries go to the spool");
            self.spool.iter().for_each(Spool::wake);
        }
    }

    fn stands_still(&self) -> bool {
        let settled = Duration::from_millis(self.settled.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(settled) > STANDSTILL
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
