//! What happens between the router and a handler: the caller is identified, then permitted, then the body is limited, then the
//! arguments are read. The order is the contract's: 401 before 403 before anything that the path or the body says.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{Handler, HttpMessage as _, HttpRequest, HttpResponse, Responder, ResponseError as _, web};
use auth::bearer::BearerError;
use auth::staff::Role;
use contract::problems::Code;

use crate::audit::RequestAudit;
use crate::body;
use crate::caller::{CallerFirst, Identity};
use crate::context::RequestContext;
use crate::kit::Shared;
use crate::problem::Failure;
use crate::routes::{Access, Route};
use crate::staff::Refused;

/// Puts a handler behind a route's gate.
pub(crate) type Register = Arc<dyn Fn(Arc<Route>) -> actix_web::Route + Send + Sync>;

/// What the app's outer layer knows of a request before it is routed.
#[derive(Clone)]
pub(crate) struct Arrived {
    pub(crate) context: RequestContext,
    pub(crate) audit: RequestAudit,
    pub(crate) address: Option<IpAddr>,
    /// The `iss` of a valid internal token, if one came along.
    pub(crate) issuer: Result<String, InternalToken>,
}

/// Why a request has no internal issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InternalToken {
    Missing,
    Invalid,
}

/// A request that was let in, as [`crate::caller::Caller`] shows it to a handler.
#[derive(Clone)]
pub(crate) struct Admitted {
    pub(crate) access: Access,
    pub(crate) identity: Identity,
    pub(crate) context: RequestContext,
    pub(crate) audit: RequestAudit,
    pub(crate) address: Option<IpAddr>,
}

/// Wraps a handler of any arguments into something that builds its gated actix route.
pub(crate) fn register<H, Args>(handler: H) -> Register
where
    H: Handler<Args> + Send + Sync,
    H::Output: Responder + 'static,
    Args: CallerFirst,
{
    Arc::new(move |route| {
        let handler = handler.clone();
        actix_web::Route::new().to(move |request: HttpRequest, payload: web::Payload| {
            answer::<H, Args>(Arc::clone(&route), handler.clone(), request, payload.into_inner())
        })
    })
}

async fn answer<H, Args>(
    route: Arc<Route>,
    handler: H,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse
where
    H: Handler<Args>,
    H::Output: Responder + 'static,
    Args: CallerFirst,
{
    let (mut payload, deadline) = match admit(&route, &request, payload).await {
        Ok(admitted) => admitted,
        Err(failure) => return HttpResponse::from_error(failure),
    };
    let reading = Args::from_request(&request, &mut payload);
    match actix_web::rt::time::timeout(deadline, reading).await {
        Err(_) => Failure::new(Code::RequestTimeout).error_response(),
        Ok(Err(error)) => HttpResponse::from_error(error),
        Ok(Ok(arguments)) => handler.call(arguments).await.respond_to(&request).map_into_boxed_body(),
    }
}

/// Identifies, permits, and limits the body; what was found out stands in the request's extensions.
async fn admit(
    route: &Arc<Route>,
    request: &HttpRequest,
    payload: Payload,
) -> Result<(Payload, Duration), Failure> {
    let missing = || Failure::new(Code::InternalError).caused_by("a route outside of http_kit's app");
    let shared = request.app_data::<web::Data<Shared>>().ok_or_else(missing)?;
    let arrived = request.extensions().get::<Arrived>().cloned().ok_or_else(missing)?;
    tracing::Span::current().record("route", route.path());
    arrived.audit.matched(route);

    let identity = identify(route.access(), shared, &arrived, request).await?;
    arrived.audit.identified(&identity);
    permit(route.access(), &identity)?;
    let Arrived { context, audit, address, .. } = arrived;
    request.extensions_mut().insert(Admitted { access: route.access(), identity, context, audit, address });
    Ok((body::limit(request, payload, route.payload_limit())?, shared.body_deadline))
}

async fn identify(
    access: Access,
    shared: &Shared,
    arrived: &Arrived,
    request: &HttpRequest,
) -> Result<Identity, Failure> {
    let credentials = &shared.kit.credentials;
    match access {
        Access::Public | Access::Webhook => Ok(Identity::Unknown),
        Access::Service => {
            let tokens = credentials.service.as_ref().ok_or_else(no_key)?;
            let name = tokens.authenticate(authorization(request)?).map_err(refused_bearer)?;
            Ok(Identity::Credential(name.to_string()))
        }
        Access::Staff(_) => {
            let gate = credentials.staff.as_ref().ok_or_else(no_key)?;
            let token = auth::bearer::token(authorization(request)?).map_err(refused_bearer)?;
            let admitted = gate.admit(token, shared.kit.clock.now(), &arrived.context).await;
            if let Err(Refused::Bearer(claims, reason)) = &admitted {
                arrived.audit.refused_staff(&claims.sub, *reason);
            }
            Ok(Identity::Staff(admitted?))
        }
        Access::Internal => match &arrived.issuer {
            Ok(issuer) => Ok(Identity::Internal(issuer.clone())),
            Err(InternalToken::Missing) => Err(Failure::new(Code::CredentialsMissing)),
            Err(InternalToken::Invalid) => Err(Failure::new(Code::CredentialsInvalid)),
        },
    }
}

fn permit(access: Access, identity: &Identity) -> Result<(), Failure> {
    let allowed = match (access, identity) {
        (Access::Staff(roles), Identity::Staff(staff)) => {
            staff.roles.iter().any(|role: &Role| roles.contains(role))
        }
        (Access::Staff(_), _) => false,
        _ => true,
    };
    if allowed { Ok(()) } else { Err(Failure::new(Code::PermissionDenied)) }
}

/// The `Authorization` header: `None` without one, refused if it came twice or is not text.
fn authorization(request: &HttpRequest) -> Result<Option<&str>, Failure> {
    let mut values = request.headers().get_all(AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(Failure::new(Code::CredentialsInvalid)),
    }
}

fn refused_bearer(error: BearerError) -> Failure {
    Failure::new(match error {
        BearerError::Missing => Code::CredentialsMissing,
        BearerError::Malformed | BearerError::Unknown => Code::CredentialsInvalid,
    })
}

/// The table was checked against the credentials at start, so this is never answered.
fn no_key() -> Failure {
    Failure::new(Code::InternalError).caused_by("a route asks for a credential that the service cannot check")
}
