//! One connection to either engine, and transactions on it. It opens no connection and knows no pool.

use crate::error::{DbError, DbResult};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::r2d2::R2D2Connection;
use diesel::sqlite::SqliteConnection;

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// PostgreSQL: production.
    Postgres,
    /// SQLite: one machine.
    Sqlite,
}

/// A connection to either engine. Queries go through [`on_backend!`](crate::on_backend), or, where a hot path earns an
/// arm of its own for each engine, through a `match`.
pub enum Conn {
    /// A session in PostgreSQL, its `search_path` at the service's schema.
    Postgres(PgConnection),
    /// A handle on a SQLite file.
    Sqlite(SqliteConnection),
}

/// Runs one diesel expression on whichever engine `conn` is of, type-checked for each.
///
/// ```
/// # use diesel::prelude::*;
/// # diesel::table! { seen (key) { key -> Text } }
/// # #[derive(Insertable)] #[diesel(table_name = seen, treat_none_as_default_value = false)] struct Row { key: String }
/// fn insert_new(conn: &mut db::Conn, rows: &[Row]) -> db::DbResult<Vec<String>> {
///     Ok(db::on_backend!(conn, |c| diesel::insert_into(seen::table)
///         .values(rows)
///         .on_conflict(seen::key)
///         .do_nothing()
///         .returning(seen::key)
///         .get_results(c))?)
/// }
/// ```
#[macro_export]
macro_rules! on_backend {
    ($conn:expr, |$c:ident| $body:expr) => {
        match $conn {
            $crate::Conn::Postgres($c) => $body,
            $crate::Conn::Sqlite($c) => $body,
        }
    };
}

/// How a transaction opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One snapshot for all statements; PostgreSQL refuses writes in it.
    Read,
    /// SQLite takes its one write lock at once, so that it never fails half-way for want of it.
    Write,
    /// As `Write`, and on SQLite readers are kept out too: for migrations.
    Exclusive,
}

impl Mode {
    fn begin(self, backend: Backend) -> &'static str {
        match (backend, self) {
            (Backend::Postgres, Self::Read) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            // Whatever the server's default: who waited for a lock is to see what it was for.
            (Backend::Postgres, _) => "BEGIN ISOLATION LEVEL READ COMMITTED",
            (Backend::Sqlite, Self::Read) => "BEGIN",
            (Backend::Sqlite, Self::Write) => "BEGIN IMMEDIATE",
            (Backend::Sqlite, Self::Exclusive) => "BEGIN EXCLUSIVE",
        }
    }
}

impl Conn {
    /// Which engine this is.
    pub fn backend(&self) -> Backend {
        match self {
            Self::Postgres(_) => Backend::Postgres,
            Self::Sqlite(_) => Backend::Sqlite,
        }
    }

    /// Runs `work` so that its failure undoes it alone: on PostgreSQL a statement that fails spoils the whole
    /// transaction unless it ran in one of these. Call it inside [`Database::write`](crate::Database::write).
    ///
    /// # Errors
    /// What `work` returned, or what happened to the savepoint itself.
    pub fn savepoint<T>(&mut self, work: impl FnOnce(&mut Self) -> DbResult<T>) -> DbResult<T> {
        crate::on_backend!(&mut *self, |c| AnsiTransactionManager::begin_transaction(c))?;
        match work(self) {
            Ok(value) => {
                crate::on_backend!(self, |c| AnsiTransactionManager::commit_transaction(c))?;
                Ok(value)
            }
            Err(error) => {
                self.rollback()?;
                Err(error)
            }
        }
    }

    /// Begins, runs `work`, and commits when it returned `Ok`, else rolls back.
    pub(crate) fn transaction<T>(
        &mut self,
        mode: Mode,
        work: impl FnOnce(&mut Self) -> DbResult<T>,
    ) -> DbResult<T> {
        self.begin(mode)?;
        self.finish(work)
    }

    pub(crate) fn begin(&mut self, mode: Mode) -> DbResult<()> {
        let sql = mode.begin(self.backend());
        Ok(crate::on_backend!(self, |c| AnsiTransactionManager::begin_transaction_sql(c, sql))?)
    }

    /// The second half of [`Conn::transaction`], after [`Conn::begin`].
    pub(crate) fn finish<T>(&mut self, work: impl FnOnce(&mut Self) -> DbResult<T>) -> DbResult<T> {
        match work(self).and_then(|value| self.commit().map(|()| value)) {
            Ok(value) => Ok(value),
            Err(error) => {
                // The first error says what happened; a connection that can't roll back either is broken, and its
                // owner drops it.
                if self.is_open()
                    && let Err(also) = self.rollback()
                {
                    tracing::debug!(error = %also, "rollback failed");
                }
                Err(error)
            }
        }
    }

    fn commit(&mut self) -> DbResult<()> {
        match self {
            // PostgreSQL answers the COMMIT of a spoiled transaction with success and a rollback: had `work`
            // swallowed an error, we would acknowledge what was never stored. In such a transaction the SELECT fails.
            // diesel takes the transaction's end from libpq.
            Self::Postgres(c) => Ok(c.batch_execute("SELECT 1; COMMIT")?),
            Self::Sqlite(c) => Ok(AnsiTransactionManager::commit_transaction(c)?),
        }
    }

    fn rollback(&mut self) -> DbResult<()> {
        Ok(crate::on_backend!(self, |c| AnsiTransactionManager::rollback_transaction(c))?)
    }

    /// True inside a transaction.
    fn is_open(&mut self) -> bool {
        let depth = crate::on_backend!(self, |c| {
            AnsiTransactionManager::transaction_manager_status_mut(c).transaction_depth()
        });
        matches!(depth, Ok(Some(_)))
    }

    /// Asks the server whether it is there. A simple query, in one message: outside of a transaction, PgBouncer may hand a second one
    /// to another session.
    pub(crate) fn ping(&mut self) -> DbResult<()> {
        self.execute_batch("SELECT 1")
    }

    /// True when the connection must not be used again. Asks nobody.
    pub(crate) fn is_broken(&mut self) -> bool {
        std::thread::panicking() || crate::on_backend!(self, |c| c.is_broken())
    }

    /// Runs SQL text: several statements, no parameters. For migrations' frames and for tests.
    ///
    /// # Errors
    /// As the first statement that fails.
    pub fn execute_batch(&mut self, sql: &str) -> DbResult<()> {
        Ok(crate::on_backend!(self, |c| c.batch_execute(sql))?)
    }
}

impl From<PgConnection> for Conn {
    fn from(conn: PgConnection) -> Self {
        Self::Postgres(conn)
    }
}

impl From<SqliteConnection> for Conn {
    fn from(conn: SqliteConnection) -> Self {
        Self::Sqlite(conn)
    }
}

impl From<r2d2::Error> for DbError {
    fn from(error: r2d2::Error) -> Self {
        Self::Unavailable(error.into())
    }
}
