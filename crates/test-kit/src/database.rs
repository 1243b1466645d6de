//! A database for each test: fresh, its own, gone afterwards. On both engines, and never one without the other: a
//! missing PostgreSQL is a failure.

use crate::cluster;
use db::{Database, DatabaseUrl, Options};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, RunQueryDsl as _};
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

pub use crate::cluster::Cluster;
pub use db::Backend;

/// A fresh database on each engine, one after the other, for `for database in both() { … }`.
pub fn both() -> impl Iterator<Item = TestDatabase> {
    [sqlite as fn() -> TestDatabase, postgres].into_iter().map(|make| {
        let database = make();
        #[expect(clippy::print_stderr, reason = "shown when the test fails: on which engine")]
        {
            eprintln!("--- on {:?}", database.backend());
        }
        database
    })
}

/// A fresh database on the shared private PostgreSQL server.
pub fn postgres() -> TestDatabase {
    postgres_on(cluster::shared())
}

/// A fresh database on a server of the test's own.
pub fn postgres_on(server: &str) -> TestDatabase {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    // One of the same name was left by a process of the same number that died.
    run_on(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    run_on(server, &format!("CREATE DATABASE {name}"));
    TestDatabase(Kind::Postgres { server: server.to_owned(), name })
}

/// A fresh folder for SQLite files: one for each schema.
pub fn sqlite() -> TestDatabase {
    TestDatabase(Kind::Sqlite(TempDir::with_prefix("crm-sqlite.").expect("a temporary folder can be made")))
}

/// A database of the test's own, dropped with it. It holds as many schemas (SQLite: files) as the test opens.
#[derive(Debug)]
pub struct TestDatabase(Kind);

#[derive(Debug)]
enum Kind {
    Postgres { server: String, name: String },
    Sqlite(TempDir),
}

impl TestDatabase {
    /// Which engine.
    pub fn backend(&self) -> Backend {
        match self.0 {
            Kind::Postgres { .. } => Backend::Postgres,
            Kind::Sqlite(_) => Backend::Sqlite,
        }
    }

    /// The `DATABASE_URL` for a service whose schema is `schema`.
    pub fn url_text(&self, schema: &str) -> String {
        match &self.0 {
            Kind::Postgres { server, name } => with_name(server, name),
            Kind::Sqlite(folder) => {
                format!("sqlite:{}", folder.path().join(format!("{schema}.db")).display())
            }
        }
    }

    /// As [`TestDatabase::url_text`], read.
    pub fn url(&self, schema: &str) -> DatabaseUrl {
        self.url_text(schema).parse().expect("a good address")
    }

    /// Opens `schema`, which is made if it is missing. Each call is a pool of its own, as another replica has.
    pub fn open(&self, schema: &str) -> Database {
        self.open_with(schema, &Options::default())
    }

    /// As [`TestDatabase::open`], with options.
    pub fn open_with(&self, schema: &str, options: &Options) -> Database {
        self.run(schema, &format!("CREATE SCHEMA IF NOT EXISTS {schema}"), "");
        Database::open(self.url(schema), schema, options).expect("a good name and options")
    }

    /// Runs SQL of each engine's own in `schema`, several statements if need be; none when it is empty.
    pub fn run(&self, schema: &str, postgres: &str, sqlite: &str) {
        match &self.0 {
            Kind::Postgres { server, name } if !postgres.is_empty() => {
                let sql = format!("SET search_path = {schema}; {postgres}");
                run_on(&with_name(server, name), &sql);
            }
            Kind::Sqlite(folder) if !sqlite.is_empty() => {
                let path = folder.path().join(format!("{schema}.db"));
                let mut conn = diesel::SqliteConnection::establish(path.to_str().expect("a path in UTF-8"))
                    .expect("the SQLite file can be opened");
                conn.batch_execute("PRAGMA busy_timeout = 5000").expect("SQLite takes a timeout");
                conn.batch_execute(sqlite).unwrap_or_else(|error| panic!("{sqlite}: {error}"));
            }
            _ => {}
        }
    }

    /// Every row of every table in every schema, as text, bytes that are letters as letters; none on SQLite, whose files can be read.
    pub fn rows(&self) -> Vec<String> {
        let Kind::Postgres { server, name } = &self.0 else { return Vec::new() };
        let mut conn =
            PgConnection::establish(&with_name(server, name)).expect("the database can be reached");
        conn.batch_execute("SET bytea_output = 'escape'").expect("PostgreSQL takes a format");
        let mut texts = |sql: &str| -> Vec<String> {
            let rows = diesel::sql_query(sql).load::<Text>(&mut conn);
            rows.unwrap_or_else(|error| panic!("{sql}: {error}")).into_iter().map(|row| row.text).collect()
        };
        let tables = texts(
            "SELECT format('%I.%I', schemaname, tablename) AS text FROM pg_tables
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
        );
        tables.iter().flat_map(|table| texts(&format!("SELECT t::text AS text FROM {table} t"))).collect()
    }

    /// Ends every session on this database from outside, as a failing server would; nothing on SQLite.
    pub fn end_sessions(&self) {
        let Kind::Postgres { server, name } = &self.0 else { return };
        let others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity";
        run_on(server, &format!("{others} WHERE datname = '{name}'"));
    }
}

#[derive(diesel::QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Kind::Postgres { server, name } = &self.0 else { return };
        // The server may be stopped, or gone before us: then so is the database.
        if let Ok(mut conn) = PgConnection::establish(server) {
            drop(conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
        }
    }
}

fn run_on(url: &str, sql: &str) {
    let mut conn =
        PgConnection::establish(url).unwrap_or_else(|error| panic!("PostgreSQL for tests: {error}"));
    // Each on its own: databases can't be made inside a transaction.
    conn.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The same server's address with another database.
fn with_name(server: &str, name: &str) -> String {
    let (base, query) = server.split_once('?').unwrap_or((server, ""));
    let (scheme, rest) = base.split_once("://").expect("an address with a scheme");
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    format!("{scheme}://{host}/{name}?{query}")
}
