//! Opens connections as the house wants them, and hands them to the pool. It runs no query of a service.

use crate::conn::{Backend, Conn};
use crate::error::{Class, DbError, DbResult};
use crate::url::DatabaseUrl;
use diesel::connection::{CacheSize, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::ConnectionError;
use diesel::sql_types::Bool;
use diesel::sqlite::SqliteConnection;
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

/// Each `PRAGMA` runs on its own, in this order: the timeout first, so that the others wait for a lock.
/// `synchronous=FULL` makes every commit an fsync: an answer of 2xx means durable.
const SQLITE_SETTINGS: [&str; 4] = [
    "PRAGMA busy_timeout = 1000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
];

/// How often a setting is tried while the file is locked, and the pause between two tries: a second in all, as `busy_timeout`.
const SETTING_TRIES: u32 = 100;
const SETTING_PAUSE: Duration = Duration::from_millis(10);

/// What it takes to open a session.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    url: DatabaseUrl,
    schema: String,
}

impl Connector {
    /// `schema` becomes part of a connection string: the caller has checked it.
    pub(crate) fn new(url: DatabaseUrl, schema: String) -> Self {
        Self { url, schema }
    }

    pub(crate) fn backend(&self) -> Backend {
        self.url.backend()
    }

    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    pub(crate) fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// A session that serves requests.
    pub(crate) fn open(&self) -> DbResult<Conn> {
        self.open_with(true)
    }

    /// A session for migrations: without time limits.
    pub(crate) fn open_unlimited(&self) -> DbResult<Conn> {
        self.open_with(false)
    }

    fn open_with(&self, limits: bool) -> DbResult<Conn> {
        match (self.url.postgres(&self.schema, limits), self.url.sqlite_path()) {
            (Some(told), _) => {
                let mut conn = PgConnection::establish(&told).map_err(|error| refused(&self.url, error))?;
                check_durable(&mut conn)?;
                if self.url.is_pooled() {
                    // A statement's name is the session's, and the next transaction has another session: it would meet a stranger's.
                    conn.set_prepared_statement_cache_size(CacheSize::Disabled);
                }
                Ok(Conn::from(conn))
            }
            (None, Some(path)) => Ok(Conn::from(open_sqlite(path)?)),
            (None, None) => Err(DbError::broken("a database address of neither engine")),
        }
    }
}

/// Sessions are told `synchronous_commit=on`; the operator's own options come after it, and PgBouncer passes none on. Where it is off all
/// the same, what is acknowledged might be lost, so nothing is served.
fn check_durable(conn: &mut PgConnection) -> DbResult<()> {
    let off = diesel::sql_query("select current_setting('synchronous_commit') = 'off' as off");
    match off.get_result::<Durability>(conn)?.off {
        true => Err(DbError::unavailable(
            "synchronous_commit is off for these sessions: what is acknowledged could be lost; set it to on for the role, or in DATABASE_URL",
        )),
        false => Ok(()),
    }
}

#[derive(QueryableByName)]
struct Durability {
    #[diesel(sql_type = Bool)]
    off: bool,
}

/// libpq's message, unless it quotes a password of the address.
fn refused(url: &DatabaseUrl, error: ConnectionError) -> DbError {
    if url.is_quoted_in(&error.to_string()) {
        return DbError::unavailable(
            "the server can't be reached or refused; the message is withheld because it quotes the address",
        );
    }
    error.into()
}

fn open_sqlite(path: &Path) -> DbResult<SqliteConnection> {
    create_private(path)?;
    let path =
        path.to_str().ok_or_else(|| DbError::unavailable("the path of the SQLite file is not UTF-8"))?;
    // SQLite reads a name that begins with `file:` as a URI.
    let path = if path.starts_with("file:") { format!("./{path}") } else { path.to_owned() };
    let mut conn = SqliteConnection::establish(&path)?;
    for setting in SQLITE_SETTINGS {
        set(&mut conn, setting)?;
    }
    Ok(conn)
}

/// The first sessions of a new file all turn it to WAL. SQLite does not heed `busy_timeout` there, as two that wait for each other
/// would wait for ever (sqlite3_busy_handler, "deadlock"): so the wait is here.
fn set(conn: &mut SqliteConnection, setting: &str) -> DbResult<()> {
    let mut tries = 1;
    loop {
        match conn.batch_execute(setting).map_err(DbError::from) {
            Err(error) if error.class() == Class::Busy && tries < SETTING_TRIES => {
                std::thread::sleep(SETTING_PAUSE);
                tries += 1;
            }
            done => return done,
        }
    }
}

/// Creates the file for its owner alone, if it is not there: it will hold people's data. SQLite gives the files beside
/// it the same mode.
fn create_private(path: &Path) -> DbResult<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(DbError::Unavailable(error.into())),
    }
}

impl r2d2::ManageConnection for Connector {
    type Connection = Conn;
    type Error = DbError;

    fn connect(&self) -> DbResult<Conn> {
        self.open()
    }

    fn is_valid(&self, conn: &mut Conn) -> DbResult<()> {
        conn.ping()
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        conn.is_broken()
    }
}

/// Tells the log why the pool could not connect; the pool tries again by itself.
#[derive(Debug)]
pub(crate) struct LogFailures;

impl r2d2::HandleError<DbError> for LogFailures {
    fn handle_error(&self, error: DbError) {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(cause, "no connection to the database");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_quotes_the_password_is_withheld() {
        let url: DatabaseUrl = "postgres://u:s%40cretpw@h/d".parse().unwrap();
        for (said, is_kept) in [
            ("connection refused by \"h\"", true),
            ("could not translate host name \"s@cretpw\"", false),
            ("invalid percent-encoded token: \"s%40cretpw\"", false),
        ] {
            let error = refused(&url, ConnectionError::BadConnection(said.to_owned()));
            assert_eq!(error.class(), Class::Unavailable);
            assert!(!format!("{error:?}").contains("cretpw"), "{error:?}");
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(cause.contains(said), is_kept, "{cause}");
        }
    }
}
