//! Request bodies: never more of them than the route allows, and no connection held open by one that does not end.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use bytes::Bytes;
use contract::problems::Code;
use futures_util::Stream;

use crate::problem::Failure;

/// Refuses a stated length over the limit, and cuts an unstated one off there.
pub(crate) fn limit(request: &HttpRequest, payload: Payload, most: usize) -> Result<Payload, Failure> {
    let stated = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    match stated.map(str::parse::<u64>) {
        Some(Ok(length)) if length <= most as u64 => Ok(payload),
        Some(_) => Err(Failure::new(Code::PayloadTooLarge)),
        None if matches!(payload, Payload::None) => Ok(payload),
        None => Ok(stream(Limited { payload, left: most })),
    }
}

fn stream(payload: impl Stream<Item = Result<Bytes, PayloadError>> + 'static) -> Payload {
    Payload::Stream { payload: Box::pin(payload) }
}

/// A body without a stated length, as far as the limit.
struct Limited {
    payload: Payload,
    left: usize,
}

impl Stream for Limited {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let read = ready!(Pin::new(&mut self.payload).poll_next(context));
        Poll::Ready(match read {
            Some(Ok(bytes)) => match self.left.checked_sub(bytes.len()) {
                Some(left) => {
                    self.left = left;
                    Some(Ok(bytes))
                }
                None => Some(Err(PayloadError::Overflow)),
            },
            other => other,
        })
    }
}

/// The rest of a body of unstated length. Where it is dropped before its end, actix reads on to find the next request, for as long as
/// the client likes; where it is still there when the answer ends, actix closes the connection. So it goes along with the answer.
#[derive(Clone)]
pub(crate) struct Rest(Rc<RefCell<Payload>>);

impl Rest {
    /// Keeps hold of a request's body; whoever reads the request reads the same one.
    pub(crate) fn of(request: &mut ServiceRequest) -> Option<Self> {
        if request.headers().contains_key(CONTENT_LENGTH) {
            return None;
        }
        match request.take_payload() {
            Payload::None => None,
            payload => {
                let rest = Self(Rc::new(RefCell::new(payload)));
                request.set_payload(stream(rest.clone()));
                Some(rest)
            }
        }
    }

    /// Lets the answer hold it to its end.
    pub(crate) fn go_with(self, response: HttpResponse) -> HttpResponse {
        response.map_body(|_, body| BoxBody::new(Answer { body, _rest: self }))
    }
}

impl Stream for Rest {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

/// An answer's body, with what is left of its request's.
struct Answer {
    body: BoxBody,
    _rest: Rest,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
