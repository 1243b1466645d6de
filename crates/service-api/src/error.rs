//! Everything a handler here can fail with and the problem each is answered as, and why the service itself ends.

use contract::problems::Code;
use db::DbError;
use http_kit::client::CallError;
use http_kit::config::ConfigError;
use http_kit::problem::Failure;
use http_kit::service;

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no such client")]
    ClientNotFound,
    #[error("an acknowledged event names the client, and is not applied yet")]
    ClientPending,
    #[error("webhook-ingest could not be asked")]
    Ingest(#[source] CallError),
    #[error("the caller is another service than the one that may")]
    NotIngest,
    #[error(transparent)]
    Database(#[from] DbError),
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
            Error::NotIngest => Self::new(Code::PermissionDenied),
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
    Config(#[from] ConfigError),
    /// What works on the database can't be set up; nothing is connected to yet.
    #[error("the pool of connections or a writing thread can't be set up: {0}")]
    Database(#[from] DbError),
    /// It can't listen.
    #[error(transparent)]
    Start(#[from] service::StartError),
}
