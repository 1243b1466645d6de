//! The gateway's one handler: a request goes on to its service, the answer comes back, neither is held or changed beyond its headers.

use std::sync::Arc;

use actix_web::body::BodySize;
use actix_web::http::{ConnectionType, Method, StatusCode, Version};
use actix_web::rt::spawn;
use actix_web::{HttpRequest, HttpResponse, web};
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};
use http_kit::caller::{Anyone, Caller};
use http_kit::headers::{CLIENT_ADDRESS, INTERNAL_TOKEN, REQUEST_ID, TRACEPARENT};
use http_kit::problem::{Failure, keep_page};
use hyper::{Request, Response};

use crate::error::Error;
use crate::hop::{self, Answer, Framing, RequestBody, ResponseBody, Upstream};
use crate::routes::Door;
use crate::state::{Behind, State};
use crate::{headers, paths};

/// The largest body that is taken in before it goes on: as large as a webhook may be.
const TAKEN_IN: usize = 256 * 1024;

/// Passes a request on through its door. What it is answered with is on the trail of the service; what never got there, on ours.
pub(crate) async fn pass_request_on(
    door: &'static Door,
    caller: Caller<Anyone>,
    request: HttpRequest,
    body: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse<Answer>, Failure> {
    refuse(&request)?;
    let told = state.limits.admit(door.policy, &caller, &request)?;
    match exchange(door, &caller, &request, body, &state).await {
        Ok(mut answer) => {
            if let Some(told) = told {
                told.in_answer(answer.headers_mut());
            }
            Ok(answer)
        }
        Err(failure) => Err(match told {
            Some(told) => told.in_failure(failure),
            None => failure,
        }),
    }
}

/// The request goes to its service, and what comes back is what the client gets.
async fn exchange(
    door: &Door,
    caller: &Caller<Anyone>,
    request: &HttpRequest,
    body: web::Payload,
    state: &State,
) -> Result<HttpResponse<Answer>, Failure> {
    let upstream = state.upstream(door.behind);
    let framing = headers::framing(request.headers());
    let taking = RequestBody::take_in(body.into_inner(), framing, &state.room, TAKEN_IN, state.timeouts.body);
    let onward = onward(caller, request, taking.await.map_err(Error::from)?, framing, upstream)?;
    // In a task of its own: a client that hangs up has still asked, and the service's trail is to say so.
    let sending = spawn(send(Arc::clone(upstream), state.timeouts, onward));
    let response = sending.await.map_err(Error::from)?.map_err(Error::from)?;
    caller.audit().recorded();
    let page = door.behind == Behind::Dashboard;
    if response.status() == http::StatusCode::UNAUTHORIZED
        && let Some(failure) = state.limits.fail(caller.address())
        // A person reads the page that says it failed. To put a problem in its place would hide nothing: a call that does not fail is
        // let through whatever was before.
        && !page
    {
        // A flood of failures is not to cost the services a connection each.
        response.into_body().skip(state.timeouts.body).await;
        return Err(failure);
    }
    let mut answer = back(request, response);
    if page {
        keep_page(&mut answer);
    }
    Ok(answer)
}

async fn send(
    upstream: Arc<Upstream>,
    timeouts: hop::Timeouts,
    request: Request<RequestBody>,
) -> Result<Response<ResponseBody>, hop::HopError> {
    hop::send(&upstream, timeouts, request).await
}

/// What no service is asked.
fn refuse(request: &HttpRequest) -> Result<(), Error> {
    if !paths::escapes_are_whole(request.uri().path()) {
        return Err(Error::BrokenEscape);
    }
    if request.method() == Method::CONNECT { Err(Error::Tunnel) } else { Ok(()) }
}

/// The request as the service gets it.
fn onward(
    caller: &Caller<Anyone>,
    request: &HttpRequest,
    body: RequestBody,
    framing: Framing,
    upstream: &Upstream,
) -> Result<Request<RequestBody>, Error> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let mut onward = Request::new(body);
    *onward.method_mut() =
        http::Method::from_bytes(request.method().as_str().as_bytes()).map_err(http::Error::from)?;
    *onward.uri_mut() = Uri::from(PathAndQuery::try_from(target).map_err(http::Error::from)?);
    *onward.headers_mut() = onward_headers(caller, request, framing, upstream)?;
    Ok(onward)
}

fn onward_headers(
    caller: &Caller<Anyone>,
    request: &HttpRequest,
    framing: Framing,
    upstream: &Upstream,
) -> Result<HeaderMap, http::Error> {
    let mut onward = headers::onward(request.headers());
    headers::frame(&mut onward, framing);
    if !onward.contains_key(HOST) {
        onward.insert(HOST, upstream.authority().clone());
    }
    let context = caller.context();
    // The gateway opens no span of its own, so a trace that came in goes on as it is.
    if !onward.get(TRACEPARENT.as_str()).is_some_and(|value| continues(value, &context.trace_id())) {
        headers::say(&mut onward, &TRACEPARENT, &context.traceparent())?;
    }
    headers::say(&mut onward, &REQUEST_ID, context.request_id().as_str())?;
    headers::say(&mut onward, &INTERNAL_TOKEN, &upstream.token())?;
    if let Some(address) = caller.address() {
        // An IPv4 client of a socket that takes both kinds is still an IPv4 client.
        headers::say(&mut onward, &CLIENT_ADDRESS, &address.to_canonical().to_string())?;
    }
    Ok(onward)
}

/// Is this the trace that the context was read from? An unreadable `traceparent` has given the context a trace id of its own.
fn continues(traceparent: &HeaderValue, trace_id: &str) -> bool {
    traceparent.to_str().is_ok_and(|text| text.split('-').nth(1) == Some(trace_id))
}

/// The answer as the client gets it.
fn back(request: &HttpRequest, response: Response<ResponseBody>) -> HttpResponse<Answer> {
    let (head, body) = response.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let stated = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let size = match (request.method() == Method::HEAD, body.length()) {
        // The head tells how long the body would have been, if it tells anything.
        (true, _) => stated.map_or(BodySize::None, BodySize::Sized),
        (false, Some(length)) => BodySize::Sized(length),
        (false, None) => BodySize::Stream,
    };
    let mut answer = HttpResponse::with_body(status, Answer { body, size });
    headers::back(&head.headers, answer.headers_mut());
    if status == StatusCode::NOT_MODIFIED
        && let Some(length) = stated
    {
        answer.headers_mut().insert(actix_web::http::header::CONTENT_LENGTH, length.into());
    }
    if size == BodySize::Stream && request.version() < Version::HTTP_11 {
        // HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
        answer.head_mut().no_chunking(true);
        answer.head_mut().set_connection_type(ConnectionType::Close);
    }
    answer
}
