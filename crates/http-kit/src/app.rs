//! The actix app of a route table: one resource for each path with 405 and `Allow`, 404 for the rest, one trailing slash the same
//! route; and the layer around all of it that names each request, keeps the trail, and makes every error a problem.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpMessage as _, HttpResponse, guard, web};
use contract::internal::{DASHBOARD, GATEWAY};
use contract::problems::Code;
use tracing::Instrument as _;

use crate::audit::{Due, RequestAudit};
use crate::body::Rest;
use crate::context::RequestContext;
use crate::dispatch::{Arrived, InternalToken};
use crate::headers::{CLIENT_ADDRESS, INTERNAL_TOKEN, REQUEST_ID};
use crate::kit::Shared;
use crate::problem::{Failure, PROBLEM_JSON, Page, Said, render};
use crate::routes::RouteTable;
use crate::{paths, translate};

/// The services that stand between people and us, and so may say where a person is.
const TELLERS: [&str; 2] = [GATEWAY, DASHBOARD];

/// Builds the app of one worker.
pub(crate) fn build(
    table: &RouteTable,
    shared: &Arc<Shared>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let around_all = Arc::clone(shared);
    // The kit limits bodies by route; actix's own limits would come on top, unseen.
    let mut app = App::new()
        .app_data(web::Data::from(Arc::clone(shared)))
        .app_data(web::PayloadConfig::new(usize::MAX))
        .app_data(
            web::JsonConfig::default().limit(usize::MAX).content_type_required(false).content_type(|_| true),
        );
    for path in table.paths() {
        app = app.service(resource(path, path, table));
        // A pattern of its own: the router is slow with several in one. One that takes the rest of the path takes its slash too.
        if path.len() > 1 && !path.contains(":.*}") {
            app = app.service(resource(&format!("{path}/"), path, table));
        }
    }
    app.default_service(web::to(async || HttpResponse::from_error(Failure::new(Code::RouteNotFound))))
        .wrap(from_fn(move |request, next| around(Arc::clone(&around_all), request, next)))
}

/// All routes of one path, under this pattern; its other methods are answered 405.
fn resource(pattern: &str, path: &'static str, table: &RouteTable) -> actix_web::Resource {
    let mut resource = web::resource(pattern);
    let mut methods = Vec::new();
    for route in table.iter().filter(|route| route.path() == path) {
        let gated = route.register()(Arc::new(route.clone()));
        let gated = match route.method() {
            None => gated,
            Some(&Method::GET) => {
                methods.extend([Method::GET, Method::HEAD]);
                gated.guard(guard::Any(guard::Get()).or(guard::Head()))
            }
            Some(method) => {
                methods.push(method.clone());
                gated.method(method.clone())
            }
        };
        resource = resource.route(gated);
    }
    let allow = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let allow = HeaderValue::from_str(&allow).unwrap_or(HeaderValue::from_static(""));
    resource.default_service(web::to(move || {
        let failure = Failure::new(Code::MethodNotAllowed).allowing(allow.clone());
        async move {
            tracing::Span::current().record("route", path);
            HttpResponse::from_error(failure)
        }
    }))
}

/// The layer around every request.
async fn around(
    shared: Arc<Shared>,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let arrived = arrive(&shared, &request);
    let span = tracing::info_span!(
        "request",
        method = %request.method(),
        route = tracing::field::Empty,
        request_id = %arrived.context.request_id(),
        trace_id = %arrived.context.trace_id(),
    );
    request.extensions_mut().insert(arrived.clone());
    let rest = Rest::of(&mut request);
    async move {
        let response = match head_failure(&shared, &request) {
            Some(failure) => request.into_response(HttpResponse::from_error(failure)),
            None => next.call(request).await?,
        };
        let (request, response) = response.into_parts();
        let response = leave(&shared, &arrived, response).await;
        let response = match rest {
            Some(rest) => rest.go_with(response),
            None => response,
        };
        Ok(ServiceResponse::new(request, response))
    }
    .instrument(span)
    .await
}

/// What is known of a request before it is routed.
fn arrive(shared: &Shared, request: &ServiceRequest) -> Arrived {
    let kit = &shared.kit;
    let headers = request.headers();
    let context = RequestContext::of_request(headers, &kit.clock, &kit.random);
    let issuer = issuer(shared, headers);
    let told = headers.get(CLIENT_ADDRESS).and_then(|value| value.to_str().ok()?.parse::<IpAddr>().ok());
    let peer = request.peer_addr().map(|peer| peer.ip());
    let address =
        if matches!(&issuer, Ok(name) if TELLERS.contains(&name.as_str())) { told.or(peer) } else { peer };
    let audit = RequestAudit::new(kit, request, address, context.request_id());
    Arrived { context, audit, address, issuer }
}

/// The `iss` of the internal token, if there is one and it holds.
fn issuer(shared: &Shared, headers: &HeaderMap) -> Result<String, InternalToken> {
    let mut values = headers.get_all(INTERNAL_TOKEN);
    let (Some(value), Some(gate)) = (values.next(), &shared.internal) else {
        return Err(InternalToken::Missing);
    };
    let token = value.to_str().ok().filter(|_| values.next().is_none()).ok_or(InternalToken::Invalid)?;
    gate.admit(token, shared.kit.clock.now())
        .map(|issuer| issuer.to_string())
        .map_err(|_| InternalToken::Invalid)
}

/// What is wrong with a request's head, before anybody looks at what it asks for.
fn head_failure(shared: &Shared, request: &ServiceRequest) -> Option<Failure> {
    let limits = shared.kit.header_limits;
    let bytes: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if request.headers().len() > limits.fields || bytes > limits.bytes {
        return Some(Failure::new(Code::HeadersTooLarge));
    }
    paths::is_ambiguous(request.uri().path()).then(|| Failure::new(Code::BadPath))
}

/// Sees a response off: as a problem if it is an error, with its entry on the trail, and with the request's id.
async fn leave(shared: &Shared, arrived: &Arrived, response: HttpResponse) -> HttpResponse {
    let response = as_problem(response);
    log(&response);
    let response = match keep_trail(shared, &arrived.audit, &response).await {
        Ok(()) => response,
        Err(failure) => {
            let response = HttpResponse::from_error(failure);
            log(&response);
            response
        }
    };
    let mut response = with_request_id(response, &arrived.context);
    let closes = matches!(response.status().as_u16(), 408 | 413 | 431) || shared.is_draining();
    if closes {
        response.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
    }
    response
}

/// Puts an error that is not a problem yet into one.
fn as_problem(response: HttpResponse) -> HttpResponse {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let said = response.extensions().contains::<Said>()
        || response.extensions().contains::<Page>()
        || response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM_JSON);
    if !is_error || said {
        return response;
    }
    let failure = response.error().map_or_else(|| translate::status(status), translate::error);
    HttpResponse::from_error(failure)
}

/// Logs a 5xx's cause, once, in the request's span.
fn log(response: &HttpResponse) {
    let status = response.status().as_u16();
    let failure = response.error().and_then(actix_web::Error::as_error::<Failure>);
    match failure {
        Some(failure) if status >= 500 => {
            let cause = failure.cause_chain();
            tracing::error!(status, code = failure.code().as_str(), cause, "request failed");
        }
        Some(failure) => tracing::debug!(status, code = failure.code().as_str(), "request refused"),
        None => tracing::debug!(status, "request answered"),
    }
}

/// Puts what the audit rule asks for on the trail. An entry that must be durable and is not turns the answer into 503.
async fn keep_trail(shared: &Shared, audit: &RequestAudit, response: &HttpResponse) -> Result<(), Failure> {
    let code = response.extensions().get::<Said>().map(|said| said.code);
    match audit.due(response.status().as_u16(), code) {
        Due::Nothing => Ok(()),
        Due::Counted { entry, whole } => {
            shared.refusals.note(entry, whole);
            Ok(())
        }
        Due::Durable(entry) => {
            let sealed = crate::audit::seal(&entry, &shared.kit.random);
            shared
                .kit
                .recorder
                .record(sealed)
                .await
                .map_err(|error| Failure::new(Code::Unavailable).caused_by(error))
        }
    }
}

/// Echoes the request's id, in the header and in a problem's body.
fn with_request_id(mut response: HttpResponse, context: &RequestContext) -> HttpResponse {
    if let Ok(value) = HeaderValue::from_str(context.request_id().as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let said = response.extensions_mut().remove::<Said>();
    let is_page = response.extensions().contains::<Page>();
    match said.filter(|_| !is_page) {
        Some(said) => render(response, said, context.request_id()),
        None => response,
    }
}
