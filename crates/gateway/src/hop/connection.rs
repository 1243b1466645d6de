//! One connection to a service behind, with the task that drives it on this worker thread. A connection that is dropped is closed
//! at once: whatever is under way on it ends.

use std::io;
use std::time::Duration;

use actix_web::rt::spawn;
use hyper::Request;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::body::RequestBody;
use super::upstream::Upstream;
use super::{HopError, Tried};

/// How many header fields an answer may have.
const MOST_ANSWER_HEADERS: usize = 128;

/// An open connection. Requests go one after another.
pub(super) struct Connection {
    sender: SendRequest<RequestBody>,
    driver: AbortHandle,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`HopError::Unreachable`].
    pub(super) async fn open(upstream: &Upstream, limit: Duration) -> Result<Self, HopError> {
        let unreachable = |cause| HopError::Unreachable { upstream: upstream.name(), cause };
        let connecting = timeout(limit, TcpStream::connect(upstream.socket()));
        let stream =
            connecting.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let (sender, driving) = Builder::new()
            .max_headers(MOST_ANSWER_HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|cause| HopError::Broken { upstream: upstream.name(), cause })?;
        let name = upstream.name();
        let driver = spawn(async move {
            // Whoever waits for the answer hears of it too; this is for what goes wrong in between.
            if let Err(error) = driving.await {
                tracing::debug!(upstream = name, %error, "a connection ended");
            }
        });
        Ok(Self { sender, driver: driver.abort_handle() })
    }

    /// Is the last exchange over, both ways, and the connection still open?
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Sends a request, and waits for the head of the answer.
    pub(super) async fn send(&mut self, request: Request<RequestBody>) -> Tried {
        match self.sender.try_send_request(request).await {
            Ok(response) => Tried::Answered(response),
            Err(mut error) => match error.take_message() {
                Some(unsent) => Tried::NotSent(unsent, error.into_error()),
                None => Tried::Lost(error.into_error()),
            },
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
