//! Why a request was not passed on, or brought no answer: one closed list, and what each is for a client; and why the service
//! itself does not start. Causes are logged by http-kit, never sent.

use contract::problems::Code;
use http_kit::problem::Failure;

use crate::hop::HopError;

/// Why there is no answer of a service's to give back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The path has a `%` without two hex digits behind it.
    #[error("a broken escape in the path")]
    BrokenEscape,
    /// `CONNECT` asks for a tunnel, which is no request to a service.
    #[error("a tunnel was asked for")]
    Tunnel,
    /// The library behind does not take what the library in front took.
    #[error("the request can't be said again: {0}")]
    Unspeakable(#[from] http::Error),
    /// The task that waited for the answer broke off: a fault of ours.
    #[error("the hop broke off")]
    Panicked(#[from] tokio::task::JoinError),
    /// The hop failed.
    #[error(transparent)]
    Hop(#[from] HopError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (code, detail) = match &error {
            Error::BrokenEscape => {
                (Code::BadPath, Some("An escape in the path is not % and two hex digits."))
            }
            Error::Tunnel => (Code::RouteNotFound, None),
            Error::Unspeakable(_) => (Code::BadPath, None),
            Error::Panicked(_) => (Code::InternalError, None),
            Error::Hop(HopError::Unreachable { .. }) => {
                (Code::Unavailable, Some("The request was not passed on."))
            }
            Error::Hop(HopError::NoRoom) => (Code::Unavailable, Some("Too many bodies are coming in.")),
            Error::Hop(HopError::Silent(_)) => (Code::UpstreamTimeout, Some(MAY_HAVE_TAKEN_EFFECT)),
            Error::Hop(HopError::Broken { .. } | HopError::LeftHttp(_)) => {
                (Code::UpstreamUnavailable, Some(MAY_HAVE_TAKEN_EFFECT))
            }
            Error::Hop(HopError::ClientStalled) => (Code::RequestTimeout, None),
            // Whoever broke off seldom reads this; who sent chunks that are none does.
            Error::Hop(HopError::ClientCutOff(_) | HopError::ClientBroke(_)) => {
                (Code::InvalidJson, Some("The body ended before it was whole."))
            }
        };
        let failure = Self::new(code).caused_by(error);
        match detail {
            Some(detail) => failure.with_detail(detail),
            None => failure,
        }
    }
}

const MAY_HAVE_TAKEN_EFFECT: &str = "The request was passed on, and may have taken effect.";

/// Why the service does not start. One line that names the setting, where it is one's fault, and never its value.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] http_kit::config::ConfigError),
    /// It can't listen.
    #[error(transparent)]
    Start(#[from] http_kit::service::StartError),
}
