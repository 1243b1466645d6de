//! Brings a schema to where the code needs it, and tells whether it is there. It runs what services embedded, and
//! nothing else; a service's own process only asks.

use crate::conn::{Conn, Mode};
use crate::database::{Database, at_start, blocking};
use crate::error::{DbError, DbResult};
use crate::on_backend;
use crate::schema::__diesel_schema_migrations;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};
use std::time::Duration;

/// A service's migrations, for both engines or for SQLite alone. Made by [`migrations!`](crate::migrations!), kept in a `static`.
pub struct Migrations {
    postgres: Option<EmbeddedMigrations>,
    sqlite: EmbeddedMigrations,
}

/// Embeds a service's migrations: the two folders, relative to the crate's `Cargo.toml`.
///
/// ```text
/// pub static MIGRATIONS: db::Migrations =
///     db::migrations!("../../migrations/audit-log/postgres", "../../migrations/audit-log/sqlite");
/// ```
///
/// Tables that only a file of SQLite ever has say so: `db::migrations!(sqlite alone: "…")`.
///
/// cargo does not see that folders changed. The crate's `build.rs` tells it:
///
/// ```
/// println!("cargo::rerun-if-changed=../../migrations/audit-log");
/// ```
#[macro_export]
macro_rules! migrations {
    ($postgres:literal, $sqlite:literal) => {{
        use $crate::diesel_migrations;
        $crate::Migrations::new(
            Some(diesel_migrations::embed_migrations!($postgres)),
            diesel_migrations::embed_migrations!($sqlite),
        )
    }};
    (sqlite alone: $sqlite:literal) => {{
        use $crate::diesel_migrations;
        $crate::Migrations::new(None, diesel_migrations::embed_migrations!($sqlite))
    }};
}

/// Keeps migrations of all services, and of all replicas, one after the other. A number of our own choosing.
const LOCK: &str = "SELECT pg_advisory_xact_lock(4710209837)";

/// How often the schema is looked at while jobs wait for it.
const POLL: Duration = Duration::from_millis(200);

impl Migrations {
    /// For [`migrations!`](crate::migrations!).
    #[doc(hidden)]
    pub const fn new(postgres: Option<EmbeddedMigrations>, sqlite: EmbeddedMigrations) -> Self {
        Self { postgres, sqlite }
    }

    fn postgres(&'static self) -> DbResult<&'static EmbeddedMigrations> {
        self.postgres.as_ref().ok_or_else(|| DbError::broken("these tables are for SQLite alone"))
    }

    /// Runs what has not run yet, in one transaction: all of it or nothing. Others who migrate wait. On PostgreSQL the
    /// schema is created if it is missing and the role may. Returns the versions that ran, oldest first.
    ///
    /// # Errors
    /// `Broken` when a migration fails, or the schema is missing and the role may not create it; `Unavailable`.
    pub async fn run(&'static self, database: &Database) -> DbResult<Vec<String>> {
        let database = database.clone();
        blocking(move || self.locked(&database, Self::run_pending)).await
    }

    /// As [`Migrations::run`], for a file that has to be ready before its owner starts. It returns when all is done, and may be called
    /// where blocking is else forbidden: the work is done on a thread of its own.
    ///
    /// # Errors
    /// As [`Migrations::run`].
    pub fn run_at_start(&'static self, database: &Database) -> DbResult<Vec<String>> {
        at_start(|| self.locked(database, Self::run_pending))
    }

    fn run_pending(&'static self, conn: &mut Conn) -> DbResult<Vec<String>> {
        match conn {
            Conn::Postgres(c) => names(c.run_pending_migrations(Borrowed(self.postgres()?))),
            Conn::Sqlite(c) => names(c.run_pending_migrations(Borrowed(&self.sqlite))),
        }
    }

    /// Undoes all that ran, newest first, in one transaction. For tests of `down.sql`, and for a person who means it.
    ///
    /// # Errors
    /// As [`Migrations::run`].
    pub async fn revert_all(&'static self, database: &Database) -> DbResult<Vec<String>> {
        let database = database.clone();
        let revert = |migrations: &'static Self, conn: &mut Conn| match conn {
            Conn::Postgres(c) => names(c.revert_all_migrations(Borrowed(migrations.postgres()?))),
            Conn::Sqlite(c) => names(c.revert_all_migrations(Borrowed(&migrations.sqlite))),
        };
        blocking(move || self.locked(&database, revert)).await
    }

    /// True when all migrations this code knows have run. More may have: the next version's code migrates first.
    /// Changes nothing, and needs no right to.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn is_current(&'static self, database: &Database) -> DbResult<bool> {
        database
            .read(move |conn| {
                if !has_migrated(conn)? {
                    return Ok(false);
                }
                let table = __diesel_schema_migrations::table;
                let ran: Vec<String> =
                    on_backend!(&mut *conn, |c| table.select(__diesel_schema_migrations::version).load(c))?;
                let known = match conn {
                    Conn::Postgres(_) => versions::<diesel::pg::Pg>(self.postgres()?)?,
                    Conn::Sqlite(_) => versions::<diesel::sqlite::Sqlite>(&self.sqlite)?,
                };
                Ok(known.iter().all(|version| ran.contains(version)))
            })
            .await
    }

    /// For readiness: an error while the schema is not current. The future holds what it needs by itself.
    ///
    /// # Errors
    /// `Broken` when migrations are still to run; `Unavailable`.
    pub fn require_current(
        &'static self,
        database: &Database,
    ) -> impl Future<Output = DbResult<()>> + Send + use<> {
        let database = database.clone();
        async move {
            match self.is_current(&database).await? {
                true => Ok(()),
                false => Err(DbError::broken("the schema is not current: run the migrations")),
            }
        }
    }

    /// For jobs: waits, and complains to nobody, until the schema is current. False when `stop` came first.
    pub async fn until_current(&'static self, database: &Database, stop: impl Future<Output = ()>) -> bool {
        let waiting = async {
            while let Err(error) = self.require_current(database).await {
                tracing::debug!(%error, schema = database.schema(), "waiting for the schema");
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::select! {
            () = waiting => true,
            () = stop => false,
        }
    }

    /// Blocks: not for async code.
    fn locked(
        &'static self,
        database: &Database,
        work: fn(&'static Self, &mut Conn) -> DbResult<Vec<String>>,
    ) -> DbResult<Vec<String>> {
        let _turn = database.blocking_turn();
        let mut conn = database.connect_unlimited()?;
        conn.transaction(Mode::Exclusive, |conn| {
            prepare(conn, database.schema())?;
            work(self, conn)
        })
    }
}

/// The lock, and the schema.
fn prepare(conn: &mut Conn, schema: &str) -> DbResult<()> {
    let Conn::Postgres(c) = conn else { return Ok(()) };
    diesel::sql_query(LOCK).execute(c)?;
    let there: Truth = diesel::sql_query("SELECT to_regnamespace($1) IS NOT NULL AS truth")
        .bind::<Text, _>(schema)
        .get_result(c)?;
    if !there.truth {
        diesel::sql_query(format!("CREATE SCHEMA {schema}")).execute(c)?;
        tracing::info!(schema, "created the schema");
    }
    let english: Truth = diesel::sql_query(
        "SELECT current_setting('lc_messages') ~ '^(C|POSIX|en)' OR current_setting('lc_messages') = '' AS truth",
    )
    .get_result(c)?;
    if !english.truth {
        tracing::warn!(
            "the server's lc_messages is not English: some errors will be taken for others; set it to C"
        );
    }
    let flushed: Truth =
        diesel::sql_query("SELECT current_setting('fsync') = 'on' AS truth").get_result(c)?;
    if !flushed.truth {
        tracing::warn!("the server runs with fsync=off: what it acknowledges is lost when the machine fails");
    }
    Ok(())
}

fn has_migrated(conn: &mut Conn) -> DbResult<bool> {
    let truth: Truth = match conn {
        Conn::Postgres(c) => {
            diesel::sql_query("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS truth")
                .get_result(c)?
        }
        Conn::Sqlite(c) => diesel::sql_query(
            "SELECT count(*) > 0 AS truth FROM sqlite_master WHERE name = '__diesel_schema_migrations'",
        )
        .get_result(c)?,
    };
    Ok(truth.truth)
}

#[derive(QueryableByName)]
struct Truth {
    #[diesel(sql_type = Bool)]
    truth: bool,
}

/// diesel takes sources by value; ours lie in a `static`.
struct Borrowed(&'static EmbeddedMigrations);

impl<DB: diesel::backend::Backend> MigrationSource<DB> for Borrowed {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<DB>>>> {
        self.0.migrations()
    }
}

fn versions<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> DbResult<Vec<String>> {
    let migrations = MigrationSource::<DB>::migrations(source).map_err(DbError::Broken)?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

fn names(ran: diesel::migration::Result<Vec<MigrationVersion<'_>>>) -> DbResult<Vec<String>> {
    match ran {
        Ok(versions) => Ok(versions.iter().map(ToString::to_string).collect()),
        Err(error) => Err(DbError::Broken(error)),
    }
}
