//! A small service with every kind of route, its recorder in memory, and its clock in our hand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use auth::bearer::BearerTokens;
use auth::jwt::Verifier;
use auth::random::Random;
use auth::staff::Role;
use contract::audit::{Actor, ActorKind, Category, Sealed, Text};
use contract::clock::{Clock, ManualClock, Timestamp};
use contract::internal::{CheckStaff, CheckedStaff, StaffRefusal, StaffVerdict};
use contract::problems::Code;
use futures_util::StreamExt as _;
use http_kit::audit::{RecordError, Recorder};
use http_kit::caller::{Anyone, AuditorOrAdmin, Caller, Internal, Roles, Service, Staff, Webhook};
use http_kit::context::RequestContext;
use http_kit::headers::HeaderLimits;
use http_kit::health::Readiness;
use http_kit::kit::{Credentials, Kit};
use http_kit::metrics::Metrics;
use http_kit::problem::Failure;
use http_kit::routes::{Audit, Route, RouteTable};
use http_kit::server::Listen;
use http_kit::service::{Running, Service as Bundle, StartError};
use http_kit::staff::StaffGate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use test_kit::credentials::{ring, signed};
use tokio::sync::{Notify, Semaphore};

pub(crate) const SERVICE: &str = "test-service";
pub(crate) const TOKEN: &str = "placeholder-service-token-0123456789abcdef";
pub(crate) const INTERNAL_SECRET: &str = "placeholder-internal-secret-0123456789abc";
pub(crate) const JWT_SECRET: &str = "placeholder-jwt-secret-0123456789abcdefgh";

/// 2025-10-13T19:00:00Z
pub(crate) fn start_of_time() -> Timestamp {
    "2025-10-13T19:00:00Z".parse().expect("a time")
}

/// What handlers share.
pub(crate) struct State {
    /// `/slow` says so when it has begun, and goes on when it may.
    pub(crate) begun: Notify,
    pub(crate) may_end: Semaphore,
    /// `/slow` says so when it has ended, or was given up.
    pub(crate) ended: Notify,
}

struct Ended(Arc<State>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.notify_one();
    }
}

pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) trail: Trail,
    pub(crate) hands: ManualClock,
    pub(crate) state: Arc<State>,
    /// `/readyz` fails while this is set.
    pub(crate) broken: Arc<AtomicBool>,
}

/// A recorder that keeps what it is given, and can be told to fail.
#[derive(Clone, Default)]
pub(crate) struct Trail {
    entries: Arc<Mutex<Vec<Sealed>>>,
    /// What the service says of its own start, which is no part of what requests leave.
    starts: Arc<Mutex<Vec<Value>>>,
    pub(crate) fails: Arc<AtomicBool>,
    more: Arc<Notify>,
}

impl Trail {
    fn recorder(&self) -> Recorder {
        let trail = self.clone();
        Recorder::new(move |sealed| {
            let trail = trail.clone();
            async move {
                if trail.fails.load(Ordering::SeqCst) {
                    return Err(RecordError::new("the disk of Ada Lovelace is full"));
                }
                let payload: Value = serde_json::from_str(&sealed.payload).expect("JSON");
                if payload["action"] == "service.start" {
                    trail.starts.lock().expect("not poisoned").push(payload);
                    return Ok(());
                }
                trail.entries.lock().expect("not poisoned").push(sealed);
                trail.more.notify_one();
                Ok(())
            }
        })
    }

    /// The entries of starts so far.
    pub(crate) fn starts(&self) -> Vec<Value> {
        self.starts.lock().expect("not poisoned").clone()
    }

    pub(crate) fn now(&self) -> Vec<Sealed> {
        self.entries.lock().expect("not poisoned").clone()
    }

    /// The payloads, once their counts add up to `count`. Fails if they never do.
    pub(crate) async fn adding_up_to(&self, count: u64) -> Vec<Value> {
        let waiting = async {
            loop {
                let payloads: Vec<Value> = self
                    .now()
                    .iter()
                    .map(|sealed| serde_json::from_str(&sealed.payload).expect("JSON"))
                    .collect();
                let have: u64 =
                    payloads.iter().map(|payload| payload["count"].as_u64().expect("a count")).sum();
                assert!(have <= count, "more than {count}: {payloads:#?}");
                if have == count {
                    return payloads;
                }
                self.more.notified().await;
            }
        };
        let late = || panic!("the trail never added up to {count}: {:#?}", self.now());
        tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| late())
    }
}

pub(crate) struct Nobody;

impl Roles for Nobody {
    const ROLES: &'static [Role] = &[];
}

#[derive(Serialize, Deserialize)]
struct Body {
    number: u32,
}

#[derive(Deserialize)]
struct Paging {
    limit: u32,
}

const QUIET: Audit = Audit::Quiet("a test");

const fn action(action: &'static str) -> Audit {
    Audit::Action { category: Category::ServiceApi, action }
}

/// Every kind of route.
pub(crate) fn table() -> RouteTable {
    RouteTable::new([
        Route::get("/", QUIET, async |_: Caller<Anyone>| "root"),
        Route::get("/open", QUIET, async |_: Caller<Anyone>| "open"),
        Route::get("/clients/{email}", action("client.read"), read_client),
        Route::post("/clients/{email}", action("client.write"), write_client).with_payload_limit(1000),
        Route::get("/staff/trail", action("trail.read"), async |_: Caller<Staff<AuditorOrAdmin>>| "trail"),
        Route::get("/staff/none", action("none.read"), async |_: Caller<Staff<Nobody>>| "never"),
        Route::post("/internal/echo", QUIET, async |caller: Caller<Internal>, body: web::Json<Value>| {
            web::Json(json!({
                "from": format!("{:?}", caller.identity()),
                "address": caller.address(),
                "requestId": caller.context().request_id().as_str(),
                "traceId": caller.context().trace_id(),
                "body": body.into_inner(),
            }))
        }),
        Route::post("/webhooks/{source}", action("webhook.receive"), receive_delivery)
            .with_payload_limit(4096),
        Route::get("/numbers/{number}", QUIET, async |_: Caller<Anyone>, number: web::Path<u32>| {
            number.to_string()
        }),
        Route::get("/page", QUIET, async |_: Caller<Anyone>, page: web::Query<Paging>| {
            page.limit.to_string()
        }),
        Route::post("/json", QUIET, async |_: Caller<Anyone>, body: web::Json<Body>| body.number.to_string())
            .with_payload_limit(100),
        Route::new(Method::PUT, "/stream", QUIET, stream).with_payload_limit(100),
        Route::get("/broken", action("broken.read"), async |_: Caller<Service>| {
            Err::<HttpResponse, _>(Failure::new(Code::InternalError).caused_by("secret cause"))
        }),
        Route::get("/foreign", QUIET, async |_: Caller<Anyone>| {
            Err::<HttpResponse, _>(actix_web::error::ErrorInternalServerError("secret cause"))
        }),
        Route::get("/bare/{status}", QUIET, async |_: Caller<Anyone>, status: web::Path<u16>| {
            HttpResponse::new(actix_web::http::StatusCode::from_u16(*status).expect("a status"))
        }),
        Route::get("/slow", QUIET, async |_: Caller<Anyone>, state: web::Data<Arc<State>>| {
            let _ended = Ended(Arc::clone(&state));
            state.begun.notify_one();
            state.may_end.acquire().await.expect("open").forget();
            "done"
        }),
        Route::new(Method::POST, "/person", QUIET, answer_person),
        Route::get("/person", QUIET, async |caller: Caller<Anyone>, request: HttpRequest| {
            answer_person(caller, request, web::Bytes::new()).await
        }),
        Route::get("/html", QUIET, async |_: Caller<Anyone>| {
            Failure::new(Code::EntryNotFound).into_page("<p>Not there</p>".to_owned())
        }),
        Route::any("/pass/{rest:.*}", QUIET, async |caller: Caller<Anyone>, rest: web::Path<String>| {
            caller.audit().recorded();
            HttpResponse::NotFound()
                .content_type("application/problem+json")
                .body(format!("{{\"rest\":\"{rest}\"}}"))
        }),
    ])
}

/// What is known of a person for whom another service calls; refused to whoever shows no bearer token.
async fn answer_person(
    caller: Caller<Anyone>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Failure> {
    let bearer = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    match bearer {
        None => Err(Failure::new(Code::LoginLocked).retry_after(90)),
        Some("Bearer nothing") => Ok(HttpResponse::NoContent().finish()),
        Some("Bearer trouble") => Err(Failure::new(Code::Unavailable)),
        Some(bearer) => Ok(HttpResponse::Ok().json(json!({
            "bearer": bearer,
            "address": caller.address(),
            "query": request.query_string(),
            "body": String::from_utf8_lossy(&body),
        }))),
    }
}

async fn read_client(caller: Caller<Service>, email: web::Path<String>) -> Result<web::Json<Value>, Failure> {
    caller.audit().set_target("client", Text::personal(email.as_str()));
    if email.starts_with("nobody") {
        return Err(Failure::new(Code::ClientNotFound));
    }
    Ok(web::Json(json!({ "email": email.as_str() })))
}

/// Stores its entry by itself, as one that shares a commit with an effect.
async fn write_client(
    caller: Caller<Service>,
    email: web::Path<String>,
    body: web::Bytes,
    trail: web::Data<Trail>,
) -> HttpResponse {
    caller.audit().set_target("client", Text::personal(email.as_str()));
    caller.audit().add_detail("bytes", i64::try_from(body.len()).expect("small"));
    let sealed = http_kit::audit::seal(&caller.audit().take_entry(), &Random::system());
    trail.entries.lock().expect("not poisoned").push(sealed);
    caller.audit().recorded();
    HttpResponse::Created().finish()
}

/// "Signed" is whatever says so.
async fn receive_delivery(
    caller: Caller<Webhook>,
    source: web::Path<String>,
    body: web::Bytes,
) -> Result<String, Failure> {
    let actor = Actor { kind: ActorKind::Platform, id: Some(Text::open(source.as_str())) };
    if !body.starts_with(b"signed") {
        caller.audit().claim(actor);
        if body.starts_with(b"diagnosed") {
            caller.audit().add_detail("looksLike", Text::open("body_plus_newline"));
            caller.audit().keep_whole();
        }
        return Err(Failure::new(Code::SignatureMismatch));
    }
    caller.audit().identify(actor);
    if body.ends_with(b"nonsense") {
        Err(Failure::new(Code::InvalidEvent))
    } else {
        Ok("accepted".to_owned())
    }
}

async fn stream(_: Caller<Anyone>, mut payload: web::Payload) -> Result<String, actix_web::Error> {
    let mut length = 0;
    while let Some(chunk) = payload.next().await {
        length += chunk?.len();
    }
    Ok(length.to_string())
}

impl World {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {}, |_| {})
    }

    pub(crate) fn start_with(
        change_kit: impl FnOnce(&mut Kit),
        change_listen: impl FnOnce(&mut Listen),
    ) -> Self {
        let mut listen = Listen::on("127.0.0.1:0");
        change_listen(&mut listen);
        Self::build(change_kit, &listen).expect("starts")
    }

    pub(crate) fn try_start(listen: &Listen) -> Result<(), StartError> {
        Self::build(|_| {}, listen).map(drop)
    }

    fn build(change_kit: impl FnOnce(&mut Kit), listen: &Listen) -> Result<Self, StartError> {
        let (clock, hands) = Clock::manual(start_of_time());
        let trail = Trail::default();
        let broken = Arc::new(AtomicBool::new(false));
        let state =
            Arc::new(State { begun: Notify::new(), may_end: Semaphore::new(0), ended: Notify::new() });
        let mut kit = kit(clock, &trail, readiness(&broken));
        change_kit(&mut kit);
        let service = Bundle::new(kit, &table()).with_state(trail.clone()).with_state(Arc::clone(&state));
        let running = service.start(listen)?;
        Ok(Self { running, trail, hands, state, broken })
    }

    /// The kit of a service that checks no credential.
    pub(crate) fn bare_kit() -> Kit {
        let trail = Trail::default();
        Kit { credentials: Credentials::default(), ..kit(Clock::system(), &trail, Readiness::new()) }
    }
}

fn readiness(broken: &Arc<AtomicBool>) -> Readiness {
    let broken = Arc::clone(broken);
    Readiness::new().check("database", move || {
        let broken = broken.load(Ordering::SeqCst);
        async move { if broken { Err("secret cause") } else { Ok(()) } }
    })
}

fn kit(clock: Clock, trail: &Trail, readiness: Readiness) -> Kit {
    Kit {
        service: SERVICE,
        clock,
        random: Random::system(),
        credentials: Credentials {
            service: Some(BearerTokens::new(vec![("service-api".to_owned(), ring(TOKEN))])),
            staff: Some(StaffGate::new(Verifier::new(ring(JWT_SECRET)), check_staff)),
            internal: Some(ring(INTERNAL_SECRET)),
        },
        recorder: trail.recorder(),
        readiness,
        metrics: Metrics::new(SERVICE),
        header_limits: HeaderLimits::EDGE,
    }
}

/// A staff table that knows `stf_known` as a supporter and nobody called `stf_disabled`, is out of order for `stf_trouble`, and
/// lets the token decide about everybody else.
async fn check_staff(_: RequestContext, asked: CheckStaff) -> Result<StaffVerdict, &'static str> {
    let CheckStaff { sub: id, email, roles, .. } = asked;
    match id.as_str() {
        "stf_trouble" => Err("secret cause"),
        "stf_disabled" => Ok(StaffVerdict::Refused { reason: StaffRefusal::Disabled }),
        "stf_known" => Ok(StaffVerdict::Known(CheckedStaff {
            id,
            email,
            roles: vec!["support".to_owned()],
            external: false,
        })),
        _ => Ok(StaffVerdict::Known(CheckedStaff { id, email, roles, external: true })),
    }
}

/// The `Authorization` of the service API's caller.
pub(crate) fn service_bearer() -> String {
    format!("Bearer {TOKEN}")
}

/// The `Authorization` of a member of staff, from these claims.
pub(crate) fn staff_bearer(claims: &Value) -> String {
    format!("Bearer {}", signed(JWT_SECRET, claims))
}

/// Claims of staff with this role, valid for a minute.
pub(crate) fn claims(role: &Value) -> Value {
    let now = start_of_time().as_seconds();
    json!({ "sub": "stf_1", "email": "staff@broker.example", "role": role, "iat": now, "exp": now + 60 })
}

/// An internal token of `issuer` for `audience`.
pub(crate) fn internal_token(issuer: &str, audience: &str) -> String {
    auth::internal_token::issue(&ring(INTERNAL_SECRET), issuer, audience, start_of_time())
}
