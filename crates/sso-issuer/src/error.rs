//! Everything a handler here can fail with and the problem each is answered as, and why the service itself ends.

use std::time::Duration;

use auth::jwt::JwtError;
use contract::problems::{Code, FieldError};
use db::DbError;
use http_kit::client::CallError;
use http_kit::config::ConfigError;
use http_kit::problem::Failure;
use http_kit::service;

use crate::db::register::Refusal;
use crate::domain::impersonation::Unfit;
use crate::domain::passwords::Trouble;

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the name or the password is wrong, or the member disabled")]
    LoginFailed,
    #[error("the name is locked")]
    LoginLocked(Duration),
    #[error("a one-time password came without a new one")]
    PasswordChangeRequired,
    #[error("a field of the body can't be")]
    Field(&'static str, &'static str),
    #[error("the JWT belongs to no log-in of ours")]
    NoSession,
    #[error("the log-in is over")]
    SessionOver,
    #[error(transparent)]
    Staff(#[from] Refusal),
    #[error("the body is no JSON object")]
    BodyUnreadable,
    #[error(transparent)]
    Client(#[from] Unfit),
    #[error("an event that names the client is still to be applied")]
    ClientPending,
    #[error("the staff member has no address")]
    StaffWithoutEmail,
    #[error("the impersonation could not be made durable")]
    NotDurable(#[source] DbError),
    #[error("service-api could not be asked")]
    Clients(#[source] CallError),
    #[error("the cursor is none of ours")]
    Cursor,
    #[error("the limit can't be")]
    Limit,
    #[error("parameters of the query are not known")]
    Parameters(Vec<FieldError>),
    #[error("the caller is another service than those that may")]
    NotAsked,
    #[error(transparent)]
    Passwords(#[from] Trouble),
    #[error(transparent)]
    Token(#[from] JwtError),
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::LoginFailed => Self::new(Code::LoginFailed),
            Error::LoginLocked(wait) => locked(wait),
            Error::PasswordChangeRequired => Self::new(Code::PasswordChangeRequired)
                .with_detail("this password is good for one log-in, together with newPassword"),
            Error::Field(pointer, detail) => invalid_field(pointer, detail),
            Error::NoSession => Self::new(Code::NoSession),
            Error::SessionOver => Self::new(Code::CredentialsInvalid),
            Error::Staff(Refusal::NotFound) => Self::new(Code::StaffNotFound),
            Error::Staff(Refusal::Exists) => Self::new(Code::StaffExists),
            Error::Staff(Refusal::LastAdmin) => {
                Self::new(Code::LastAdmin).with_detail("make somebody else an admin first")
            }
            Error::BodyUnreadable => Self::new(Code::InvalidJson),
            Error::Client(unfit) => of_client(unfit),
            Error::ClientPending => Self::new(Code::ClientPending).with_detail(
                "an event that names this client was accepted and is about to be applied; try again",
            ),
            Error::StaffWithoutEmail => Self::new(Code::PermissionDenied).with_detail(
                "the staff token names no email address, and the platform must be told who acts",
            ),
            // Whatever it is that the database can't do: without a durable entry there is no token.
            Error::NotDurable(cause) => Self::new(Code::Unavailable).caused_by(cause),
            // Whether there is such a client is not known, so it must not be denied.
            Error::Clients(cause) => Self::new(Code::Unavailable).caused_by(cause),
            Error::Cursor => Self::new(Code::InvalidCursor),
            Error::Limit => Self::new(Code::InvalidParameter).with_detail("limit is a number from 1 to 200"),
            Error::Parameters(errors) => Self::new(Code::InvalidParameter).with_errors(errors),
            Error::NotAsked => Self::new(Code::PermissionDenied),
            Error::Passwords(Trouble::Full) => Self::new(Code::Unavailable).caused_by(Trouble::Full),
            Error::Passwords(Trouble::Crowded) => Self::new(Code::RateLimited)
                .with_detail("too many passwords of one network wait to be looked at")
                .retry_after(1),
            Error::Passwords(cause) => Self::new(Code::InternalError).caused_by(cause),
            Error::Token(cause) => Self::new(Code::InternalError).caused_by(cause),
            Error::Database(cause) => Self::new(code_of(cause.is_transient())).caused_by(cause),
        }
    }
}

/// Trouble with the database that passes by itself is 503; what does not is our own fault.
fn code_of(transient: bool) -> Code {
    if transient { Code::Unavailable } else { Code::InternalError }
}

fn of_client(unfit: Unfit) -> Failure {
    match unfit {
        Unfit::NotFound => {
            Failure::new(Code::ClientNotFound).with_detail("no client has this id, ours or the platform's")
        }
        Unfit::Ambiguous(sources) => Failure::new(Code::ClientAmbiguous).with_detail(format!(
            "clients of the sources {} have this id; use the one that begins with cl_",
            sources.join(", ")
        )),
        Unfit::Closed => Failure::new(Code::ClientClosed),
        Unfit::Provisional => Failure::new(Code::ClientProvisional),
        Unfit::WithoutEmail => Failure::new(Code::ClientWithoutEmail),
    }
}

fn locked(wait: Duration) -> Failure {
    // Rounded up: whoever waits as long as told is let through.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Failure::new(Code::LoginLocked).retry_after(seconds.max(1))
}

fn invalid_field(pointer: &str, detail: &str) -> Failure {
    let error = FieldError::new(pointer, "invalid", detail);
    Failure::new(Code::InvalidBody).with_errors(vec![error])
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
