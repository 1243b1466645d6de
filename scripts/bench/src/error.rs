//! Why a run ended early: one closed list, in words for the person who ran it.

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program did not start.
    #[error("{name} can't be started: {cause}")]
    Start { name: String, cause: std::io::Error },
    /// It started, and did not answer.
    #[error("{name} is not ready; it said:\n{said}")]
    NotReady { name: String, said: String },
    /// A command ended with a failure.
    #[error("{command} failed:\n{said}")]
    Command { command: String, said: String },
    /// Answers that make the figures worthless.
    #[error("{side}: {what}")]
    Answers { side: String, what: String },
    /// Files, pipes, sockets.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
