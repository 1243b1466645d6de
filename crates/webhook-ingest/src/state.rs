//! What handlers and jobs share. Everything in here is cheap to reach and safe to share; nothing in here is a copy of what the
//! database says.

use std::path::PathBuf;
use std::sync::Arc;

use auth::jwt::Verifier;
use auth::random::Random;
use contract::clock::Clock;
use contract::ids::EventId;
use contract::internal::{AUDIT_LOG, SERVICE_API, SSO_ISSUER};
use contract::kyc::KycWords;
use db::pace::Pace;
use db::{BatchOptions, BatchWriter, Database, DbError, DbResult, Options};
use http_kit::client::{InternalClient, InternalTokens};
use http_kit::cursor::Cursors;
use http_kit::headers::HeaderLimits;
use http_kit::health::Readiness;
use http_kit::kit::{Credentials, Kit, Seams};
use http_kit::metrics::{Counts, Metrics};
use http_kit::service::Service;
use http_kit::staff::StaffGate;
use tokio::sync::Notify;

use crate::config::Config;
use crate::db::deliveries::{self, Submission};
use crate::db::intake::{Intake, PATIENCE};
use crate::db::spool::Spool;
use crate::domain::delivery::Settled;
use crate::domain::lanes::{LANES, Queue, WORKERS, worker_of};
use crate::domain::looks::Looks;
use crate::domain::signature::Secrets;
use crate::error::{Error, StartError};
use crate::{MIGRATIONS, NAME, SCHEMA, jobs, routes};

/// How many deliveries share a commit at most.
const BATCH: usize = 128;

/// How many threads commit deliveries.
const WRITERS: usize = 2;

/// What handlers and jobs share.
pub(crate) struct State {
    /// Where inbox, keys and outbox are.
    pub(crate) database: Database,
    /// Makes deliveries durable.
    pub(crate) intake: Intake,
    /// How work that may lag goes on beside it.
    pub(crate) pace: Pace,
    /// What signs deliveries.
    pub(crate) secrets: Secrets,
    /// When bad signatures were last looked into.
    pub(crate) looks: Looks,
    /// What KYC words mean.
    pub(crate) kyc_words: KycWords,
    /// The ends of pages.
    pub(crate) cursors: Cursors,
    /// Applies events, and knows what they left behind.
    pub(crate) service_api: InternalClient,
    /// Knows what was done with events.
    pub(crate) audit_log: InternalClient,
    /// What deliveries were answered.
    pub(crate) answers: Answers,
    /// Tells the outbox that entries wait.
    pub(crate) outbox: outbox::Wake,
    /// Who in this process waits for what.
    pub(crate) signals: Signals,
    /// The time.
    pub(crate) clock: Clock,
    /// Chance.
    pub(crate) random: Random,
}

impl State {
    /// The cursor of a page that ended with this event, for a question of these parts.
    pub(crate) fn cursor_at(&self, last: EventId, question: &[(&'static str, String)]) -> String {
        self.cursors.write(last.to_string().as_bytes(), question)
    }

    /// With which event the page of a cursor ended.
    pub(crate) fn place_of(
        &self,
        cursor: &str,
        question: &[(&'static str, String)],
    ) -> Result<EventId, Error> {
        let place = self.cursors.read(cursor, question).ok_or(Error::Cursor)?;
        std::str::from_utf8(&place).ok().and_then(|id| id.parse().ok()).ok_or(Error::Cursor)
    }
}

/// Counts what deliveries were answered, by the word of the answer.
#[derive(Clone)]
pub(crate) struct Answers(Counts);

impl Answers {
    /// A bad signature: 401.
    pub(crate) const FORGED: &str = "forged";
    /// Nothing is known to have been stored: 503 or 500.
    pub(crate) const NOT_STORED: &str = "not_stored";

    const WORDS: [&str; 6] =
        ["accepted", "duplicate", "unrecognized", "held", Self::FORGED, Self::NOT_STORED];

    fn of(metrics: &Metrics) -> Self {
        let help = "Answers to deliveries; held: 400, 409 and 422";
        Self(metrics.counts("crm_webhook_answers", help, "status", &Self::WORDS))
    }

    /// One delivery was answered so.
    pub(crate) fn count(&self, word: &'static str) {
        self.0.count(word);
    }
}

/// Word between tasks of this process. It only saves waiting: whoever misses it finds the same by looking into the database.
#[derive(Debug)]
pub(crate) struct Signals {
    fresh: Vec<Notify>,
    failing: Vec<Notify>,
    resolved: Notify,
}

impl Signals {
    pub(crate) fn new() -> Self {
        let several = |count| (0..count).map(|_| Notify::new()).collect();
        Self { fresh: several(WORKERS), failing: several(LANES), resolved: Notify::new() }
    }

    /// The signal that a lane's worker waits for.
    fn of(&self, queue: Queue, lane: i32) -> Option<&Notify> {
        let (signals, place) = match queue {
            Queue::Fresh => (&self.fresh, worker_of(lane)),
            Queue::Failing => (&self.failing, lane),
        };
        usize::try_from(place).ok().and_then(|place| signals.get(place))
    }

    /// A row of this lane is due.
    pub(crate) fn wake(&self, queue: Queue, lane: i32) {
        if let Some(signal) = self.of(queue, lane) {
            signal.notify_one();
        }
    }

    /// Waits until a row is due that the worker of this lane has to see to; at once if one was since the last wait.
    pub(crate) async fn due(&self, queue: Queue, lane: i32) {
        match self.of(queue, lane) {
            Some(signal) => signal.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Rows were resolved.
    pub(crate) fn rows_resolved(&self) {
        self.resolved.notify_waiters();
    }

    /// Completes when rows are resolved after this call.
    pub(crate) fn resolved(&self) -> tokio::sync::futures::Notified<'_> {
        self.resolved.notified()
    }
}

/// Puts the service together: what it shares, its routes, its jobs.
pub(crate) fn assemble(config: Config, seams: Seams) -> Result<Service, StartError> {
    let Seams { clock, random } = seams;
    let database = Database::open(config.database, SCHEMA, &Options::default())?;
    let (wake, metrics) = (outbox::Wake::new(), Metrics::new(NAME));
    let entries = outbox::OutboxWriter::start(&database, "webhook-ingest.outbox", &wake)?;
    entries.watch(&metrics, &database, &clock);
    let client = |setting, url: &str, audience| {
        let tokens = InternalTokens::new(NAME, audience, config.internal.clone(), clock.clone());
        InternalClient::new(setting, url, tokens)
    };
    let audit_log = client("AUDIT_LOG_URL", &config.audit_log_url, AUDIT_LOG)?;
    let sso_issuer = client("SSO_ISSUER_URL", &config.sso_issuer_url, SSO_ISSUER)?;
    let staff = StaffGate::remote(Verifier::new(config.staff), sso_issuer);
    let writer = writer(&database, config.queue, random.clone())?;
    let pace = Pace::behind(writer.pressure());
    let shipper = outbox::Shipper::new(
        database.clone(),
        audit_log.clone(),
        clock.clone(),
        random.clone(),
        wake.clone(),
    )
    .at(pace.clone());
    let open = |folder: &PathBuf| Spool::open(folder, config.spool_bytes, config.queue, random.clone());
    let spool = config.spool.as_ref().map(open).transpose()?;
    let state = Arc::new(State {
        intake: Intake::new(writer, spool),
        pace,
        service_api: client("SERVICE_API_URL", &config.service_api_url, SERVICE_API)?,
        audit_log,
        secrets: config.secrets,
        looks: Looks::default(),
        answers: Answers::of(&metrics),
        kyc_words: config.kyc_words,
        cursors: Cursors::new(config.internal.clone(), "crm-bridge webhook-ingest events"),
        outbox: wake,
        signals: Signals::new(),
        database: database.clone(),
        clock: clock.clone(),
        random: random.clone(),
    });
    let ready = Arc::clone(&state);
    jobs::backlog::watch(&metrics, &state);
    let kit = Kit {
        service: NAME,
        clock,
        random,
        credentials: Credentials { service: None, staff: Some(staff), internal: Some(config.internal) },
        recorder: entries.recorder(),
        readiness: Readiness::new().check("database", move || is_ready(Arc::clone(&ready))),
        metrics,
        header_limits: HeaderLimits::INNER,
    };
    let service = Service::new(kit, &routes::table()).with_metrics().with_state(Arc::clone(&state));
    Ok(service
        .with_job("spool", {
            let state = Arc::clone(&state);
            |shutdown| jobs::drain(state, shutdown)
        })
        .with_job("lanes", |shutdown| jobs::run(state, shutdown))
        .with_job("outbox", |shutdown| shipper.run_once_current(&MIGRATIONS, shutdown)))
}

/// Ready is who can take deliveries: with the tables as they must be, or, while they are out of reach, with room in the spool.
async fn is_ready(state: Arc<State>) -> DbResult<()> {
    let current = MIGRATIONS.require_current(&state.database);
    let Some(spool) = state.intake.spool() else { return current.await };
    if state.intake.is_away() && spool.has_room().await {
        return Ok(());
    }
    match tokio::time::timeout(PATIENCE, current).await {
        Ok(Err(error)) if error.is_transient() && spool.has_room().await => Ok(()),
        Err(_) if spool.has_room().await => Ok(()),
        Err(_) => Err(DbError::broken("neither the database nor the spool takes deliveries")),
        Ok(current) => current,
    }
}

/// The one writer of deliveries. Intake numbers follow the order of arrival where a sender waits for its answers; of deliveries that wait
/// at once either may come first, as with two replicas.
fn writer(
    database: &Database,
    queue: usize,
    random: Random,
) -> DbResult<BatchWriter<Arc<Submission>, Settled>> {
    let options =
        BatchOptions { name: "webhook-ingest.deliveries", capacity: queue, batch: BATCH, threads: WRITERS };
    BatchWriter::start(
        database,
        &options,
        |_| (),
        move |conn, submissions| deliveries::store(conn, submissions, &random),
    )
}
