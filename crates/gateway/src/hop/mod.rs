//! The hop to a service behind: one HTTP/1.1 request over a connection of this worker thread's own, bodies streamed both ways. It
//! knows no routes and no headers. It sends a request once: again only if nothing of it can have left.

mod body;
mod connection;
mod pool;
mod upstream;

use std::time::Duration;

use actix_web::error::PayloadError;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::time::{Instant, timeout_at};

pub(crate) use body::{Answer, Framing, RequestBody, ResponseBody, Room};
use body::{Progress, Waits};
use connection::Connection;
pub(crate) use upstream::Upstream;

/// How long the hop waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection to a service behind.
    pub connect: Duration,
    /// For the head of its answer, from when the request last moved on.
    pub first_byte: Duration,
    /// For a body to come in whole, or to grow larger than what is taken in.
    pub body: Duration,
    /// For another use of an idle connection. It must be well under the keep-alive of the services (75 s), so that a request does
    /// not meet a connection that is just being closed.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self { connect: second, first_byte: 30 * second, body: 30 * second, idle: 30 * second }
    }
}

/// Why there is no answer from a service behind.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HopError {
    /// No connection: nothing was sent.
    #[error("{upstream} can't be reached")]
    Unreachable {
        /// The service behind.
        upstream: &'static str,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// It has the request, and says nothing.
    #[error("{0} did not begin its answer in time")]
    Silent(&'static str),
    /// It broke off, or what it says is not HTTP.
    #[error("{upstream} broke off")]
    Broken {
        /// The service behind.
        upstream: &'static str,
        /// How.
        #[source]
        cause: hyper::Error,
    },
    /// It switched to another protocol, which nobody asked for.
    #[error("{0} left HTTP")]
    LeftHttp(&'static str),
    /// The client stopped sending in the middle of its body.
    #[error("the client's body stands still")]
    ClientStalled,
    /// Other clients' bodies take all the room there is for them.
    #[error("no room for the client's body")]
    NoRoom,
    /// The client's body ended before it was whole, or is no HTTP, while it was taken in.
    #[error("the client's body was cut off")]
    ClientCutOff(#[source] PayloadError),
    /// The same, while it was streamed.
    #[error("the client's body broke off")]
    ClientBroke(#[source] hyper::Error),
}

/// Sends a request, and waits for the head of the answer. Dropping the future, or the answer's body before its end, closes the
/// connection, which is how a service behind learns that its client has gone.
///
/// # Errors
/// See [`HopError`].
pub(crate) async fn send(
    upstream: &Upstream,
    timeouts: Timeouts,
    request: Request<RequestBody>,
) -> Result<Response<ResponseBody>, HopError> {
    let progress = request.body().progress();
    let mut request = request;
    loop {
        let pooled = pool::take(upstream, timeouts.idle);
        let fresh = pooled.is_none();
        let mut connection = match pooled {
            Some(connection) => connection,
            None => Connection::open(upstream, timeouts.connect).await?,
        };
        progress.note(Waits::ForUpstream);
        match first_byte(upstream, timeouts.first_byte, &progress, connection.send(request)).await? {
            Tried::Answered(response) if response.status().is_informational() => {
                return Err(HopError::LeftHttp(upstream.name()));
            }
            Tried::Answered(response) => return Ok(receive(upstream, timeouts, response, connection)),
            // The service closed the idle connection before anything of the request was written to it.
            Tried::NotSent(unsent, _) if !fresh => request = unsent,
            Tried::NotSent(_, cause) | Tried::Lost(cause) => return Err(lost(upstream, cause)),
        }
    }
}

/// What became of a request on one connection.
enum Tried {
    /// The head of the answer is here.
    Answered(Response<Incoming>),
    /// Nothing of it was written.
    NotSent(Request<RequestBody>, hyper::Error),
    /// Some of it may have been written.
    Lost(hyper::Error),
}

/// Waits as long as the body moves on, and `limit` from then.
async fn first_byte(
    upstream: &Upstream,
    limit: Duration,
    progress: &Progress,
    sending: impl Future<Output = Tried>,
) -> Result<Tried, HopError> {
    let mut sending = std::pin::pin!(sending);
    loop {
        let deadline = progress.last() + limit;
        if let Ok(sent) = timeout_at(deadline, &mut sending).await {
            return Ok(sent);
        }
        if progress.last() + limit <= Instant::now() {
            return Err(match progress.waits() {
                Waits::ForUpstream => HopError::Silent(upstream.name()),
                Waits::ForClient => HopError::ClientStalled,
            });
        }
    }
}

fn receive(
    upstream: &Upstream,
    timeouts: Timeouts,
    response: Response<Incoming>,
    connection: Connection,
) -> Response<ResponseBody> {
    let (head, incoming) = response.into_parts();
    let giving_back = pool::GivingBack::new(upstream, timeouts.idle, connection);
    Response::from_parts(head, ResponseBody::new(incoming, upstream.name(), giving_back))
}

/// Whose fault it is: hyper reports a request body that fails as the user's, which here is the client's.
fn lost(upstream: &Upstream, cause: hyper::Error) -> HopError {
    let of_the_client = std::error::Error::source(&cause).is_some_and(|source| source.is::<PayloadError>());
    if of_the_client {
        HopError::ClientBroke(cause)
    } else {
        HopError::Broken { upstream: upstream.name(), cause }
    }
}
