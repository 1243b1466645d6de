//! The service at work on a database of the test's own, and those who call it.

use std::time::Duration;

use audit_log::{Config, MIGRATIONS, SCHEMA, Seams};
use auth::random::Random;
use contract::audit::{Actor, ActorKind, Category, Entry, Outcome, Sealed, Target, Text};
use contract::clock::Timestamp;
use contract::ids::EntryId;
use http_kit::server::Listen;
use http_kit::service::Running;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use test_kit::credentials::{internal_token, ring, staff_token};
use test_kit::database::TestDatabase;
use test_kit::waiting::PATIENCE;
use wiremock::MockServer;

pub(crate) const INTERNAL_SECRET: &str = "placeholder-internal-secret-0123456789abc";
pub(crate) const JWT_SECRET: &str = "placeholder-jwt-secret-0123456789abcdefgh";
pub(crate) const ENTRIES: &str = "/api/audit/entries";

/// When the tests' entries were made, by and large. Far from the service's own, which are made now.
pub(crate) fn long_ago() -> Timestamp {
    "2025-10-13T19:00:00Z".parse().expect("a time")
}

/// One replica of the service, and a way to talk to it.
pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) http: Client,
    /// Knows nobody, and takes everybody at the word of their JWT.
    _sso_issuer: MockServer,
}

impl World {
    /// A replica on a database, migrated first.
    pub(crate) async fn start(database: &TestDatabase) -> Self {
        MIGRATIONS.run(&database.open(SCHEMA)).await.expect("migrates");
        Self::start_unmigrated(database).await
    }

    /// A replica on a database as it is.
    pub(crate) async fn start_unmigrated(database: &TestDatabase) -> Self {
        let sso_issuer = test_kit::staff::accepting().await;
        let config = Config {
            listen: Listen::on("127.0.0.1:0"),
            database: database.url(SCHEMA),
            internal: ring(INTERNAL_SECRET),
            staff: ring(JWT_SECRET),
            sso_issuer_url: sso_issuer.uri(),
        };
        let running = audit_log::start(config, Seams::system()).expect("starts");
        // An error means that this process has a provider already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        Self { running, http, _sso_issuer: sso_issuer }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.running.url()))
    }

    /// Appends as a service of ours does.
    pub(crate) async fn append(&self, entries: &[Sealed]) -> Response {
        self.append_raw(&json!({ "entries": entries })).await
    }

    pub(crate) async fn append_raw(&self, body: &Value) -> Response {
        self.request(Method::POST, "/internal/entries")
            .header("x-crm-internal", internal_token(INTERNAL_SECRET, "service-api", audit_log::NAME))
            .json(body)
            .send()
            .await
            .expect("an answer")
    }

    /// Appends, and expects this to be the answer.
    #[track_caller]
    pub(crate) fn appends(&self, entries: &[Sealed], expected: [u64; 3]) -> impl Future<Output = ()> {
        let entries = entries.to_vec();
        async move {
            let [appended, already_there, conflicts] = expected;
            let expected =
                json!({ "appended": appended, "alreadyThere": already_there, "conflicts": conflicts });
            assert_eq!(body(self.append(&entries).await, 200).await, expected);
        }
    }

    /// Asks as an auditor. `path` begins with the entries' path, with a query or an id behind it.
    pub(crate) async fn get(&self, path: &str) -> Response {
        let bearer = staff_token(JWT_SECRET, &json!("auditor"));
        self.request(Method::GET, path).bearer_auth(bearer).send().await.expect("an answer")
    }

    /// A page of the tests' own entries, by a query.
    pub(crate) async fn page(&self, query: &str) -> Value {
        body(self.get(&format!("{ENTRIES}?to=2026-01-01T00:00:00Z&{query}")).await, 200).await
    }

    /// The ids of such a page.
    pub(crate) async fn ids(&self, query: &str) -> Vec<String> {
        ids(&self.page(query).await)
    }

    /// What the service itself put on the trail, once it holds what is waited for.
    pub(crate) async fn own_entries(&self, query: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let waiting = async {
            loop {
                let path = format!("{ENTRIES}?from=2026-01-01T00:00:00Z&limit=200&{query}");
                let page = body(self.get(&path).await, 200).await;
                let entries = page["entries"].as_array().expect("entries").clone();
                if enough(&entries) {
                    return entries;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("the trail never held {query}"))
    }
}

/// The body of an answer, which must have this status.
pub(crate) async fn body(answer: Response, status: u16) -> Value {
    let (got, url) = (answer.status(), answer.url().path().to_owned());
    let text = answer.text().await.expect("a whole answer");
    assert_eq!(got, status, "{url}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// The body of a problem, which must be whole.
pub(crate) async fn problem(answer: Response, status: u16, code: &str) -> Value {
    let header =
        |name: &str| answer.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
    assert_eq!(header("content-type").as_deref(), Some("application/problem+json"));
    let request_id = header("x-request-id").expect("a request id");
    let problem = body(answer, status).await;
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["requestId"], request_id);
    problem
}

pub(crate) fn ids(page: &Value) -> Vec<String> {
    let entries = page["entries"].as_array().expect("entries");
    entries.iter().map(|entry| entry["id"].as_str().expect("an id").to_owned()).collect()
}

/// An entry made `minute` minutes after the tests' time began.
pub(crate) fn entry(minute: u64) -> Entry {
    let time = long_ago().plus(Duration::from_secs(60 * minute));
    Entry {
        id: EntryId::new(time, Random::system().bytes()),
        time,
        service: "service-api",
        category: Category::ServiceApi,
        action: "client.read".to_owned(),
        outcome: Outcome::Success,
        reason: None,
        actor: Actor { kind: ActorKind::Service, id: Some(Text::open("trading-platform")) },
        target: Some(Target { kind: "client".to_owned(), id: Text::open("cl_1") }),
        address: Some(Text::personal("203.0.113.7")),
        request_id: Some(format!("req-{minute}")),
        method: Some("GET".to_owned()),
        route: Some("/api/service/clients/{email}".to_owned()),
        count: 1,
        details: Default::default(),
    }
}

pub(crate) fn seal(entry: &Entry) -> Sealed {
    http_kit::audit::seal(entry, &Random::system())
}

/// So many sealed entries, oldest first.
pub(crate) fn sealed(count: u64) -> Vec<Sealed> {
    (0..count).map(|minute| seal(&entry(minute))).collect()
}
