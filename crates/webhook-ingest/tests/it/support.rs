//! What the tests start: the service over a real database, a stand-in for service-api, and a look into the tables.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth::keyring::KeyRing;
use auth::random::Random;
use auth::secret::Secret;
use auth::standard_webhooks::StandardSecrets;
use contract::clock::Clock;
use contract::ids::EventId;
use contract::internal::{ApplyBatch, ApplyEvent, ApplyResult, ApplyVerdict, ApplyVerdicts};
use contract::kyc::KycWords;
use db::types::{Id, Uid};
use db::{Database, on_backend};
use diesel::RunQueryDsl;
use diesel::deserialize::FromSql;
use diesel::sql_types::{BigInt, Nullable, Text};
use http_kit::server::Listen;
use http_kit::service::Running;
use serde_json::{Value, json};
use test_kit::credentials::{ring, staff_token};
use test_kit::database::TestDatabase;
use webhook_ingest::domain::signature::Secrets;
use webhook_ingest::{Config, MIGRATIONS, SCHEMA, Seams};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::http::{Answer, get, post};

pub(crate) const JWT: &str = "jwt-secret-for-tests-only-000000000";
pub(crate) const SECRET: &str = "webhook-secret-for-tests-only-0000";
pub(crate) const PREVIOUS: &str = "webhook-secret-for-tests-only-old0";
pub(crate) const ACME_SECRET: &str = "webhook-secret-for-tests-only-acme";
pub(crate) const INTERNAL: &str = "internal-secret-for-tests-only-000";
/// Base64 of `standard-secret-for-tests-only00`.
pub(crate) const STANDARD: &str = "whsec_c3RhbmRhcmQtc2VjcmV0LWZvci10ZXN0cy1vbmx5MDA=";
pub(crate) const API_TOKEN: &str = "service-token-for-tests-only-0000";

/// An address that nobody listens on: port 9 of this machine.
pub(crate) const NOBODY: &str = "http://127.0.0.1:9";

/// The service at work.
pub(crate) struct Ingest {
    pub(crate) running: Running,
    pub(crate) database: Database,
    pub(crate) address: SocketAddr,
    /// Knows nobody, and takes everybody at the word of their JWT.
    pub(crate) sso_issuer: MockServer,
}

/// The keys of Standard Webhooks senders.
pub(crate) fn standard_secrets() -> StandardSecrets {
    StandardSecrets::of(&ring(STANDARD)).expect("a good secret")
}

/// The settings of a test's instance, to be changed before the start.
pub(crate) fn config(on: &TestDatabase, service_api: &str) -> Config {
    let mut secrets = Secrets::of_site(KeyRing::new(Secret::new(SECRET), vec![Secret::new(PREVIOUS)]));
    secrets.sources.insert("acme".to_owned(), ring(ACME_SECRET));
    secrets.standard = Some(standard_secrets());
    secrets.others.push(("SERVICE_API_TOKEN".to_owned(), Secret::new(API_TOKEN)));
    Config {
        listen: Listen { drain: Duration::from_secs(1), ..Listen::on("127.0.0.1:0") },
        database: on.url(SCHEMA),
        internal: ring(INTERNAL),
        secrets,
        kyc_words: KycWords::built_in(),
        service_api_url: service_api.to_owned(),
        audit_log_url: NOBODY.to_owned(),
        staff: ring(JWT),
        sso_issuer_url: NOBODY.to_owned(),
        queue: 512,
        spool: None,
        spool_bytes: 1024 * 1024 * 1024,
    }
}

/// Migrates and starts one instance. A second call on the same database is a second replica.
pub(crate) async fn start(on: &TestDatabase, config: Config) -> Ingest {
    start_with(on, config, Clock::system()).await
}

/// As [`start`], by another clock.
pub(crate) async fn start_with(on: &TestDatabase, config: Config, clock: Clock) -> Ingest {
    let database = on.open(SCHEMA);
    MIGRATIONS.run(&database).await.expect("the migrations run");
    start_unmigrated(database, config, clock).await
}

/// As [`start_with`], on a database as it is.
pub(crate) async fn start_unmigrated(database: Database, config: Config, clock: Clock) -> Ingest {
    let sso_issuer = test_kit::staff::accepting().await;
    let config = Config { sso_issuer_url: sso_issuer.uri(), ..config };
    let running =
        webhook_ingest::start(config, Seams { clock, random: Random::system() }).expect("it starts");
    let address = running.address();
    Ingest { running, database, address, sso_issuer }
}

/// An instance with nobody to apply events.
pub(crate) async fn start_alone(on: &TestDatabase) -> Ingest {
    start(on, config(on, NOBODY)).await
}

impl Ingest {
    /// Posts a body signed for `site`.
    pub(crate) async fn deliver(&self, body: &[u8]) -> Answer {
        let signature = sign(SECRET, body);
        post(self.address, "/api/webhooks/site", &[("x-webhook-signature", &signature)], body).await
    }

    /// Posts a body under a given signature.
    pub(crate) async fn deliver_under(&self, signature: &str, body: &[u8]) -> Answer {
        post(self.address, "/api/webhooks/site", &[("x-webhook-signature", signature)], body).await
    }

    /// Asks for a path as staff with this role.
    pub(crate) async fn ask(&self, role: &str, path: &str) -> Answer {
        let bearer = format!("Bearer {}", staff_token(JWT, &json!(role)));
        get(self.address, path, &[("authorization", &bearer)]).await
    }

    /// Posts to a path as staff with this role.
    pub(crate) async fn tell(&self, role: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {}", staff_token(JWT, &json!(role)));
        post(self.address, path, &[("authorization", &bearer)], body.as_bytes()).await
    }

    /// Replays one event as an admin.
    pub(crate) async fn replay(&self, event_id: &str, body: &str) -> Answer {
        self.tell("admin", &format!("/api/webhooks/events/{event_id}/replay"), body).await
    }

    /// Replays many events as an admin.
    pub(crate) async fn replay_many(&self, body: &Value) -> Answer {
        self.tell("admin", "/api/webhooks/events/replay", &body.to_string()).await
    }

    /// All events, by intake, with what the work list says of those that wait. Each must stand in one place alone.
    pub(crate) async fn inbox(&self) -> Vec<Row> {
        let rows = "select events.intake, event_id, source, event_type, state, pending.lane, email_key, other_email_key, events.client_id, \
                    warnings, problem, events.reason, events.attempts from events left join pending on pending.intake = events.intake \
                    order by events.intake";
        let read = self.database.read(move |conn| {
            let astray: Vec<Count> = on_backend!(&mut *conn, |c| diesel::sql_query(ASTRAY).load(c))?;
            assert_eq!(astray[0].number, 0, "rows in no place, or in two");
            Ok(on_backend!(conn, |c| diesel::sql_query(rows).load(c))?)
        });
        read.await.expect("the inbox can be read")
    }

    /// The payloads of what requests and lanes left in the outbox, in the order in which it was written: without [`Ingest::starts`].
    pub(crate) async fn trail(&self) -> Vec<Value> {
        self.outbox().await.into_iter().filter(|entry| entry["action"] != START).collect()
    }

    /// The payloads of the entries of this service's starts.
    pub(crate) async fn starts(&self) -> Vec<Value> {
        self.outbox().await.into_iter().filter(|entry| entry["action"] == START).collect()
    }

    /// This service's metrics: a sample's name with its labels, and its value.
    pub(crate) async fn metrics(&self) -> BTreeMap<String, f64> {
        let answer = get(self.address, "/metrics", &[]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = String::from_utf8(answer.body).expect("UTF-8");
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').expect("a sample");
            let labels = name.replace("service=\"webhook-ingest\"", "").replace("{,", "{").replace("{}", "");
            (labels, value.parse().expect("a number"))
        };
        samples.map(sample).collect()
    }

    async fn outbox(&self) -> Vec<Value> {
        let mut told = self.database.read(outbox::waiting).await.expect("the outbox can be read");
        // As the trail takes them: each id once.
        let mut known = BTreeSet::new();
        told.retain(|entry| known.insert(entry.id));
        told.iter().map(|entry| serde_json::from_str(&entry.payload).expect("a payload is JSON")).collect()
    }

    /// The entries of deliveries: without the lanes' own.
    pub(crate) async fn attempts(&self) -> Vec<Value> {
        self.trail().await.into_iter().filter(|entry| entry["action"] == "webhook.receive").collect()
    }

    /// How many keys were ever seen.
    pub(crate) async fn seen(&self) -> i64 {
        let query = "select count(*) as number from seen";
        let rows = self
            .database
            .read(move |conn| Ok(on_backend!(conn, |c| diesel::sql_query(query).load::<Count>(c))?));
        rows.await.expect("the keys can be read").first().map_or(0, |row| row.number)
    }

    /// Stops it in good order.
    pub(crate) async fn stop(self) {
        self.running.stop().await.expect("it ends well");
    }
}

/// An event's id as the wire has it.
#[derive(diesel::deserialize::FromSqlRow)]
pub(crate) struct WireId(String);

impl<DB: diesel::backend::Backend> FromSql<Id, DB> for WireId
where
    Uid: FromSql<Id, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
        Ok(Self(EventId::from_uuid(Uid::from_sql(bytes)?.0)?.to_string()))
    }
}

impl From<WireId> for String {
    fn from(id: WireId) -> Self {
        id.0
    }
}

#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub(crate) struct Row {
    #[diesel(sql_type = BigInt)]
    pub(crate) intake: i64,
    #[diesel(sql_type = Id, deserialize_as = WireId)]
    pub(crate) event_id: String,
    #[diesel(sql_type = Text)]
    pub(crate) source: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) event_type: Option<String>,
    #[diesel(sql_type = Text)]
    pub(crate) state: String,
    #[diesel(sql_type = Nullable<diesel::sql_types::Integer>)]
    pub(crate) lane: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) email_key: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) other_email_key: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) client_id: Option<String>,
    #[diesel(sql_type = Text)]
    pub(crate) warnings: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) problem: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) reason: Option<String>,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub(crate) attempts: i32,
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// How many events are not where they should be: one that was accepted is on the work list or among the applied, any other on neither, and
/// both hold nothing else.
const ASTRAY: &str = "select (select count(*) from inbox \
     left join pending on pending.intake = inbox.intake left join applied on applied.intake = inbox.intake \
     where case when state = 'accepted' then 1 else 0 end <> \
         case when pending.intake is null then 0 else 1 end + case when applied.intake is null then 0 else 1 end) \
     + (select count(*) from pending where intake not in (select intake from inbox)) \
     + (select count(*) from applied where intake not in (select intake from inbox)) as number";

/// What a service says of its own start.
const START: &str = "service.start";

/// The states of the inbox, by intake.
pub(crate) fn states(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.state.as_str()).collect()
}

/// The signature of a body: 64 hex digits.
pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    auth::webhook::sign(&Secret::new(secret), body)
}

/// A registration as the platform writes it.
pub(crate) fn registration(id: &str, client: &str) -> Vec<u8> {
    format!(
        r#"{{"id":"{id}","event":"client.registered","data":{{"clientId":"{client}","email":"{client}@example.com","firstName":"Ada"}},"timestamp":"2025-10-13T19:00:00Z"}}"#
    )
    .into_bytes()
}

/// A stand-in for service-api: answers batches as it is told to at the moment, and remembers them.
pub(crate) struct ServiceApi {
    pub(crate) server: MockServer,
    batches: Arc<Mutex<Vec<Vec<ApplyEvent>>>>,
    ready: Arc<AtomicBool>,
    behaviour: Arc<Mutex<Behaviour>>,
}

type Behaviour = Box<dyn Fn(&ApplyBatch) -> ResponseTemplate + Send>;

impl ServiceApi {
    /// One that applies everything, and calls itself not ready.
    pub(crate) async fn start() -> Self {
        Self::start_on(MockServer::start().await).await
    }

    pub(crate) async fn start_on(server: MockServer) -> Self {
        let batches: Arc<Mutex<Vec<Vec<ApplyEvent>>>> = Arc::default();
        let behaviour: Arc<Mutex<Behaviour>> =
            Arc::new(Mutex::new(Box::new(|batch| all(batch, ApplyResult::Applied, None))));
        let (remembered, told) = (Arc::clone(&batches), Arc::clone(&behaviour));
        let respond = move |request: &Request| {
            let batch: ApplyBatch = serde_json::from_slice(&request.body).expect("a batch");
            let answer = told.lock().expect("a whole behaviour")(&batch);
            remembered.lock().expect("whole batches").push(batch.events);
            answer
        };
        Mock::given(method("POST"))
            .and(path("/internal/events/apply"))
            .respond_with(respond)
            .mount(&server)
            .await;
        let ready: Arc<AtomicBool> = Arc::default();
        let asked = Arc::clone(&ready);
        let readiness =
            move |_: &Request| ResponseTemplate::new(if asked.load(Ordering::Relaxed) { 200 } else { 503 });
        Mock::given(method("GET")).and(path("/readyz")).respond_with(readiness).mount(&server).await;
        Self { server, batches, ready, behaviour }
    }

    /// From now on it calls itself ready.
    pub(crate) fn be_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    pub(crate) fn url(&self) -> String {
        self.server.uri()
    }

    /// From now on it answers so.
    pub(crate) fn behave(&self, behaviour: impl Fn(&ApplyBatch) -> ResponseTemplate + Send + 'static) {
        *self.behaviour.lock().expect("a whole behaviour") = Box::new(behaviour);
    }

    /// The batches it was sent so far.
    pub(crate) fn batches(&self) -> Vec<Vec<ApplyEvent>> {
        self.batches.lock().expect("whole batches").clone()
    }

    /// The events it was sent so far.
    pub(crate) fn events(&self) -> Vec<ApplyEvent> {
        self.batches().into_iter().flatten().collect()
    }
}

/// The same verdict for all events of a batch.
pub(crate) fn all(batch: &ApplyBatch, result: ApplyResult, reason: Option<&str>) -> ResponseTemplate {
    each(batch, |_| (result, reason.map(str::to_owned)))
}

/// A verdict for each event of a batch.
pub(crate) fn each(
    batch: &ApplyBatch,
    verdict: impl Fn(&ApplyEvent) -> (ApplyResult, Option<String>),
) -> ResponseTemplate {
    let verdicts = batch.events.iter().map(|event| {
        let (result, reason) = verdict(event);
        ApplyVerdict { event_id: event.event_id, result, reason }
    });
    ResponseTemplate::new(200).set_body_json(ApplyVerdicts { verdicts: verdicts.collect() })
}

/// An event of this type, and this data as JSON.
pub(crate) fn event(id: &str, event_type: &str, data: &str) -> Vec<u8> {
    format!(r#"{{"id":"{id}","event":"{event_type}","data":{data},"timestamp":"2025-10-13T19:00:00Z"}}"#)
        .into_bytes()
}

/// An id of ours that no event has.
pub(crate) fn absent_id() -> String {
    EventId::new(Clock::system().now(), Random::system().bytes()).to_string()
}
