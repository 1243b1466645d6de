//! What the tests start: replicas over a real database, a stand-in for webhook-ingest, and a look into the tables.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use auth::keyring::KeyRing;
use auth::random::Random;
use auth::secret::Secret;
use contract::audit::Sealed;
use contract::clock::{Clock, Timestamp};
use contract::events::{ClientRegistered, Event, Reading, read};
use contract::ids::EventId;
use contract::internal::{
    AppendEntries, ApplyBatch, ApplyEvent, ApplyResult, ApplyVerdicts, AwaitClient, AwaitedClient, ReadEvent,
};
use contract::kyc::KycWords;
use contract::resources::EventStatus;
use db::{Database, on_backend};
use diesel::RunQueryDsl as _;
use diesel::sql_types::Text;
use http_kit::server::Listen;
use http_kit::service::Running;
use serde_json::Value;
use service_api::{Config, MIGRATIONS, NAME, SCHEMA, Seams};
use test_kit::credentials::{internal_token, ring, staff_token};
use test_kit::database::TestDatabase;
use test_kit::waiting::eventually;
use wiremock::MockServer;

use crate::http::{Answer, send};

pub(crate) const TOKEN: &str = "service-token-for-tests-only-00001";
pub(crate) const OLD_TOKEN: &str = "service-token-for-tests-only-00000";
pub(crate) const JWT_SECRET: &str = "staff-jwt-secret-for-tests-only-00";
pub(crate) const INTERNAL: &str = "internal-secret-for-tests-only-000";

/// An address that nobody listens on: port 9 of this machine.
pub(crate) const NOBODY: &str = "http://127.0.0.1:9";

/// One replica at work.
pub(crate) struct Api {
    pub(crate) running: Running,
    pub(crate) database: Database,
    _sso_issuer: MockServer,
}

impl Api {
    /// Migrates and starts a replica. Another call on the same database is another replica.
    pub(crate) async fn start(on: &TestDatabase, ingest_url: &str) -> Self {
        Self::start_as(on, config(on, ingest_url), Clock::system()).await
    }

    /// As [`Api::start`], with settings and a clock of the test's own.
    pub(crate) async fn start_as(on: &TestDatabase, config: Config, clock: Clock) -> Self {
        let database = on.open(SCHEMA);
        MIGRATIONS.run(&database).await.expect("the migrations run");
        let sso_issuer = test_kit::staff::accepting().await;
        let config = Config { sso_issuer_url: sso_issuer.uri(), ..config };
        let running =
            service_api::start(config, Seams { clock, random: Random::system() }).expect("it starts");
        Self { running, database, _sso_issuer: sso_issuer }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        send(self.running.address(), method, path, headers, body).await
    }

    /// Asks for a client as the platform does. `email` goes into the path as it is.
    pub(crate) async fn get(&self, email: &str) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        self.send("GET", &format!("/api/service/clients/{email}"), &[("Authorization", &bearer)], b"").await
    }

    /// A call of the platform's, with a body unless that is null.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.call_with(method, path, &[], body).await
    }

    /// As [`Api::call`], with more headers.
    pub(crate) async fn call_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let headers: Vec<_> = headers.iter().copied().chain([("Authorization", &*bearer)]).collect();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &format!("/api/service{path}"), &headers, body.as_bytes()).await
    }

    /// A call by a member of staff with this role.
    pub(crate) async fn as_staff(&self, role: &str, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {}", staff_token(JWT_SECRET, &Value::from(role)));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &[("Authorization", &bearer)], body.as_bytes()).await
    }

    /// A call by another of our services.
    pub(crate) async fn as_service(&self, service: &str, path: &str, body: &Value) -> Answer {
        let token = internal_token(INTERNAL, service, NAME);
        self.send("POST", path, &[("x-crm-internal", &token)], body.to_string().as_bytes()).await
    }

    /// The record of a client that must be there.
    pub(crate) async fn record(&self, email: &str) -> Value {
        let answer = self.get(email).await;
        assert_eq!(answer.status, 200, "{email}: {answer:?}");
        answer.json()
    }

    /// Has events applied as webhook-ingest does.
    pub(crate) async fn apply_raw(&self, body: &[u8]) -> Answer {
        let token = internal_token(INTERNAL, "webhook-ingest", NAME);
        self.send("POST", "/internal/events/apply", &[("x-crm-internal", &token)], body).await
    }

    pub(crate) async fn apply(&self, events: &[ApplyEvent]) -> Vec<(ApplyResult, Option<String>)> {
        apply_at(self.running.address(), events).await
    }

    /// As [`Api::apply`], and every event must be applied.
    pub(crate) async fn applies(&self, events: &[ApplyEvent]) {
        let verdicts = self.apply(events).await;
        assert!(verdicts.iter().all(|(result, _)| *result == ApplyResult::Applied), "{verdicts:?}");
    }

    /// The payloads in the outbox, in the order in which they were written.
    pub(crate) async fn trail(&self) -> Vec<Value> {
        let told = self.told().await;
        told.iter().map(|entry| serde_json::from_str(&entry.payload).expect("a payload is JSON")).collect()
    }

    /// What waits in the outbox, oldest first.
    pub(crate) async fn told(&self) -> Vec<Sealed> {
        self.database.read(outbox::waiting).await.expect("the outbox can be read")
    }

    /// Entries of this action, once there are so many of them.
    pub(crate) async fn entries(&self, action: &str, count: usize) -> Vec<Value> {
        let look = async || {
            let mut trail = self.trail().await;
            trail.retain(|entry| entry["action"] == action);
            trail
        };
        eventually(look, |trail| trail.len() >= count).await
    }

    /// A query for one column named `text`.
    pub(crate) async fn texts(&self, query: &'static str) -> Vec<String> {
        let read =
            move |conn: &mut db::Conn| Ok(on_backend!(conn, |c| diesel::sql_query(query).load::<Line>(c))?);
        let lines = self.database.read(read).await.expect("the table can be read");
        lines.into_iter().map(|line| line.text).collect()
    }

    /// The live clients, all that a record says but for our own ids, versions and times.
    pub(crate) async fn whole(&self) -> Vec<String> {
        self.texts(
            "select coalesce(source, '') || '|' || coalesce(client_id, '') || '|' || coalesce(email, email_key, '') || '|' || \
             coalesce(first_name, '') || '|' || coalesce(last_name, '') || '|' || coalesce(phone, '') || '|' || status || '|' || \
             coalesce(cast(registered_at as text), '') || '|' || field_orders || '|' || coalesce(email_key, '') || '|' || \
             coalesce((select max(email_key) from client_emails where client = id), '') || '|' || (select count(*) from client_emails where client = id) as text \
             from clients where merged_into is null order by 1",
        )
        .await
    }
}

/// The settings of a replica whose audit entries stay in its outbox.
pub(crate) fn config(on: &TestDatabase, ingest_url: &str) -> Config {
    Config {
        listen: Listen { drain: Duration::from_secs(1), ..Listen::on("127.0.0.1:0") },
        database: on.url(SCHEMA),
        internal: ring(INTERNAL),
        staff: ring(JWT_SECRET),
        token: KeyRing::new(Secret::new(TOKEN.to_owned()), vec![Secret::new(OLD_TOKEN.to_owned())]),
        webhook_ingest_url: ingest_url.to_owned(),
        audit_log_url: NOBODY.to_owned(),
        sso_issuer_url: NOBODY.to_owned(),
        kyc_words: KycWords::built_in(),
        default_currency: "USD".parse().expect("a currency"),
    }
}

/// A call that may be made from anywhere.
pub(crate) async fn apply_at(to: SocketAddr, events: &[ApplyEvent]) -> Vec<(ApplyResult, Option<String>)> {
    let token = internal_token(INTERNAL, "webhook-ingest", NAME);
    let body = serde_json::to_vec(&ApplyBatch { events: events.to_vec() }).expect("JSON");
    let answer = send(to, "POST", "/internal/events/apply", &[("x-crm-internal", &token)], &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let ApplyVerdicts { verdicts } = serde_json::from_str(&answer.text).expect("verdicts");
    let asked: Vec<EventId> = events.iter().map(|event| event.event_id).collect();
    assert_eq!(
        verdicts.iter().map(|verdict| verdict.event_id).collect::<Vec<_>>(),
        asked,
        "one for each, in order"
    );
    verdicts.into_iter().map(|verdict| (verdict.result, verdict.reason)).collect()
}

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

/// Second `second` of the tests' time.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_760_382_000_000_000 + second * 1_000_000)
}

/// A registration of `site` at second `second`, which is its intake number too.
pub(crate) fn registered(second: i64, client_id: Option<&str>, email: Option<&str>) -> ApplyEvent {
    let said = ClientRegistered {
        client_id: client_id.map(str::to_owned),
        email: email.map(str::to_owned),
        first_name: None,
        last_name: None,
        phone: None,
        country: None,
        language: None,
        created_at: None,
    };
    ApplyEvent {
        event_id: EventId::new(at(second), Random::system().bytes()),
        source: "site".to_owned(),
        intake: second,
        sequence: None,
        effective_at: at(second),
        received_at: at(second),
        event: Event::ClientRegistered(said),
    }
}

/// The same event, saying a first name too.
pub(crate) fn named(mut event: ApplyEvent, first_name: &str) -> ApplyEvent {
    if let Event::ClientRegistered(said) = &mut event.event {
        said.first_name = Some(first_name.to_owned());
    }
    event
}

/// What the stand-in for webhook-ingest does when it is asked.
#[derive(Clone)]
pub(crate) enum Asked {
    /// Nothing is pending.
    None,
    /// Something still is.
    Pending,
    /// Something was; it is applied before the answer.
    Applies(SocketAddr, Vec<ApplyEvent>),
    /// It answers this status and text.
    Answers(u16, &'static str),
}

/// A stand-in for webhook-ingest, and for audit-log.
pub(crate) struct Ingest {
    pub(crate) url: String,
    shared: Data<Shared>,
}

struct Shared {
    asked: Mutex<Asked>,
    heard: Mutex<Vec<AwaitClient>>,
    entries: Mutex<Vec<Sealed>>,
    events: Mutex<Vec<EventStatus>>,
}

impl Ingest {
    pub(crate) async fn start(asked: Asked) -> Self {
        let shared = Data::new(Shared {
            asked: Mutex::new(asked),
            heard: Mutex::default(),
            entries: Mutex::default(),
            events: Mutex::default(),
        });
        let data = shared.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route("/internal/events/await", web::post().to(answer))
                .route("/internal/events/read", web::post().to(read_event))
                .route("/internal/entries", web::post().to(append))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", server.addrs()[0]);
        tokio::spawn(server.run());
        Self { url, shared }
    }

    /// From now on it does this.
    pub(crate) fn does(&self, asked: Asked) {
        *self.shared.asked.lock().expect("whole") = asked;
    }

    /// From now on it knows this event.
    pub(crate) fn knows(&self, event: EventStatus) {
        self.shared.events.lock().expect("whole").push(event);
    }

    /// The audit entries so far.
    pub(crate) fn entries(&self) -> Vec<Sealed> {
        self.shared.entries.lock().expect("whole").clone()
    }

    /// The questions so far.
    pub(crate) fn heard(&self) -> Vec<AwaitClient> {
        self.shared.heard.lock().expect("whole").clone()
    }
}

async fn append(shared: Data<Shared>, request: HttpRequest, body: web::Json<AppendEntries>) -> HttpResponse {
    check_token(&request, "audit-log");
    let appended = u64::try_from(body.entries.len()).expect("few");
    shared.entries.lock().expect("whole").extend(body.into_inner().entries);
    HttpResponse::Ok().json(serde_json::json!({ "appended": appended, "alreadyThere": 0, "conflicts": 0 }))
}

async fn read_event(shared: Data<Shared>, request: HttpRequest, body: web::Json<ReadEvent>) -> HttpResponse {
    check_token(&request, "webhook-ingest");
    let events = shared.events.lock().expect("whole");
    match events.iter().find(|event| event.event_id == body.event_id) {
        Some(event) => HttpResponse::Ok().json(event),
        None => HttpResponse::NotFound().json(serde_json::json!({ "code": "event_not_found" })),
    }
}

fn check_token(request: &HttpRequest, audience: &str) {
    let token =
        request.headers().get("x-crm-internal").and_then(|value| value.to_str().ok()).expect("a token");
    let issuer = auth::internal_token::verify(&ring(INTERNAL), audience, token, Clock::system().now());
    assert_eq!(issuer.expect("a good token").as_str(), NAME);
}

async fn answer(shared: Data<Shared>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    check_token(&request, "webhook-ingest");
    shared.heard.lock().expect("whole").push(serde_json::from_slice(&body).expect("a question"));
    let asked = shared.asked.lock().expect("whole").clone();
    let pending = match asked {
        Asked::None => false,
        Asked::Pending => true,
        Asked::Applies(to, events) => {
            apply_at(to, &events).await;
            false
        }
        Asked::Answers(status, text) => {
            let status = actix_web::http::StatusCode::from_u16(status).expect("a status");
            return HttpResponse::build(status).body(text);
        }
    };
    HttpResponse::Ok().json(AwaitedClient { pending })
}

/// Any event of `site` at second `second`, read from a body as webhook-ingest reads it.
pub(crate) fn told(second: i64, event_type: &str, data: &Value) -> ApplyEvent {
    let body = serde_json::json!({ "event": event_type, "timestamp": at(second), "data": data }).to_string();
    match read(body.as_bytes(), &KycWords::built_in(), at(second)) {
        Reading::Known(envelope) => ApplyEvent {
            effective_at: envelope.effective_at,
            event: envelope.event.expect("a known event is read"),
            ..registered(second, None, None)
        },
        other => panic!("no event: {other:?}"),
    }
}
