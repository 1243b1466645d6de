//! The service at work on a database of the test's own, a stand-in for service-api, and those who call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use auth::random::Random;
use auth::staff::Role;
use contract::audit::{Actor, ActorKind, Category, Entry, Outcome, Sealed};
use contract::clock::{Clock, ManualClock, Timestamp};
use contract::ids::{ClientRef, EntryId};
use contract::internal::{
    FIND_CLIENTS, FindClients, FoundClient, FoundClients, GATEWAY, RECORD_IMPERSONATIONS,
    RecordImpersonations, RecordedImpersonations,
};
use contract::resources::ClientStatus;
use db::{Database, on_backend};
use diesel::RunQueryDsl as _;
use diesel::sql_types::Text;
use http_kit::server::Listen;
use http_kit::service::Running;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use sso_issuer::register::{self, NewMember, OneTimePassword};
use sso_issuer::{Config, MIGRATIONS, SCHEMA, Seams, UnknownStaff};
use test_kit::credentials::{ring, signed};
use test_kit::database::TestDatabase;
use test_kit::waiting::PATIENCE;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) const JWT: &str = "jwt-secret-for-tests-only-0000000000";
pub(crate) const SSO: &str = "sso-secret-for-tests-only-0000000000";
pub(crate) const INTERNAL: &str = "internal-secret-for-tests-only-00000";
pub(crate) const PLATFORM: &str = "https://trade.example";
/// How every JWT of ours begins: `eyJ` alone turns up in digests by chance.
pub(crate) const TOKEN_START: &str = "eyJ0eXAiOiJKV1Qi";
/// An address that nobody listens on: port 9 of this machine.
const NOBODY: &str = "http://127.0.0.1:9";

/// The most that service-api takes in one body, in bytes.
const LARGEST_BODY: usize = 128 * 1024;

/// When the tests' time begins.
pub(crate) fn start_of_time() -> Timestamp {
    "2026-01-05T09:00:00Z".parse().expect("a time")
}

/// One replica, and what is around it.
pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) database: Database,
    pub(crate) http: Client,
    pub(crate) seams: Seams,
    pub(crate) hands: ManualClock,
    pub(crate) service_api: Arc<ServiceApi>,
}

impl World {
    /// A replica on a database, migrated first. Audit-log is away: its entries stay in the outbox.
    pub(crate) async fn start(on: &TestDatabase) -> Self {
        Self::start_with(on, |_| {}).await
    }

    /// As [`World::start`], with settings changed.
    pub(crate) async fn start_with(on: &TestDatabase, change: impl FnOnce(&mut Config)) -> Self {
        let (clock, hands) = Clock::manual(start_of_time());
        let seams = Seams { clock, random: Random::system() };
        let service_api = Arc::new(ServiceApi::start().await);
        Self::start_among(on, seams, hands, service_api, change).await
    }

    /// Another replica on the same database, in the same time.
    pub(crate) async fn beside(&self, on: &TestDatabase) -> Self {
        let (seams, hands) = (self.seams.clone(), self.hands.clone());
        Self::start_among(on, seams, hands, Arc::clone(&self.service_api), |_| {}).await
    }

    /// As [`World::beside`], with a clock of its own that is this far ahead.
    pub(crate) async fn beside_ahead(&self, on: &TestDatabase, by: Duration) -> Self {
        let (clock, hands) = Clock::manual(self.seams.clock.now().plus(by));
        let seams = Seams { clock, random: Random::system() };
        Self::start_among(on, seams, hands, Arc::clone(&self.service_api), |_| {}).await
    }

    async fn start_among(
        on: &TestDatabase,
        seams: Seams,
        hands: ManualClock,
        service_api: Arc<ServiceApi>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let database = on.open(SCHEMA);
        MIGRATIONS.run(&database).await.expect("migrates");
        let mut config = Config {
            listen: Listen { drain: Duration::from_secs(1), ..Listen::on("127.0.0.1:0") },
            database: on.url(SCHEMA),
            internal: ring(INTERNAL),
            staff: ring(JWT),
            sso: ring(SSO),
            unknown_staff: UnknownStaff::Accept,
            platform_url: PLATFORM.to_owned(),
            service_api_url: service_api.server.uri(),
            audit_log_url: NOBODY.to_owned(),
        };
        change(&mut config);
        let running = sso_issuer::start(config, seams.clone()).expect("starts");
        // An error means that this process has a provider already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        Self { running, database, http, seams, hands, service_api }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.running.url()))
    }

    /// Posts JSON, with a bearer if one is given.
    pub(crate) async fn post(&self, path: &str, bearer: &str, body: &Value) -> Response {
        let mut request = self.request(Method::POST, path).json(body);
        if !bearer.is_empty() {
            request = request.bearer_auth(bearer);
        }
        request.send().await.expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str, bearer: &str) -> Response {
        self.request(Method::GET, path).bearer_auth(bearer).send().await.expect("an answer")
    }

    /// Adds somebody; gives back their id and their one-time password.
    pub(crate) async fn hire(&self, email: &str, role: Role) -> (String, String) {
        let one_time = OneTimePassword::make(&self.seams.random).expect("a password");
        let new = NewMember::new(email, "Somebody", role).expect("an address");
        let added = register::add(&self.database, &self.seams, new, &one_time, self.entry()).await;
        let member = added.expect("stored").expect("added");
        (member.id.to_string(), one_time.password.expose().to_owned())
    }

    /// Adds somebody who has logged in once; gives back their id and their JWT. Their password is [`password_of`].
    pub(crate) async fn employ(&self, email: &str, role: Role) -> (String, String) {
        let (id, one_time) = self.hire(email, role).await;
        let said = json!({ "email": email, "password": one_time, "newPassword": password_of(email) });
        let answer = body(self.post("/api/auth/login", "", &said).await, 200).await;
        (id, answer["token"].as_str().expect("a token").to_owned())
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Response {
        self.post("/api/auth/login", "", &json!({ "email": email, "password": password })).await
    }

    /// Logs in from this address, as the gateway tells it.
    pub(crate) async fn log_in_from(&self, address: &str, email: &str, password: &str) -> Response {
        let now = self.seams.clock.now();
        let token = auth::internal_token::issue(&ring(INTERNAL), GATEWAY, sso_issuer::NAME, now);
        let asked = self
            .request(Method::POST, "/api/auth/login")
            .json(&json!({ "email": email, "password": password }));
        let told = asked.header("x-crm-internal", token).header("x-crm-client-address", address);
        told.send().await.expect("an answer")
    }

    /// A JWT as another part of the CRM signs it, made `age` seconds ago and valid for an hour from now.
    pub(crate) fn foreign(&self, mut claims: Value, age: i64) -> String {
        let now = self.seams.clock.now().as_seconds();
        claims["iat"] = json!(now - age);
        claims["exp"] = json!(now + 3600);
        signed(JWT, &claims)
    }

    /// The JWT of an admin of another part of the CRM.
    pub(crate) fn foreign_admin(&self) -> String {
        self.foreign(json!({ "sub": "crm-7", "email": "Boss@Broker.example", "role": "admin" }), 0)
    }

    /// An entry as the operator's command makes one.
    pub(crate) fn entry(&self) -> Entry {
        let now = self.seams.clock.now();
        Entry {
            id: EntryId::new(now, self.seams.random.bytes()),
            time: now,
            service: sso_issuer::NAME,
            category: Category::Staff,
            action: "staff.create".to_owned(),
            outcome: Outcome::Success,
            reason: None,
            actor: Actor { kind: ActorKind::System, id: None },
            target: None,
            address: None,
            request_id: None,
            method: None,
            route: None,
            count: 1,
            details: Default::default(),
        }
    }

    /// A query for one column named `text`.
    pub(crate) async fn texts(&self, query: &'static str) -> Vec<String> {
        let read =
            move |conn: &mut db::Conn| Ok(on_backend!(conn, |c| diesel::sql_query(query).load::<Line>(c))?);
        let lines = self.database.read(read).await.expect("the table can be read");
        lines.into_iter().map(|line| line.text).collect()
    }

    /// The payloads in the outbox of this action, oldest first.
    pub(crate) async fn entries(&self, action: &str) -> Vec<Value> {
        let told = self.told().await;
        let entries = told.iter().map(|entry| serde_json::from_str::<Value>(&entry.payload).expect("JSON"));
        entries.filter(|entry| entry["action"] == action).collect()
    }

    /// What opens the digests of each entry of this action, oldest first: its values by their places.
    pub(crate) async fn disclosed(&self, action: &str) -> Vec<Value> {
        let told = self.told().await;
        let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let of_action = told.iter().filter(|entry| json(&entry.payload)["action"] == action);
        let opened = of_action.map(|entry| {
            let one = |text: &String| {
                let (_, place, value): (String, String, String) =
                    serde_json::from_str(text).expect("three texts");
                (place, Value::String(value))
            };
            Value::Object(entry.disclosures.iter().map(one).collect())
        });
        opened.collect()
    }

    /// What waits in the outbox, oldest first.
    async fn told(&self) -> Vec<Sealed> {
        self.database.read(outbox::waiting).await.expect("the outbox can be read")
    }

    /// Everything that the database holds in the open or beside it, as one text.
    pub(crate) async fn all_texts(&self) -> String {
        let mut all = self.texts("select entries as text from outbox").await;
        all.extend(
            self.texts("select id || coalesce(reason, '') || staff_email as text from impersonations").await,
        );
        all.extend(self.texts("select id || email || password_hash as text from staff").await);
        all.extend(self.texts("select id || staff as text from sessions").await);
        all.extend(self.texts("select key || tried_at as text from login_failures").await);
        all.join("\n")
    }
}

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

/// The password that [`World::employ`] gives.
pub(crate) fn password_of(email: &str) -> String {
    format!("correct horse of {email}")
}

/// The body of an answer, which must have this status.
pub(crate) async fn body(answer: Response, status: u16) -> Value {
    let (got, url) = (answer.status(), answer.url().path().to_owned());
    let text = answer.text().await.expect("a whole answer");
    assert_eq!(got, status, "{url}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// The body of a problem with this code.
pub(crate) async fn problem(answer: Response, status: u16, code: &str) -> Value {
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let problem = body(answer, status).await;
    assert_eq!(problem["code"], code, "{problem}");
    problem
}

/// A stand-in for service-api: it knows the clients of [`found`], and keeps what it is told.
pub(crate) struct ServiceApi {
    pub(crate) server: MockServer,
    /// It answers 503 while this is set.
    pub(crate) away: Arc<AtomicBool>,
    /// It takes no impersonations while this is set.
    pub(crate) deaf: Arc<AtomicBool>,
}

impl ServiceApi {
    async fn start() -> Self {
        let server = MockServer::start().await;
        let away = Arc::new(AtomicBool::new(false));
        let deaf = Arc::new(AtomicBool::new(false));
        let (finding, recording, hearing) = (Arc::clone(&away), Arc::clone(&away), Arc::clone(&deaf));
        Mock::given(method("POST"))
            .and(path(FIND_CLIENTS))
            .respond_with(move |request: &Request| {
                let FindClients { id } = request.body_json().expect("a question");
                answer(&finding, FoundClients { matches: found(&id), pending: id == PENDING })
            })
            .mount(&server)
            .await;
        Mock::given(method("POST"))
            .and(path(RECORD_IMPERSONATIONS))
            .respond_with(move |request: &Request| {
                if hearing.load(Ordering::SeqCst) {
                    return ResponseTemplate::new(503);
                }
                if request.body.len() > LARGEST_BODY {
                    return ResponseTemplate::new(413);
                }
                answer(&recording, RecordedImpersonations { recorded: 0 })
            })
            .mount(&server)
            .await;
        Self { server, away, deaf }
    }

    /// What it was told, whether or not it acknowledged.
    pub(crate) async fn told(&self) -> Vec<RecordImpersonations> {
        let requests = self.server.received_requests().await.expect("they are kept");
        let told = requests.iter().filter(|request| request.url.path() == RECORD_IMPERSONATIONS);
        told.map(|request| request.body_json().expect("a batch")).collect()
    }

    /// How often it was asked for a client.
    pub(crate) async fn asked(&self) -> usize {
        let requests = self.server.received_requests().await.expect("they are kept");
        requests.iter().filter(|request| request.url.path() == FIND_CLIENTS).count()
    }
}

fn answer(away: &AtomicBool, body: impl serde::Serialize) -> ResponseTemplate {
    if away.load(Ordering::SeqCst) {
        return ResponseTemplate::new(503);
    }
    ResponseTemplate::new(200).set_body_json(body)
}

/// Our id of every client here.
pub(crate) fn client() -> ClientRef {
    ClientRef::new(start_of_time(), [7; 10])
}

/// The id of a client whom an acknowledged event names, and nobody knows yet.
pub(crate) const PENDING: &str = "pending";

/// Who has this id.
fn found(id: &str) -> Vec<FoundClient> {
    let of = |source: &str, email: Option<&str>, status| FoundClient {
        id: client(),
        client_id: Some(id.to_owned()),
        source: source.to_owned(),
        email: email.map(str::to_owned),
        status,
    };
    let ann = Some("Ann.Smith+Live@Example.COM");
    match id {
        "1001" | "a/b c" | "ä" => vec![of("site", ann, ClientStatus::Active)],
        "suspended" => vec![of("site", ann, ClientStatus::Suspended)],
        "closed" => vec![of("site", ann, ClientStatus::Closed)],
        "provisional" => vec![of("site", ann, ClientStatus::Provisional)],
        "no-email" => vec![of("site", None, ClientStatus::Active)],
        "nameless" => vec![FoundClient { client_id: None, ..of("site", ann, ClientStatus::Active) }],
        "twice" => vec![of("site", ann, ClientStatus::Active), of("acme", ann, ClientStatus::Closed)],
        id if id == client().to_string() => {
            vec![FoundClient { client_id: Some("1001".into()), ..of("site", ann, ClientStatus::Active) }]
        }
        _ => Vec::new(),
    }
}
