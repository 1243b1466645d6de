//! What handlers share, and how the service is put together from its settings. Everything in here is cheap to reach; nothing in
//! here is a copy of what the database says.

use auth::bearer::BearerTokens;
use auth::jwt::Verifier;
use contract::email::EmailKey;
use contract::internal::{AUDIT_LOG, PLATFORM, SSO_ISSUER, WEBHOOK_INGEST};
use contract::kyc::KycWords;
use contract::money::Currency;
use contract::resources::ClientRecord;
use db::pace::Pace;
use db::{BatchOptions, BatchReader, Database, Options};
use http_kit::client::{InternalClient, InternalTokens};
use http_kit::cursor::Cursors;
use http_kit::headers::HeaderLimits;
use http_kit::health::Readiness;
use http_kit::kit::{Credentials, Kit, Seams};
use http_kit::metrics::Metrics;
use http_kit::service::Service;
use http_kit::staff::StaffGate;
use outbox::{OutboxWriter, Shipper, Wake};

use crate::config::Config;
use crate::db::find;
use crate::error::StartError;
use crate::jobs::idempotency_keys::Purge;
use crate::jobs::search_texts::Fill;
use crate::{MIGRATIONS, NAME, SCHEMA, routes};

/// How look-ups by address share transactions: those beyond what may wait are answered 503. One thread makes the larger batches: what
/// a read costs is the way to the database and back more than the look-up itself.
const BY_ADDRESS: BatchOptions =
    BatchOptions { name: "service-api.by-address", capacity: 4096, batch: 128, threads: 1 };

/// What handlers share.
pub(crate) struct State {
    /// Where the client record is.
    pub(crate) database: Database,
    /// Whom an address means.
    pub(crate) by_address: BatchReader<EmailKey, Option<ClientRecord>>,
    /// Knows which acknowledged events are still to be applied.
    pub(crate) ingest: InternalClient,
    /// Told after commits that hold audit entries.
    pub(crate) wake: Wake,
    /// Pages' ends.
    pub(crate) cursors: Cursors,
    /// What words of platforms mean.
    pub(crate) kyc_words: KycWords,
    /// The currency where nobody says it.
    pub(crate) default_currency: Currency,
    /// Time and chance.
    pub(crate) seams: Seams,
}

/// Puts the service together: what it shares, its routes, its jobs. Nothing is listened on and nothing connected to yet.
pub(crate) fn assemble(config: Config, seams: Seams) -> Result<Service, StartError> {
    let Seams { clock, random } = seams.clone();
    let database = Database::open(config.database, SCHEMA, &Options::default())?;
    let client = |setting, url: &str, audience| {
        InternalClient::new(
            setting,
            url,
            InternalTokens::new(NAME, audience, config.internal.clone(), clock.clone()),
        )
    };
    let ingest = client("WEBHOOK_INGEST_URL", &config.webhook_ingest_url, WEBHOOK_INGEST)?;
    let audit_log = client("AUDIT_LOG_URL", &config.audit_log_url, AUDIT_LOG)?;
    let sso_issuer = client("SSO_ISSUER_URL", &config.sso_issuer_url, SSO_ISSUER)?;
    let staff = StaffGate::remote(Verifier::new(config.staff), sso_issuer);
    let wake = Wake::new();
    let metrics = Metrics::new(NAME);
    let entries = OutboxWriter::start(&database, "service-api.outbox", &wake)?;
    entries.watch(&metrics, &database, &clock);
    let by_address = BatchReader::start(&database, &BY_ADDRESS, find::by_emails)?;
    outbox::watch_writer(&metrics, by_address.batches());
    // Whoever reads waits for an entry to be durable here; on its way to the trail it waits for them.
    let shipper = Shipper::new(database.clone(), audit_log, clock.clone(), random.clone(), wake.clone())
        .at(Pace::behind(entries.pressure()));
    let checked = database.clone();
    let readiness = Readiness::new().check("database", move || MIGRATIONS.require_current(&checked));
    let kit = Kit {
        service: NAME,
        credentials: Credentials {
            service: Some(BearerTokens::new(vec![(PLATFORM.to_owned(), config.token)])),
            staff: Some(staff),
            internal: Some(config.internal.clone()),
        },
        recorder: entries.recorder(),
        readiness,
        metrics,
        header_limits: HeaderLimits::INNER,
        clock,
        random,
    };
    let purge = Purge { database: database.clone(), clock: seams.clock.clone() };
    let fill = Fill { database: database.clone() };
    let state = State {
        database,
        by_address,
        ingest,
        wake,
        cursors: Cursors::new(config.internal, "crm-bridge service-api lists"),
        kyc_words: config.kyc_words,
        default_currency: config.default_currency,
        seams,
    };
    Ok(Service::new(kit, &routes::table())
        .with_metrics()
        .with_state(state)
        .with_job("outbox", |shutdown| shipper.run_once_current(&MIGRATIONS, shutdown))
        .with_job("idempotency-keys", |shutdown| purge.run(shutdown))
        .with_job("search-texts", |shutdown| fill.run(shutdown)))
}
