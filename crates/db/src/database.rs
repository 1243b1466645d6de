//! The door to a service's own database: `read` and `write`, on blocking threads that it limits. It knows no table.

use crate::conn::{Backend, Conn, Mode};
use crate::connect::{Connector, LogFailures};
use crate::error::{Class, DbError, DbResult};
use crate::url::DatabaseUrl;
use scheduled_thread_pool::ScheduledThreadPool;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// The threads that open connections and close idle ones, for all pools of the process: one of its own has three each, and all in one there are a
/// dozen pools.
static OPENERS: LazyLock<Arc<ScheduledThreadPool>> = LazyLock::new(|| {
    let openers = ScheduledThreadPool::builder().num_threads(3).thread_name_pattern("db-open-{}");
    Arc::new(openers.build())
});

/// How often a transaction that others were in the way of is run, at most. On SQLite only another process can be in the way, which
/// `busy_timeout` has waited for already: callers are to hear of it before they lose patience.
fn attempts(backend: Backend) -> u32 {
    match backend {
        Backend::Postgres => 5,
        Backend::Sqlite => 1,
    }
}

/// How a [`Database`] behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections at most, and so queries at a time. Batch writers have one more each.
    pub connections: u32,
    /// How long a call waits for a connection before it is [`DbError::Unavailable`].
    pub checkout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections: 8, checkout: Duration::from_secs(1) }
    }
}

/// A service's database: cheap to clone, all clones share one pool.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    connector: Connector,
    pool: r2d2::Pool<Connector>,
    /// One for each connection: tasks wait here, not threads.
    slots: Arc<Semaphore>,
    /// SQLite has one writer at a time. Waiting here is fair and wakes at once; waiting in SQLite is neither.
    writer: Arc<Mutex<()>>,
    checkout: Duration,
}

impl Database {
    /// The database at `url`, in `schema` (PostgreSQL; `[a-z][a-z0-9_]*`, 1 to 63 characters). Connects to nothing
    /// yet: a database that is away is noticed, and waited for, by each call.
    ///
    /// # Errors
    /// `Broken` when `schema` is no such name, or `options.connections` is 0.
    pub fn open(url: DatabaseUrl, schema: &str, options: &Options) -> DbResult<Self> {
        let plain = schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !plain || schema.len() > 63 || !schema.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(DbError::broken("the schema's name must be [a-z][a-z0-9_]*, at most 63 characters"));
        }
        if options.connections == 0 {
            return Err(DbError::broken("a database needs at least one connection"));
        }
        let connector = Connector::new(url, schema.to_owned());
        let pool = r2d2::Pool::builder()
            .max_size(options.connections)
            .min_idle(Some(0))
            .connection_timeout(options.checkout)
            .test_on_check_out(true)
            .thread_pool(Arc::clone(&OPENERS))
            .error_handler(Box::new(LogFailures))
            .build_unchecked(connector.clone());
        Ok(Self {
            shared: Arc::new(Shared {
                connector,
                pool,
                slots: Arc::new(Semaphore::new(options.connections.try_into().unwrap_or(usize::MAX))),
                writer: Arc::new(Mutex::new(())),
                checkout: options.checkout,
            }),
        })
    }

    /// Which engine.
    pub fn backend(&self) -> Backend {
        self.shared.connector.backend()
    }

    /// The service's schema on PostgreSQL.
    pub fn schema(&self) -> &str {
        self.shared.connector.schema()
    }

    /// Where the database is; shows no secret.
    pub fn url(&self) -> &DatabaseUrl {
        self.shared.connector.url()
    }

    /// Runs queries over one snapshot. On PostgreSQL a write in here is refused.
    ///
    /// `work` runs on a thread that may block. It goes on to its end even when the caller stops waiting.
    ///
    /// # Errors
    /// `Unavailable` when no connection comes in time; else what `work` returned.
    pub async fn read<T, F>(&self, work: F) -> DbResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> DbResult<T> + Send + 'static,
    {
        let (slot, deadline) = self.slot().await?;
        self.on_thread(slot, None, deadline, move |conn| conn.transaction(Mode::Read, work)).await
    }

    /// As [`Database::read`], for what must be known of a file before its owner starts. It returns when that is done, and may be called
    /// where blocking is else forbidden: the work is done on a thread of its own.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub fn read_at_start<T: Send>(&self, work: fn(&mut Conn) -> DbResult<T>) -> DbResult<T> {
        at_start(|| self.connect()?.transaction(Mode::Read, work))
    }

    /// Runs `work` in one transaction, committed when it returns `Ok`. When others were in the way (deadlock,
    /// serialization failure, lock) it is rolled back and run again, so `work` must have no effect but on `conn`.
    ///
    /// # Errors
    /// `Unavailable` when no connection comes in time, or when it dies, in COMMIT too (then nobody knows whether it
    /// was stored: a retry must meet a key); `Busy` when others are in the way again and again; else what `work`
    /// returned.
    pub async fn write<T, F>(&self, mut work: F) -> DbResult<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Conn) -> DbResult<T> + Send + 'static,
    {
        let (slot, deadline) = self.slot().await?;
        let turn = match self.backend() {
            Backend::Postgres => None,
            Backend::Sqlite => Some(
                tokio::time::timeout_at(deadline.into(), Arc::clone(&self.shared.writer).lock_owned())
                    .await
                    .map_err(|_| DbError::unavailable("waited too long to write to SQLite"))?,
            ),
        };
        self.on_thread(slot, turn, deadline, move |conn| {
            retried(conn.backend(), || conn.transaction(Mode::Write, &mut work))
        })
        .await
    }

    /// Asks the database for an answer: readiness.
    ///
    /// # Errors
    /// `Unavailable` when there is none.
    pub async fn ping(&self) -> DbResult<()> {
        let (slot, deadline) = self.slot().await?;
        self.on_thread(slot, None, deadline, Conn::ping).await
    }

    /// A connection of the caller's own, outside the pool. Blocks: not for async code.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) fn connect(&self) -> DbResult<Conn> {
        self.shared.connector.open()
    }

    /// As [`Database::connect`], for migrations: without time limits.
    pub(crate) fn connect_unlimited(&self) -> DbResult<Conn> {
        self.shared.connector.open_unlimited()
    }

    /// The turn to write to SQLite, for a thread that may block; `None` on PostgreSQL, where none is needed.
    pub(crate) fn blocking_turn(&self) -> Option<OwnedMutexGuard<()>> {
        match self.backend() {
            Backend::Postgres => None,
            Backend::Sqlite => Some(Arc::clone(&self.shared.writer).blocking_lock_owned()),
        }
    }

    async fn slot(&self) -> DbResult<(OwnedSemaphorePermit, Instant)> {
        let deadline = Instant::now() + self.shared.checkout;
        let slot = tokio::time::timeout_at(deadline.into(), Arc::clone(&self.shared.slots).acquire_owned());
        match slot.await {
            Ok(Ok(slot)) => Ok((slot, deadline)),
            Ok(Err(_)) | Err(_) => Err(DbError::unavailable("all connections are taken")),
        }
    }

    /// Runs `work` with a connection of the pool on a blocking thread, which holds slot and turn to its end.
    async fn on_thread<T, F>(
        &self,
        slot: OwnedSemaphorePermit,
        turn: Option<OwnedMutexGuard<()>>,
        deadline: Instant,
        work: F,
    ) -> DbResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> DbResult<T> + Send + 'static,
    {
        let pool = self.shared.pool.clone();
        blocking(move || {
            let _held = (slot, turn);
            // A checkout that waited for its slot to the last moment still gets one round trip's time.
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(50));
            work(&mut *pool.get_timeout(left)?)
        })
        .await
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("url", self.url())
            .field("schema", &self.schema())
            .finish_non_exhaustive()
    }
}

/// Runs `work` where it may block.
pub(crate) async fn blocking<T, F>(work: F) -> DbResult<T>
where
    T: Send + 'static,
    F: FnOnce() -> DbResult<T> + Send + 'static,
{
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that limits it: one slot for each connection"
    )]
    let done = tokio::task::spawn_blocking(work);
    match done.await {
        Ok(result) => result,
        Err(error) if error.is_panic() => Err(DbError::Broken("database work panicked".into())),
        Err(error) => Err(DbError::Unavailable(error.into())),
    }
}

/// Runs `work` on a thread of its own, and waits for it.
pub(crate) fn at_start<T: Send>(work: impl FnOnce() -> DbResult<T> + Send) -> DbResult<T> {
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    done.unwrap_or_else(|_| Err(DbError::broken("database work panicked")))
}

/// Runs `attempt` again while others are in the way. The pauses grow, and stay far below a client's patience.
pub(crate) fn retried<T>(backend: Backend, mut attempt: impl FnMut() -> DbResult<T>) -> DbResult<T> {
    let mut tries = 1;
    loop {
        match attempt() {
            Err(error) if error.class() == Class::Busy && tries < attempts(backend) => {
                tracing::debug!(%error, tries, "running the transaction again");
                std::thread::sleep(Duration::from_millis(1 << tries));
                tries += 1;
            }
            done => return done,
        }
    }
}
