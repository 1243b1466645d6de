//! Everything a handler here can fail with, and the problem each is answered as.

use auth::webhook::SignatureError;
use contract::ids::EventId;
use contract::inbox::HeldBecause;
use contract::problems::{Code, FieldError};
use db::{DbError, SubmitError};
use http_kit::problem::Failure;

use crate::db::spool::SpoolError;
use crate::domain::replay::Obstacle;

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the source is unknown")]
    UnknownSource,
    #[error("the signature does not hold")]
    Signature(SignatureError),
    #[error("the signature is right, but not of now")]
    Stale,
    #[error("the delivery is held")]
    Held { because: HeldBecause, event_id: EventId },
    #[error("the event id was used for another event")]
    Reused { event_id: EventId },
    #[error("too much waits to be stored")]
    Full,
    #[error("the delivery was not stored")]
    NotStored(#[source] SubmitError),
    #[error("parameters of the query are not valid")]
    Parameters(Vec<FieldError>),
    #[error("the cursor is not one of ours, or one of another query")]
    Cursor,
    #[error("the body is not JSON")]
    NotJson(String),
    #[error("the body can't be taken as it is")]
    Body(Vec<FieldError>),
    #[error("there is no such event")]
    NoEvent,
    #[error("the event is acknowledged, and on its way into the database")]
    Spooled,
    #[error("the event can't be replayed")]
    NotReplayable(Obstacle),
    #[error("the database could not be asked")]
    Database(#[source] DbError),
}

impl From<SubmitError> for Error {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Full => Self::Full,
            other => Self::NotStored(other),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownSource => Self::new(Code::SourceNotFound),
            Error::Signature(SignatureError::Missing) => Self::new(Code::SignatureMissing)
                .with_detail("send x-webhook-signature: the hex HMAC-SHA256 of the raw body"),
            Error::Signature(SignatureError::Malformed) => Self::new(Code::SignatureMalformed).with_detail(
                "a signature is one header with 64 hex digits, or the three headers of Standard Webhooks",
            ),
            Error::Signature(SignatureError::Mismatch) => Self::new(Code::SignatureMismatch)
                .with_detail("the signature is not that of these bytes under the shared secret"),
            // Only who has the secret is told so: the signature was right.
            Error::Stale => Self::new(Code::SignatureMismatch).with_detail(
                "webhook-timestamp lies more than 5 minutes from our clock; sign each attempt anew, with the time of its sending",
            ),
            Error::Held { because, event_id } => Self::new(because.code)
                .with_detail("the body is kept; it can be applied once the mapping or the event is mended")
                .with_errors(because.errors)
                .with_kept_event(event_id),
            Error::Reused { event_id } => Self::new(Code::EventIdReused)
                .with_detail("this id came before with another event or other data; both are kept")
                .with_kept_event(event_id),
            Error::Full => {
                Self::new(Code::Unavailable).with_detail("too much waits to be stored; nothing was stored")
            }
            Error::NotStored(cause) => Self::new(code_of(cause.is_transient()))
                .with_detail("nothing is known to have been stored; send it again")
                .caused_by(cause),
            Error::Parameters(errors) => Self::new(Code::InvalidParameter).with_errors(errors),
            Error::Cursor => Self::new(Code::InvalidCursor)
                .with_detail("a cursor goes on with the query that it came from, all filters the same"),
            Error::NotJson(detail) => Self::new(Code::InvalidJson).with_detail(detail),
            Error::Body(errors) => Self::new(Code::InvalidBody).with_errors(errors),
            Error::NoEvent => Self::new(Code::EventNotFound),
            Error::Spooled => Self::new(Code::Unavailable)
                .with_detail("the event was taken while the database was away, and is on its way into it"),
            Error::NotReplayable(obstacle) => Self::new(Code::EventNotReplayable)
                .with_detail(obstacle.advice())
                .with_errors(vec![FieldError::new("", obstacle.as_str(), obstacle.advice())]),
            Error::Database(cause) => Self::new(code_of(cause.is_transient())).caused_by(cause),
        }
    }
}

/// Trouble with the database that passes by itself is 503; what does not is our own fault. A sender tries again after either.
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
    /// The folder of the spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// It can't listen.
    #[error(transparent)]
    Start(#[from] http_kit::service::StartError),
}
