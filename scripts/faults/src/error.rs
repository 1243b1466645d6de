//! Why a run could not be made: one closed list, in words for the person who ran it. What a run finds wrong with the services is none of
//! these, see [`crate::check`].

/// What went wrong with the campaign's own things.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program did not start.
    #[error("{name} can't be started: {cause}")]
    Start { name: String, cause: std::io::Error },
    /// It started, and is not ready.
    #[error("{name} is not ready; it said:\n{said}")]
    NotReady { name: String, said: String },
    /// A command ended with a failure.
    #[error("{command} failed:\n{said}")]
    Command { command: String, said: String },
    /// The services don't answer although all of them are ready.
    #[error("{what} is not answered: {why}")]
    Silent { what: String, why: String },
    /// What a run was to try did not come about.
    #[error("nothing was tried: {0}")]
    Untried(String),
    /// Something this machine can't do.
    #[error("{0}")]
    Impossible(String),
    /// The client of our own calls.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// The simulated platform's.
    #[error(transparent)]
    Platform(#[from] trading_sim::crm::CrmError),
    /// Files, pipes, sockets.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
