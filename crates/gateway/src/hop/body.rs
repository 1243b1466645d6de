//! Bodies on their way through: a client's as hyper sends it, a service's as actix sends it. One piece at a time is held, and the
//! next is asked for when the other side has taken it, so a slow reader slows the writer down.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

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

/// A client's body.
pub(crate) struct RequestBody {
    payload: Payload,
    framing: Framing,
    progress: Rc<Progress>,
}

impl RequestBody {
    /// The payload, which actix ends where this framing says.
    pub(crate) fn new(payload: Payload, framing: Framing) -> Self {
        let progress = Progress { last: Cell::new(Instant::now()), waits: Cell::new(Waits::ForUpstream) };
        Self { payload, framing, progress: Rc::new(progress) }
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
        let polled = Pin::new(&mut self.payload).poll_next(context);
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
