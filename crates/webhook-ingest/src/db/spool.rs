//! The spool: a SQLite file of this process alone, which takes deliveries while PostgreSQL is away. One commit, on disk before the
//! answer, as in our own tables. Whether it is to be used, and when what it holds goes where it belongs, is decided elsewhere
//! ([`super::intake`], [`crate::jobs`]).

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use auth::random::Random;
use contract::clock::Timestamp;
use contract::ids::EventId;
use contract::internal::ClientName;
use db::fail_points::{self, Step};
use db::{BatchOptions, BatchWriter, Database, DatabaseUrl, DbError, DbResult, Options, SubmitError};
use tokio::sync::Notify;

use super::deliveries::Submission;
use super::spooled::{self, Row};
use crate::SPOOL_MIGRATIONS;
use crate::domain::delivery::Settled;

/// How many deliveries share a commit at most.
const BATCH: usize = 128;

/// The size of a page of the file: SQLite's own default.
const PAGE: u64 = 4096;

/// What SQLite's log beside the file may take, as a share of the whole: it is written back every 1,000 pages.
const LOG_SHARE: u64 = 32;

/// The room that any delivery needs, and some more, in bytes.
const ROOM: u64 = 512 * 1024;

/// Who is not let in must not read what people's data is in here, nor put something in.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// Why the spool can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The folder, or a file in it.
    #[error("WEBHOOK_SPOOL_DIR: the folder can't be made or used: {0}")]
    Folder(#[source] io::Error),
    /// Others may write to the folder.
    #[error("WEBHOOK_SPOOL_DIR: others may write to the folder; it has to be ours alone (chmod 700)")]
    Open,
    /// Another process has it.
    #[error("WEBHOOK_SPOOL_DIR: another process uses this folder; each needs one of its own")]
    Taken,
    /// The file is no spool.
    #[error("WEBHOOK_SPOOL_DIR: the file spool.sqlite can't be used: {0}")]
    File(#[source] DbError),
}

/// How much waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// Attempts that wait.
    pub(crate) rows: i64,
    /// Those among them that the database itself does not take.
    pub(crate) stuck: usize,
    /// What they take up in the file.
    pub(crate) bytes: u64,
    /// When the oldest came.
    pub(crate) oldest: Option<Timestamp>,
}

/// The spool of this process.
pub(crate) struct Spool {
    database: Database,
    writer: BatchWriter<Arc<Submission>, Settled>,
    /// What the file itself may take.
    bytes: u64,
    /// Kept in step with the file after each commit: nobody needs it exactly.
    rows: AtomicI64,
    stuck: AtomicUsize,
    fresh: Notify,
}

impl Spool {
    /// Opens the spool in `folder`, makes it if need be, and keeps every other process out as long as this one lives. It takes `bytes`
    /// of the disk at most.
    pub(crate) fn open(folder: &Path, bytes: u64, queue: usize, random: Random) -> Result<Self, SpoolError> {
        let lock = Arc::new(lock(folder)?);
        let options = Options { connections: 4, checkout: Duration::from_secs(2) };
        let url = DatabaseUrl::sqlite(&folder.join("spool.sqlite"));
        let database = Database::open(url, "spool", &options).map_err(SpoolError::File)?;
        SPOOL_MIGRATIONS.run_at_start(&database).map_err(SpoolError::File)?;
        // The file's name must outlive the machine's fall as its content does.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(SpoolError::Folder)?;
        let bytes = bytes - bytes / LOG_SHARE;
        let pages = bytes / PAGE;
        let options =
            BatchOptions { name: "webhook-ingest.spool", capacity: queue, batch: BATCH, threads: 1 };
        let write = move |conn: &mut db::Conn, submissions: &[Arc<Submission>]| {
            // The folder is ours until the last commit is over, whoever dropped the spool meanwhile.
            let _held = &lock;
            spooled::store(conn, submissions, pages, &random)
        };
        let writer = BatchWriter::start(&database, &options, |_| (), write).map_err(SpoolError::File)?;
        let rows = database.read_at_start(spooled::count).map_err(SpoolError::File)?;
        if rows > 0 {
            tracing::info!(rows, "the spool holds what was acknowledged before");
        }
        let (rows, stuck) = (AtomicI64::new(rows), AtomicUsize::new(0));
        Ok(Self { database, writer, bytes, rows, stuck, fresh: Notify::new() })
    }

    /// Stores a delivery here; the verdict comes after the commit.
    pub(crate) async fn submit(&self, submission: Arc<Submission>) -> Result<Settled, SubmitError> {
        let settled = self.writer.submit(submission).await?;
        fail_points::pass(Step::SpoolAfterCommit);
        self.rows.fetch_add(1, Ordering::Relaxed);
        self.fresh.notify_one();
        Ok(settled)
    }

    /// What writes to it.
    pub(crate) fn writer(&self) -> &BatchWriter<Arc<Submission>, Settled> {
        &self.writer
    }

    /// True when too much waits for its commit.
    pub(crate) fn is_full(&self) -> bool {
        self.writer.is_full()
    }

    /// True when nothing waits to be drained, as far as this process knows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.load(Ordering::Relaxed) <= 0
    }

    /// Wakes whoever waits for [`Spool::woken`].
    pub(crate) fn wake(&self) {
        self.fresh.notify_one();
    }

    /// Resolves when there is something to be drained, or something else to be seen to.
    pub(crate) async fn woken(&self) {
        self.fresh.notified().await;
    }

    /// True when it answers and has room for more.
    pub(crate) async fn has_room(&self) -> bool {
        let used = self.database.read(spooled::used_bytes).await;
        used.is_ok_and(|used| used + ROOM <= self.bytes)
    }

    /// How much waits: for metrics.
    pub(crate) async fn backlog(&self) -> DbResult<Backlog> {
        let stuck = self.stuck.load(Ordering::Relaxed);
        self.database
            .read(move |conn| {
                Ok(Backlog {
                    rows: spooled::count(conn)?,
                    stuck,
                    bytes: spooled::used_bytes(conn)?,
                    oldest: spooled::oldest_made_at(conn)?,
                })
            })
            .await
    }

    /// The oldest rows that are not among `but`.
    pub(crate) async fn oldest(&self, but: BTreeSet<i64>) -> DbResult<Vec<Row>> {
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        self.stuck.store(but.len(), Ordering::Relaxed);
        self.database.read(move |conn| spooled::oldest(conn, &but, limit)).await
    }

    /// Removes rows that are where they belong.
    pub(crate) async fn remove(&self, rows: Vec<Row>) -> DbResult<()> {
        let removed = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.database.write(move |conn| spooled::remove(conn, &rows)).await?;
        self.rows.fetch_sub(removed, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the first delivery of a key waits here. Where nothing waits, nothing is asked.
    pub(crate) async fn has_key(&self, key: &[u8]) -> DbResult<bool> {
        let key = key.to_owned();
        self.ask(move |conn| spooled::has_key(conn, &key)).await
    }

    /// Whether an event waits here.
    pub(crate) async fn has_event(&self, id: EventId) -> DbResult<bool> {
        self.ask(move |conn| spooled::has_event(conn, id)).await
    }

    /// Whether an event waits here that names a client, and is to have an effect.
    pub(crate) async fn names_client(&self, name: ClientName) -> DbResult<bool> {
        self.ask(move |conn| spooled::names_client(conn, &name)).await
    }

    async fn ask(
        &self,
        question: impl FnOnce(&mut db::Conn) -> DbResult<bool> + Send + 'static,
    ) -> DbResult<bool> {
        if self.is_empty() { Ok(false) } else { self.database.read(question).await }
    }

    /// Takes nothing more, and waits until what it took is on disk.
    pub(crate) async fn close(&self) {
        self.writer.close().await;
    }
}

/// Makes the folder, for its owner alone, and takes the lock in it. The system gives it back when the process ends, however it ends.
fn lock(folder: &Path) -> Result<File, SpoolError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(SpoolError::Folder)?;
    #[cfg(unix)]
    {
        let mode = std::fs::metadata(folder).map_err(SpoolError::Folder)?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
        if mode & OTHERS_MAY_WRITE != 0 {
            return Err(SpoolError::Open);
        }
    }
    let file = File::options().write(true).create(true).truncate(false).open(folder.join("lock"));
    let file = file.map_err(SpoolError::Folder)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SpoolError::Taken),
        Err(TryLockError::Error(error)) => Err(SpoolError::Folder(error)),
    }
}
