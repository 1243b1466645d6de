//! Everything a handler here can fail with, and the problem each is answered as.

use contract::problems::{Code, FieldError};
use db::{DbError, SubmitError};
use http_kit::problem::Failure;

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("parameters of the query are not valid")]
    Parameters(Vec<FieldError>),
    #[error("the cursor is not one of ours, or one of another query")]
    Cursor,
    #[error("there is no such entry")]
    NoEntry,
    #[error("entries can't be appended as they are")]
    BadEntries(Vec<FieldError>),
    #[error("too much waits to be appended")]
    Full,
    #[error("the database could not be written to")]
    NotAppended(#[source] SubmitError),
    #[error("the caller is another service than the one that may")]
    OtherService,
    #[error("the database could not be asked")]
    Database(#[source] DbError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Parameters(errors) => Self::new(Code::InvalidParameter).with_errors(errors),
            Error::Cursor => Self::new(Code::InvalidCursor)
                .with_detail("a cursor goes on with the query that it came from, all filters the same"),
            Error::NoEntry => Self::new(Code::EntryNotFound),
            Error::BadEntries(errors) => Self::new(Code::InvalidParameter)
                .with_detail("the entries named can't be appended as they are")
                .with_errors(errors),
            Error::Full => Self::new(Code::Unavailable).with_detail("too much waits to be appended"),
            Error::NotAppended(cause) => Self::new(code_of(cause.is_transient())).caused_by(cause),
            Error::OtherService => Self::new(Code::PermissionDenied),
            Error::Database(cause) => Self::new(code_of(cause.is_transient())).caused_by(cause),
        }
    }
}

/// Trouble with the database that passes by itself is 503; what does not is our own fault.
fn code_of(transient: bool) -> Code {
    if transient { Code::Unavailable } else { Code::InternalError }
}

/// Why the service does not start. One line that names the setting, where it is one's fault, and never its value.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] http_kit::config::ConfigError),
    /// What works on the database can't be set up; nothing is connected to yet.
    #[error("the pool of connections or a writing thread can't be set up: {0}")]
    Database(#[from] DbError),
    /// It can't listen.
    #[error(transparent)]
    Start(#[from] http_kit::service::StartError),
}
