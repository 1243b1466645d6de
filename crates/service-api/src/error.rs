//! Everything a handler here can fail with and the problem each is answered as, and why the service itself ends.

use contract::problems::{Code, FieldError};
use db::DbError;
use http_kit::client::CallError;
use http_kit::config::ConfigError;
use http_kit::problem::Failure;
use http_kit::service;

use crate::domain::bodies::BadBody;
use crate::domain::client::Client;
use crate::domain::standing::Refusal;

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no such client")]
    ClientNotFound,
    #[error("an acknowledged event names the client, and is not applied yet")]
    ClientPending,
    #[error("webhook-ingest could not be asked")]
    Ingest(#[source] CallError),
    #[error("there is no client with such an id")]
    NoSuchId,
    #[error("clients of several sources have this id")]
    Ambiguous(String),
    #[error("there is no such event")]
    EventNotFound,
    #[error("parameters are not valid")]
    Parameters(Vec<FieldError>),
    #[error("the cursor is not one of ours, or one of another list")]
    Cursor,
    #[error("the body can't be taken")]
    Body(BadBody),
    #[error("the change is refused")]
    Refused(#[source] Refusal),
    #[error("the caller is another service than the one that may")]
    OtherService,
    #[error(transparent)]
    Database(#[from] DbError),
}

impl Error {
    /// The failure of an id that is these clients', each of another source.
    pub(crate) fn ambiguous(clients: impl Iterator<Item = Client>) -> Self {
        let named: Vec<String> =
            clients.map(|client| format!("{} of source {}", client.id, client.source)).collect();
        Self::Ambiguous(format!("clients of several sources have this id: {}", named.join(", ")))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::ClientNotFound => {
                Self::new(Code::ClientNotFound).with_detail("no client has or had this address")
            }
            Error::ClientPending => Self::new(Code::ClientPending).with_detail(
                "an event that names this client was accepted and is about to be applied; try again",
            ),
            // Whether there is such a client is not known, so it must not be denied.
            Error::Ingest(cause) => Self::new(Code::Unavailable).caused_by(cause),
            Error::NoSuchId => {
                Self::new(Code::ClientNotFound).with_detail("no client has this id, ours or the platform's")
            }
            Error::Ambiguous(named) => Self::new(Code::ClientAmbiguous).with_detail(named),
            Error::EventNotFound => Self::new(Code::EventNotFound),
            Error::Parameters(errors) => Self::new(Code::InvalidParameter).with_errors(errors),
            Error::Cursor => Self::new(Code::InvalidCursor)
                .with_detail("a cursor goes on with the list that it came from, all filters the same"),
            Error::Body(BadBody::NotAnObject(detail)) => Self::new(Code::InvalidJson).with_detail(detail),
            Error::Body(BadBody::Members(errors)) => Self::new(Code::InvalidBody).with_errors(errors),
            Error::Refused(refusal) => Self::new(code_of_refusal(refusal))
                .with_errors(fault_of_refusal(refusal).into_iter().collect()),
            Error::OtherService => Self::new(Code::PermissionDenied),
            Error::Database(cause) => Self::new(code_of(cause.is_transient())).caused_by(cause),
        }
    }
}

fn code_of_refusal(refusal: Refusal) -> Code {
    match refusal {
        Refusal::Stale => Code::PreconditionFailed,
        Refusal::Closed => Code::ClientClosed,
        Refusal::Provisional => Code::ClientProvisional,
        Refusal::NoTransaction => Code::TransactionNotFound,
        Refusal::NotInConflict => Code::TransactionNotInConflict,
        Refusal::KeyReused => Code::IdempotencyKeyReused,
        Refusal::NoAccount => Code::AccountNotFound,
        Refusal::SeveralServers | Refusal::OtherSource => Code::InvalidBody,
    }
}

/// Which member of the body a change is refused for, where it is one.
fn fault_of_refusal(refusal: Refusal) -> Option<FieldError> {
    let (pointer, code) = match refusal {
        Refusal::SeveralServers => ("/server", "missing"),
        Refusal::OtherSource => ("/clientId", "other_source"),
        _ => return None,
    };
    Some(FieldError::new(pointer, code, refusal.to_string()))
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
    Config(#[from] ConfigError),
    /// What works on the database can't be set up; nothing is connected to yet.
    #[error("the pool of connections or a writing thread can't be set up: {0}")]
    Database(#[from] DbError),
    /// It can't listen.
    #[error(transparent)]
    Start(#[from] service::StartError),
}
