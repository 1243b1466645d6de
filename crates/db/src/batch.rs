//! Many small writes in few commits. Threads of its own take all that waits, write it in one transaction, and tell each submitter its
//! verdict. It knows neither the items nor the tables: the service gives the closure that writes.

use crate::conn::{Backend, Conn, Mode};
use crate::database::{Database, retried};
use crate::error::{Class, DbError, DbResult};
use crate::pace::Pressure;
use std::error::Error as _;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};

/// How a [`BatchWriter`] behaves.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// For the thread and the log.
    pub name: &'static str,
    /// Items that may wait; more are refused with [`SubmitError::Full`].
    pub capacity: usize,
    /// Items in one transaction at most.
    pub batch: usize,
    /// Threads, each with a connection: while one waits for its commit, the next writes. SQLite, with its one writer, gets one.
    pub threads: usize,
}

/// Why an item has no verdict.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Too many wait already. Nothing was stored.
    #[error("the queue is full")]
    Full,
    /// The database is away, or went away in COMMIT, or the writer is closed: nobody knows of the item having been
    /// stored. A retry must meet a key.
    #[error("the database is unavailable")]
    Unavailable,
    /// This item, alone in its transaction, failed. Others of its batch did not. Nothing of it was stored.
    #[error("the item can't be stored")]
    Refused(#[source] DbError),
}

/// Submits items to the writing threads; cheap to clone. When the last clone is dropped, or at [`BatchWriter::close`],
/// the threads write what waits, and end.
pub struct BatchWriter<I, V> {
    shared: Arc<Shared<I, V>>,
}

struct Shared<I, V> {
    /// `None` once closed.
    queue: Mutex<Option<mpsc::Sender<Waiting<I, V>>>>,
    /// Its senders are the threads': closed when the last has ended.
    ended: watch::Receiver<()>,
    pressure: Pressure,
    options: BatchOptions,
    written: Arc<Written>,
}

/// What the thread has committed since it was started.
#[derive(Debug, Default)]
struct Written {
    commits: AtomicU64,
    items: AtomicU64,
}

struct Waiting<I, V> {
    item: I,
    verdict: oneshot::Sender<Result<V, SubmitError>>,
}

impl SubmitError {
    /// True when the same item may be stored later with nothing changed, as [`DbError::is_transient`] says.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Full | Self::Unavailable => true,
            Self::Refused(error) => error.is_transient(),
        }
    }
}

impl<I: Send + 'static, V: Send + 'static> BatchWriter<I, V> {
    /// Starts the threads. Each connects when the first item comes, and again whenever the connection was lost.
    ///
    /// `key` is what rows are unique by. `write` gets the items of a batch sorted by it, equal keys side by side, the
    /// first submitted first: so two replicas lock rows in one order, and twins are folded with
    /// `items.chunk_by(|a, b| a.key == b.key)`. It returns one verdict for each item, in their order. It is run again
    /// after a deadlock, and over parts of the batch when the whole failed, so it must have no effect but on the
    /// connection.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no thread.
    pub fn start<K, W>(
        database: &Database,
        options: &BatchOptions,
        key: impl Fn(&I) -> K + Clone + Send + 'static,
        write: W,
    ) -> DbResult<Self>
    where
        K: Ord,
        W: FnMut(&mut Conn, &[I]) -> DbResult<Vec<V>> + Clone + Send + 'static,
    {
        Self::start_in(Mode::Write, database, options, key, write)
    }

    /// As [`BatchWriter::start`], in transactions of this mode: a [`BatchReader`](crate::BatchReader) has the same threads.
    pub(crate) fn start_in<K, W>(
        mode: Mode,
        database: &Database,
        options: &BatchOptions,
        key: impl Fn(&I) -> K + Clone + Send + 'static,
        write: W,
    ) -> DbResult<Self>
    where
        K: Ord,
        W: FnMut(&mut Conn, &[I]) -> DbResult<Vec<V>> + Clone + Send + 'static,
    {
        let (queue, waiting) = mpsc::channel(options.capacity.max(1));
        let waiting = Arc::new(Mutex::new(waiting));
        let (end, ended) = watch::channel(());
        let (name, batch, pressure) = (options.name, options.batch.max(1), Pressure::default());
        let written = Arc::new(Written::default());
        let threads = match database.backend() {
            Backend::Postgres => options.threads.max(1),
            Backend::Sqlite => 1,
        };
        for _ in 0..threads {
            let mut thread = Thread {
                database: database.clone(),
                mode,
                name,
                conn: None,
                key: key.clone(),
                write: write.clone(),
                pressure: pressure.clone(),
                written: Arc::clone(&written),
            };
            let (waiting, end) = (Arc::clone(&waiting), end.clone());
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || {
                    thread.serve(&waiting, batch);
                    // With its connection, and with what `write` holds.
                    drop(thread);
                    drop(end);
                })
                .map_err(|error| DbError::Unavailable(error.into()))?;
        }
        let (queue, options) = (Mutex::new(Some(queue)), options.clone());
        Ok(Self { shared: Arc::new(Shared { queue, ended, pressure, options, written }) })
    }

    /// Hands `item` over and waits for its verdict, which comes after the commit. An item that was handed over is
    /// written even when the caller stops waiting.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit(&self, item: I) -> Result<V, SubmitError> {
        let (verdict, heard) = oneshot::channel();
        let handed = self.with_queue(|queue| queue.try_send(Waiting { item, verdict }));
        match handed {
            None | Some(Err(mpsc::error::TrySendError::Closed(_))) => Err(SubmitError::Unavailable),
            Some(Err(mpsc::error::TrySendError::Full(_))) => Err(SubmitError::Full),
            Some(Ok(())) => heard.await.unwrap_or(Err(SubmitError::Unavailable)),
        }
    }

    /// How many items wait; those that are being written no longer count.
    pub fn len(&self) -> usize {
        self.with_queue(|queue| queue.max_capacity() - queue.capacity()).unwrap_or(0)
    }

    /// Its name, how many items may wait, and how many share a transaction at most.
    pub fn options(&self) -> &BatchOptions {
        &self.shared.options
    }

    /// Transactions committed so far, and the items in them.
    pub fn written(&self) -> (u64, u64) {
        let Written { commits, items } = &*self.shared.written;
        (commits.load(Ordering::Relaxed), items.load(Ordering::Relaxed))
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True when an item handed over now would be refused: for shedding before a body is read.
    pub fn is_full(&self) -> bool {
        self.with_queue(|queue| queue.capacity() == 0).unwrap_or(true)
    }

    /// How hard it is at work, for those who should let it go first.
    pub fn pressure(&self) -> Pressure {
        self.shared.pressure.clone()
    }

    /// Takes no more items (they are [`SubmitError::Unavailable`]), and waits until what waits has been written and
    /// told, and the connection and the closures are gone.
    pub async fn close(&self) {
        if let Ok(mut queue) = self.shared.queue.lock() {
            queue.take();
        }
        // Nothing is ever sent: an error means that the last thread is gone, which is what is waited for.
        drop(self.shared.ended.clone().changed().await);
    }

    /// `None` once closed.
    fn with_queue<T>(&self, use_it: impl FnOnce(&mpsc::Sender<Waiting<I, V>>) -> T) -> Option<T> {
        self.shared.queue.lock().ok()?.as_ref().map(use_it)
    }
}

impl<I, V> Clone for BatchWriter<I, V> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<I, V> std::fmt::Debug for BatchWriter<I, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchWriter").finish_non_exhaustive()
    }
}

/// What a thread has.
struct Thread<F, W> {
    database: Database,
    mode: Mode,
    name: &'static str,
    written: Arc<Written>,
    conn: Option<Conn>,
    key: F,
    write: W,
    pressure: Pressure,
}

type Verdicts<V> = Vec<oneshot::Sender<Result<V, SubmitError>>>;

impl<F, W> Thread<F, W> {
    /// Takes all that waits, up to `batch`, writes it, takes again. While one batch commits the next gathers: the
    /// slower the disk, the larger the batches, without a timer.
    fn serve<I, V, K: Ord>(&mut self, waiting: &Mutex<mpsc::Receiver<Waiting<I, V>>>, batch: usize)
    where
        F: Fn(&I) -> K,
        W: FnMut(&mut Conn, &[I]) -> DbResult<Vec<V>>,
    {
        let mut taken = Vec::new();
        // One thread at a time waits; it takes all there is, so that the next to wait finds what came since.
        let take = |taken: &mut Vec<_>| {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.blocking_recv_many(taken, batch)
        };
        while take(&mut taken) > 0 {
            self.pressure.note(taken.len());
            taken.sort_by_cached_key(|one| (self.key)(&one.item));
            let (items, verdicts): (Vec<_>, Vec<_>) =
                taken.drain(..).map(|one| (one.item, one.verdict)).unzip();
            // Broken off or not: the next batch tries to connect again.
            let (ControlFlow::Continue(()) | ControlFlow::Break(())) = self.settle(&items, verdicts);
        }
    }

    /// Writes `items` and tells each. When the whole failed for a reason of one item's, it is split until that one is
    /// alone. Stops, and tells the rest, when the database is gone.
    fn settle<I, V>(&mut self, items: &[I], mut verdicts: Verdicts<V>) -> ControlFlow<()>
    where
        W: FnMut(&mut Conn, &[I]) -> DbResult<Vec<V>>,
    {
        let error = match retried(self.database.backend(), || self.attempt(items)) {
            Ok(told) => {
                self.written.commits.fetch_add(1, Ordering::Relaxed);
                self.written.items.fetch_add(told.len().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
                verdicts.into_iter().zip(told).for_each(|(to, verdict)| tell(to, Ok(verdict)));
                return ControlFlow::Continue(());
            }
            Err(error) => error,
        };
        if error.is_transient() {
            let cause = error.source().map(ToString::to_string);
            tracing::warn!(writer = self.name, items = items.len(), %error, cause, "the database failed a batch");
            unavailable(verdicts);
            return ControlFlow::Break(());
        }
        let half = items.len() / 2;
        if half == 0 {
            if let Some(to) = verdicts.pop() {
                tell(to, Err(SubmitError::Refused(error)));
            }
            return ControlFlow::Continue(());
        }
        tracing::debug!(writer = self.name, items = items.len(), %error, "splitting a batch");
        let second = verdicts.split_off(half);
        let (left, right) = items.split_at(half);
        if self.settle(left, verdicts).is_break() {
            unavailable(second);
            return ControlFlow::Break(());
        }
        self.settle(right, second)
    }

    /// One transaction.
    fn attempt<I, V>(&mut self, items: &[I]) -> DbResult<Vec<V>>
    where
        W: FnMut(&mut Conn, &[I]) -> DbResult<Vec<V>>,
    {
        // Who only reads is in no writer's way, nor a writer in theirs.
        let _turn = if self.mode == Mode::Read { None } else { self.database.blocking_turn() };
        let mut conn = self.begun()?;
        let write = &mut self.write;
        let done = catch_unwind(AssertUnwindSafe(|| {
            conn.finish(|conn| {
                let told = write(conn, items)?;
                match told.len() == items.len() {
                    true => Ok(told),
                    false => Err(DbError::broken("the writer's verdicts are not as many as its items")),
                }
            })
        }));
        match done {
            Ok(done) => {
                let gone = matches!(&done, Err(error) if error.class() == Class::Unavailable);
                self.conn = (!gone && !conn.is_broken()).then_some(conn);
                done
            }
            Err(_) => Err(DbError::broken("the writer panicked")),
        }
    }

    /// The connection, in a new transaction. One that died while it lay idle is replaced: nothing was sent on it yet.
    fn begun(&mut self) -> DbResult<Conn> {
        if let Some(mut conn) = self.conn.take() {
            match conn.begin(self.mode) {
                Err(error) if error.class() == Class::Unavailable => {
                    tracing::debug!(writer = self.name, %error, "connecting again");
                }
                begun => return begun.map(|()| conn),
            }
        }
        let mut conn = self.database.connect()?;
        conn.begin(self.mode)?;
        Ok(conn)
    }
}

fn unavailable<V>(verdicts: Verdicts<V>) {
    verdicts.into_iter().for_each(|to| tell(to, Err(SubmitError::Unavailable)));
}

/// A submitter that stopped waiting is no failure.
fn tell<V>(to: oneshot::Sender<Result<V, SubmitError>>, verdict: Result<V, SubmitError>) {
    drop(to.send(verdict));
}
