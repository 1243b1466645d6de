//! Why a page is not shown as asked, and why the service does not start.

use contract::problems::{Code, Problem};
use http_kit::client::{CallError, Refusal};
use http_kit::config::ConfigError;
use http_kit::service;

use crate::domain::forms::Forged;

/// Why a page is not shown as asked. What is said to the person stands in [`crate::pages::message`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nobody is logged in, or not any more.
    #[error("a log-in is needed")]
    LoginNeeded,
    /// A service refuses the person this.
    #[error("the person may not do this")]
    NotAllowed,
    /// There is no such page.
    #[error("there is no such page")]
    NoSuchPage,
    /// The trail has no such entry.
    #[error("there is no such entry")]
    NoSuchEntry,
    /// The form can't have been ours.
    #[error("a form without proof: {0}")]
    Forged(#[from] Forged),
    /// A service finds something wrong with what the person entered.
    #[error("a service refused what was entered with {0}")]
    Refused(u16, Option<Box<Problem>>),
    /// A service did not answer.
    #[error(transparent)]
    Away(#[from] CallError),
    /// sso-issuer gave a token that can't be a cookie: a mistake of ours.
    #[error("sso-issuer gave a token that can't be a cookie")]
    UnfitToken,
    /// A page could not be written: a mistake of ours.
    #[error("a template failed: {0}")]
    Template(#[from] askama::Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal.status {
            401 => Self::LoginNeeded,
            403 => Self::NotAllowed,
            404 => Self::NoSuchEntry,
            status => Self::Refused(status, refusal.problem.map(Box::new)),
        }
    }
}

impl Error {
    /// The problem that stands for it on the trail and in logs.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::LoginNeeded => Code::CredentialsMissing,
            Self::NotAllowed | Self::Forged(_) => Code::PermissionDenied,
            Self::NoSuchPage => Code::RouteNotFound,
            Self::NoSuchEntry => Code::EntryNotFound,
            Self::Refused(429, _) => Code::RateLimited,
            Self::Refused(_, problem) => {
                problem.as_ref().map_or(Code::InvalidParameter, |problem| problem.code)
            }
            Self::Away(_) => Code::Unavailable,
            Self::Template(_) | Self::UnfitToken => Code::InternalError,
        }
    }

    /// Has the service that refused put it on the trail itself?
    pub(crate) fn is_recorded(&self) -> bool {
        matches!(self, Self::NotAllowed | Self::NoSuchEntry | Self::Refused(..))
    }
}

/// Why the service does not start. One line that names the setting, where it is one's fault, and never its value.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It can't listen.
    #[error(transparent)]
    Start(#[from] service::StartError),
}
