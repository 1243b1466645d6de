//! What can go wrong with a database, sorted by what a caller does about it. Every SQL error enters here.
//!
//! diesel passes no SQLSTATE on, only a kind for some. What has none is sorted by structure (an error with a position
//! in the statement is the statement's) and else by its English text, so a PostgreSQL server's `lc_messages` should be
//! English (`C`); [`crate::migrate`] warns when it is not.

use diesel::result::{ConnectionError, DatabaseErrorInformation, DatabaseErrorKind as Kind, Error as Diesel};
use std::error::Error as StdError;

/// The result of work on a database.
pub type DbResult<T> = Result<T, DbError>;

/// The cause, for the log: what the engine or its client said. Errors over values have none, since it would quote them.
type Cause = Box<dyn StdError + Send + Sync>;

/// What went wrong. Match on the variant, or on [`DbError::class`]; the cause is for the log alone. No variant holds a value that
/// was stored or was to be.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No database to talk to: away, stopping, full, or all connections taken. Nothing is known to have been stored.
    #[error("the database is unavailable")]
    Unavailable(#[source] Cause),
    /// Others were in the way (deadlock, serialization failure, lock), still so after retries. Nothing was stored.
    #[error("the database is busy")]
    Busy(#[source] Cause),
    /// A unique key is taken. Holds the constraint's name on PostgreSQL, `table.column, …` on SQLite.
    #[error("a unique key is taken: {constraint}")]
    Conflict {
        /// Which key.
        constraint: String,
    },
    /// The database, or its type, refuses a value: out of range, too long, another constraint broken. Holds what was broken and
    /// where, by names of the schema.
    #[error("the database refuses a value: {0}")]
    Data(String),
    /// The fault is in our statement, schema or stored data. Trying again won't help.
    #[error("the database can't do what was asked")]
    Broken(#[source] Cause),
}

/// The variants of [`DbError`] without their causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// See [`DbError::Unavailable`].
    Unavailable,
    /// See [`DbError::Busy`].
    Busy,
    /// See [`DbError::Conflict`].
    Conflict,
    /// See [`DbError::Data`].
    Data,
    /// See [`DbError::Broken`].
    Broken,
}

impl DbError {
    /// Which kind of trouble this is.
    pub fn class(&self) -> Class {
        match self {
            Self::Unavailable(_) => Class::Unavailable,
            Self::Busy(_) => Class::Busy,
            Self::Conflict { .. } => Class::Conflict,
            Self::Data(_) => Class::Data,
            Self::Broken(_) => Class::Broken,
        }
    }

    /// True when the same call may succeed later with nothing changed: answer 503, or wait and try again.
    pub fn is_transient(&self) -> bool {
        matches!(self.class(), Class::Unavailable | Class::Busy)
    }

    /// The same error, of an insertion of what was not there a moment ago: that a key is taken now means that others were faster with it,
    /// and that the transaction is to be run again.
    #[must_use]
    pub fn of_race(self) -> Self {
        match self {
            Self::Conflict { constraint } => {
                Self::Busy(format!("others were faster with {constraint}").into())
            }
            other => other,
        }
    }

    /// A fault of ours, said in a sentence: for queries that find what their schema rules out.
    pub fn broken(what: impl Into<String>) -> Self {
        Self::Broken(what.into().into())
    }

    pub(crate) fn unavailable(what: impl Into<String>) -> Self {
        Self::Unavailable(what.into().into())
    }
}

impl From<Diesel> for DbError {
    fn from(error: Diesel) -> Self {
        match class_of(&error) {
            Class::Unavailable => Self::Unavailable(error.into()),
            Class::Busy => Self::Busy(error.into()),
            Class::Conflict => Self::Conflict { constraint: constraint_of(&error) },
            Class::Data => Self::Data(refusal_of(&error)),
            Class::Broken => Self::Broken(error.into()),
        }
    }
}

impl From<ConnectionError> for DbError {
    fn from(error: ConnectionError) -> Self {
        Self::Unavailable(error.into())
    }
}

fn class_of(error: &Diesel) -> Class {
    match error {
        Diesel::DatabaseError(kind, info) => match kind {
            Kind::UniqueViolation => Class::Conflict,
            Kind::SerializationFailure => Class::Busy,
            Kind::UnableToSendCommand | Kind::ClosedConnection | Kind::ReadOnlyTransaction => {
                Class::Unavailable
            }
            Kind::ForeignKeyViolation
            | Kind::RestrictViolation
            | Kind::NotNullViolation
            | Kind::CheckViolation
            | Kind::ExclusionViolation => Class::Data,
            _ => class_of_text(info.as_ref()),
        },
        Diesel::SerializationError(_) | Diesel::InvalidCString(_) | Diesel::IntegerConversion(_) => {
            Class::Data
        }
        // The state of the connection is lost, and with it what the transaction came to.
        Diesel::BrokenTransactionManager => Class::Unavailable,
        Diesel::RollbackErrorOnCommit { commit_error, .. } => match class_of(commit_error) {
            Class::Busy | Class::Unavailable => Class::Unavailable,
            other => other,
        },
        _ => Class::Broken,
    }
}

/// Beginnings of messages, lower case, of both engines. Sources: PostgreSQL's `src/backend` (English), SQLite's
/// `sqlite3ErrStr`.
const TEXTS: [(&str, Class); 25] = [
    ("deadlock detected", Class::Busy),
    ("could not serialize", Class::Busy),
    ("could not obtain lock", Class::Busy),
    ("canceling statement due to lock timeout", Class::Busy),
    ("database is locked", Class::Busy),
    ("database table is locked", Class::Busy),
    ("database schema is locked", Class::Busy),
    ("canceling statement", Class::Unavailable),
    ("terminating connection", Class::Unavailable),
    ("server closed the connection", Class::Unavailable),
    ("the database system is", Class::Unavailable),
    // A file that can't be opened, extended, read, written or flushed; memory, sockets.
    ("could not ", Class::Unavailable),
    ("out of memory", Class::Unavailable),
    ("out of shared memory", Class::Unavailable),
    ("too many connections", Class::Unavailable),
    ("sorry, too many clients", Class::Unavailable),
    ("remaining connection slots", Class::Unavailable),
    ("database or disk is full", Class::Unavailable),
    ("disk i/o error", Class::Unavailable),
    ("unable to open database file", Class::Unavailable),
    ("attempt to write a readonly database", Class::Unavailable),
    ("string or blob too big", Class::Data),
    ("datatype mismatch", Class::Data),
    ("permission denied", Class::Broken),
    ("current transaction is aborted", Class::Broken),
];

fn class_of_text(info: &(dyn DatabaseErrorInformation + Send + Sync)) -> Class {
    // PostgreSQL: errors of parsing and naming carry a position, errors over values and of the machine don't.
    if info.statement_position().is_some() {
        return Class::Broken;
    }
    let message = info.message().to_ascii_lowercase();
    if let Some((_, class)) = TEXTS.iter().find(|(start, _)| message.starts_with(start)) {
        return *class;
    }
    // SQLite says `no such table`, `near "x": syntax error`, …: the statement's fault, and it has no other left.
    if sqlite_says(&message) { Class::Broken } else { Class::Data }
}

fn sqlite_says(message: &str) -> bool {
    const STARTS: [&str; 9] = [
        "no such ",
        "near \"",
        "incomplete input",
        "database disk image is malformed",
        "file is not a database",
        "table ",
        "unrecognized token",
        "bad parameter",
        "not an error",
    ];
    STARTS.iter().any(|start| message.starts_with(start))
}

fn constraint_of(error: &Diesel) -> String {
    let Some((_, info)) = said_by_database(error) else { return String::new() };
    match info.constraint_name() {
        Some(name) => name.to_owned(),
        None => info.message().strip_prefix("UNIQUE constraint failed: ").unwrap_or_default().to_owned(),
    }
}

/// What a refused value broke, and where. Of the database's own words only SQLite's on constraints are passed on, which name
/// them; all others may quote the value.
fn refusal_of(error: &Diesel) -> String {
    let Some((kind, info)) = said_by_database(error) else {
        return "its type can't hold it".to_owned();
    };
    if ["CHECK", "FOREIGN KEY", "NOT NULL"].iter().any(|what| {
        info.message().strip_prefix(what).is_some_and(|rest| rest.starts_with(" constraint failed"))
    }) {
        return info.message().to_owned();
    }
    let names = [info.table_name(), info.column_name(), info.constraint_name()];
    names.into_iter().flatten().fold(format!("{kind:?}"), |said, name| format!("{said} {name}"))
}

type Info<'a> = &'a (dyn DatabaseErrorInformation + Send + Sync);

fn said_by_database(error: &Diesel) -> Option<(&Kind, Info<'_>)> {
    match error {
        Diesel::DatabaseError(kind, info) => Some((kind, info.as_ref())),
        Diesel::RollbackErrorOnCommit { commit_error, .. } => said_by_database(commit_error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, DbError, Diesel, Kind, StdError as _};

    #[test]
    fn trouble_of_the_machine_is_no_fault_of_a_row() {
        for said in [
            "could not open file \"base/5/16384\": Too many open files",
            "could not create file \"base/5/16385\": No space left on device",
            "could not read block 7 in file \"base/5/16384\": Input/output error",
            "could not resize shared memory segment \"/PostgreSQL.1\" to 8 bytes: No space left on device",
            "could not extend file \"base/5/16384\": No space left on device",
            "out of shared memory",
        ] {
            let error = DbError::from(Diesel::DatabaseError(Kind::Unknown, Box::new(said.to_owned())));
            assert_eq!(error.class(), Class::Unavailable, "{said}");
        }
        let busy = Box::new("could not serialize access due to concurrent update".to_owned());
        assert_eq!(DbError::from(Diesel::DatabaseError(Kind::Unknown, busy)).class(), Class::Busy);
    }

    #[test]
    fn errors_over_values_do_not_quote_them() {
        for kind in [Kind::Unknown, Kind::CheckViolation, Kind::UniqueViolation] {
            let said = "invalid input for bigint: \"someone@example.test\" constraint failed: ".to_owned();
            let error = DbError::from(Diesel::DatabaseError(kind, Box::new(said)));
            assert!(matches!(error.class(), Class::Data | Class::Conflict), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("someone"), "{error:?}");
            assert!(error.source().is_none(), "{error:?}");
        }
    }
}
