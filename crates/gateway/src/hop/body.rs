//! Bodies on their way through: a client's as hyper sends it, a service's as actix sends it. One piece at a time is held, and the
//! next is asked for when the other side has taken it, so a slow reader slows the writer down.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::HopError;
use super::pool::GivingBack;

/// Who has to move next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    ForClient,
    ForUpstream,
}

/// When a request last moved on, and for whom it waits since.
pub(super) struct Progress {
    last: Cell<Instant>,
    waits: Cell<Waits>,
}

impl Progress {
    pub(super) fn note(&self, waits: Waits) {
        self.last.set(Instant::now());
        self.waits.set(waits);
    }

    pub(super) fn last(&self) -> Instant {
        self.last.get()
    }

    pub(super) fn waits(&self) -> Waits {
        self.waits.get()
    }
}

/// How a client's body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    Empty,
    /// It has this many bytes.
    Length(u64),
    /// It ends where it says so.
    Chunked,
}

/// The memory in which all workers take bodies in, in bytes. Anybody may begin a body without showing who he is, so without a bound
/// whoever opens enough connections would have all there is.
#[derive(Clone)]
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    /// How many bytes of it are free.
    pub(crate) fn free(&self) -> usize {
        self.0.available_permits()
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, HopError> {
        let bytes = u32::try_from(bytes).map_err(|_| HopError::NoRoom)?;
        Arc::clone(&self.0).try_acquire_many_owned(bytes).map_err(|_| HopError::NoRoom)
    }
}

/// A client's body.
pub(crate) struct RequestBody {
    /// What was taken in before it went on, and its room.
    first: Option<(Bytes, OwnedSemaphorePermit)>,
    /// What is still to come from the client.
    rest: Option<Payload>,
    framing: Framing,
    progress: Rc<Progress>,
}

impl RequestBody {
    /// Takes a body in, up to `most` bytes within `patience`; what is larger is streamed from there on. Until a body is whole its
    /// client holds no connection to a service, and from then on it may hang up: what it asked for goes on without it.
    ///
    /// It must be awaited in the handler's own task: a task of its own would come too late for a client that sends and hangs up, whose
    /// unread bytes actix drops with the connection.
    pub(crate) async fn take_in(
        mut payload: Payload,
        framing: Framing,
        room: &Room,
        most: usize,
        patience: Duration,
    ) -> Result<Self, HopError> {
        let large = matches!(framing, Framing::Length(length) if usize::try_from(length).is_ok_and(|length| length > most));
        let mut first = BytesMut::new();
        let mut held = room.take(0)?;
        let taking = async {
            if framing == Framing::Empty {
                return Ok(true);
            }
            while !large && first.len() <= most {
                let Some(piece) = payload.next().await else { return Ok(true) };
                let piece = piece.map_err(HopError::ClientCutOff)?;
                held.merge(room.take(piece.len())?);
                first.extend_from_slice(&piece);
            }
            Ok(false)
        };
        let whole = match timeout(patience, taking).await {
            Err(_) => return Err(HopError::ClientStalled),
            Ok(taken) => taken?,
        };
        let progress = Progress { last: Cell::new(Instant::now()), waits: Cell::new(Waits::ForUpstream) };
        let first = (!first.is_empty()).then(|| (first.freeze(), held));
        Ok(Self { first, rest: (!whole).then_some(payload), framing, progress: Rc::new(progress) })
    }

    pub(super) fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = PayloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PayloadError>>> {
        if let Some((first, _held)) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let polled = Pin::new(rest).poll_next(context);
        match &polled {
            Poll::Ready(_) => self.progress.note(Waits::ForUpstream),
            // Not progress: only the side that is waited for changes.
            Poll::Pending => self.progress.waits.set(Waits::ForClient),
        }
        polled.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.framing, Framing::Empty | Framing::Length(0))
    }

    fn size_hint(&self) -> SizeHint {
        match self.framing {
            Framing::Empty => SizeHint::with_exact(0),
            Framing::Length(length) => SizeHint::with_exact(length),
            Framing::Chunked => SizeHint::default(),
        }
    }
}

/// A service's body. Read to its end it gives its connection back; dropped before, it closes it.
pub(crate) struct ResponseBody {
    incoming: Incoming,
    upstream: &'static str,
    connection: Option<GivingBack>,
}

impl ResponseBody {
    pub(super) fn new(incoming: Incoming, upstream: &'static str, connection: GivingBack) -> Self {
        let mut body = Self { incoming, upstream, connection: Some(connection) };
        // Nobody polls a body that is known to be empty.
        if body.incoming.is_end_stream() {
            body.done();
        }
        body
    }

    /// How many bytes will come, if the service said so.
    pub(crate) fn length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// Reads it to its end for nobody, so that the connection serves on; if that takes longer than `limit`, the connection goes.
    pub(crate) async fn skip(mut self, limit: Duration) {
        let end = async {
            loop {
                match poll_fn(|context| Pin::new(&mut self.incoming).poll_frame(context)).await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return false,
                    None => return true,
                }
            }
        };
        if timeout(limit, end).await == Ok(true) {
            self.done();
        }
    }

    fn done(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.done();
        }
    }
}

/// The body of an answer to a client, with the length that its head tells: for `HEAD`, bytes that never come.
pub(crate) struct Answer {
    pub(crate) body: ResponseBody,
    pub(crate) size: BodySize,
}

impl MessageBody for Answer {
    type Error = hyper::Error;

    fn size(&self) -> BodySize {
        self.size
    }

    /// An error here makes actix cut the client's connection, so that a broken answer never looks like a whole one.
    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        let body = &mut self.get_mut().body;
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut body.incoming).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => Some(Ok(data)),
                    // Trailers concern this hop alone (RFC 9110, section 6.5.1).
                    Err(_) => continue,
                },
                Some(Err(error)) => {
                    tracing::warn!(upstream = body.upstream, %error, "a service broke off in the middle of its answer");
                    Some(Err(error))
                }
                None => {
                    body.done();
                    None
                }
            });
        }
    }
}
