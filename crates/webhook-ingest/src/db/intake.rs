//! Where a delivery becomes durable: in our own tables, or, while those are out of reach, in the spool where there is one. A delivery
//! may get to both, when nobody saw how its first way ended; it keeps its ids, so it counts once.
//!
//! While our own database is known to be away nobody waits for it. Before that is known nobody waits long: a database that hangs
//! is as good as one that is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use db::fail_points::{self, Step};
use db::{BatchWriter, SubmitError};
use tokio::time::timeout;

use super::deliveries::Submission;
use super::spool::Spool;
use crate::domain::delivery::Settled;

/// How long a delivery waits for our own database where there is a spool.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// A queue that is full, and of which nothing was settled for this long, stands still: that is no sign of too much work.
const STANDSTILL: Duration = Duration::from_millis(100);

/// The two ways in.
pub(crate) struct Intake {
    /// Commits deliveries to our own tables.
    writer: BatchWriter<Arc<Submission>, Settled>,
    spool: Option<Spool>,
    /// Our own database is known to be away.
    away: AtomicBool,
    started: Instant,
    /// When our own database last settled something, or was last given something while nothing waited: in milliseconds since the start.
    moved: AtomicU64,
}

impl Intake {
    pub(crate) fn new(writer: BatchWriter<Arc<Submission>, Settled>, spool: Option<Spool>) -> Self {
        let (away, moved) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { writer, spool, away, started: Instant::now(), moved }
    }

    /// What commits to our own tables.
    pub(crate) fn writer(&self) -> &BatchWriter<Arc<Submission>, Settled> {
        &self.writer
    }

    /// The spool, where there is one.
    pub(crate) fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    /// True when a delivery would be refused now: for shedding before a body is read.
    pub(crate) fn is_full(&self) -> bool {
        match &self.spool {
            Some(spool) if self.is_away() || self.stands_still_for(STANDSTILL) => spool.is_full(),
            _ => self.writer.is_full(),
        }
    }

    /// Makes a delivery durable, in one commit; the verdict comes after it.
    pub(crate) async fn submit(&self, submission: Submission) -> Result<Settled, SubmitError> {
        let submission = Arc::new(submission);
        let Some(spool) = &self.spool else { return self.writer.submit(submission).await };
        let no_way = self.is_away() || self.stands_still_for(PATIENCE);
        // A repeat of what waits in the spool is to meet it there, and to hear of it.
        if no_way || spool.has_key(&submission.delivery.said.key).await.unwrap_or(false) {
            return spool.submit(submission).await;
        }
        if self.writer.is_empty() {
            self.moves();
        }
        match timeout(PATIENCE, self.writer.submit(Arc::clone(&submission))).await {
            Ok(Err(SubmitError::Unavailable)) | Err(_) => self.found_away(),
            Ok(Err(SubmitError::Full)) if self.stands_still_for(STANDSTILL) => {}
            Ok(Err(SubmitError::Full)) => return Err(SubmitError::Full),
            Ok(told) => {
                self.moves();
                return told;
            }
        }
        fail_points::pass(Step::SpoolBeforeSubmit);
        spool.submit(submission).await
    }

    /// True while our own database is known to be away.
    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Our own database took something: deliveries go to it again.
    pub(crate) fn found_back(&self) {
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

    /// Something waits for our own database, and nothing was settled for so long.
    fn stands_still_for(&self, limit: Duration) -> bool {
        let moved = Duration::from_millis(self.moved.load(Ordering::Relaxed));
        !self.writer.is_empty() && self.started.elapsed().saturating_sub(moved) > limit
    }

    fn moves(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(now, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use auth::random::Random;
    use db::{BatchOptions, DbResult};
    use tempfile::TempDir;
    use test_kit::database::{TestDatabase, sqlite};
    use test_kit::waiting::wait_for;
    use tokio::task::JoinSet;

    use super::super::deliveries;
    use super::super::deliveries::tests::{NOW, submission};
    use super::*;
    use crate::domain::delivery::Verdict;

    /// A way in whose own writer stores each batch only when it is told to, and takes 4 deliveries at most.
    fn held_back(on: &TestDatabase, folder: Option<&TempDir>) -> (Intake, Sender<()>, Arc<AtomicBool>) {
        let (tell, told): (Sender<()>, Receiver<()>) = channel();
        let begun = Arc::new(AtomicBool::new(false));
        let (begins, told) = (Arc::clone(&begun), Arc::new(Mutex::new(told)));
        let options = BatchOptions { name: "held back", capacity: 4, batch: 1, threads: 1 };
        let write = move |conn: &mut db::Conn, submissions: &[Arc<Submission>]| -> DbResult<Vec<Settled>> {
            begins.store(true, Ordering::Relaxed);
            told.lock().expect("nobody panicked").recv().expect("the test goes on");
            deliveries::store(conn, submissions, &Random::system())
        };
        let writer = BatchWriter::start(&on.open(crate::SCHEMA), &options, |_| (), write).expect("a thread");
        let spool = folder.map(|folder| {
            Spool::open(&folder.path().join("spool"), 1 << 24, 64, Random::system()).expect("a spool")
        });
        (Intake::new(writer, spool), tell, begun)
    }

    fn delivery(number: u32) -> Submission {
        let body = format!(
            r#"{{"id":"{number}","event":"client.registered","data":{{"email":"c{number}@example.com"}}}}"#
        );
        submission(&body, &Random::system())
    }

    async fn migrated() -> TestDatabase {
        let on = sqlite();
        crate::MIGRATIONS.run(&on.open(crate::SCHEMA)).await.expect("the migrations run");
        on
    }

    /// Hands deliveries to the writer alone until it takes no more: one is being written, four wait.
    async fn fill(intake: &Intake, begun: &AtomicBool) -> JoinSet<Result<Settled, SubmitError>> {
        let mut waiting = JoinSet::new();
        for number in 0..5 {
            let writer = intake.writer.clone();
            waiting.spawn(async move { writer.submit(Arc::new(delivery(number))).await });
            if number == 0 {
                wait_for("the first to be taken", async || begun.load(Ordering::Relaxed)).await;
            }
        }
        wait_for("the queue to be full", async || intake.writer.is_full()).await;
        waiting
    }

    #[tokio::test]
    async fn a_full_queue_that_stands_still_is_walked_around_where_there_is_a_spool() {
        for with_spool in [false, true] {
            let (on, folder) = (migrated().await, TempDir::with_prefix("crm-spool.").expect("a folder"));
            let (intake, tell, begun) = held_back(&on, with_spool.then_some(&folder));
            let waiting = fill(&intake, &begun).await;
            if with_spool {
                wait_for("the standstill to be seen", async || !intake.is_full()).await;
                let settled = intake.submit(delivery(9)).await.expect("there is a way");
                assert_eq!(settled.verdict, Verdict::Accepted);
                let backlog = intake.spool().expect("a spool").backlog().await.expect("it can be read");
                assert_eq!((backlog.rows, backlog.stuck, backlog.oldest), (1, 0, Some(NOW)));
                assert!((1..1 << 20).contains(&backlog.bytes), "{backlog:?}");
            } else {
                assert!(intake.is_full());
                assert!(matches!(intake.submit(delivery(9)).await, Err(SubmitError::Full)));
            }
            assert!(!intake.is_away(), "too much work is no outage");
            (0..5).for_each(|_| tell.send(()).expect("the writer waits"));
            let told = waiting.join_all().await;
            assert!(told.iter().all(Result::is_ok), "{told:?}");
        }
    }
}
