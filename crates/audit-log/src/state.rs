//! What handlers share, and how the service is put together.

use auth::jwt::Verifier;
use contract::clock::Clock;
use contract::internal::SSO_ISSUER;
use db::{BatchOptions, BatchWriter, Database, Options};
use http_kit::client::{InternalClient, InternalTokens};
use http_kit::headers::HeaderLimits;
use http_kit::health::Readiness;
use http_kit::kit::{Credentials, Kit, Seams};
use http_kit::metrics::Metrics;
use http_kit::service::Service;
use http_kit::staff::StaffGate;
use outbox::{OutboxWriter, Wake};

use crate::config::Config;
use crate::db::entries::{Appended, NewRow, append};
use crate::domain::cursor::Cursors;
use crate::error::StartError;
use crate::jobs::shipping::Shipping;
use crate::{MIGRATIONS, NAME, SCHEMA, routes};

/// How entries are written: enough may wait for every service to ship a full batch at once, several times over.
const APPENDING: BatchOptions =
    BatchOptions { name: "audit-log.append", capacity: 20_000, batch: 500, threads: 1 };

/// What handlers share.
pub(crate) struct State {
    /// Where the trail is.
    pub(crate) database: Database,
    /// Appends to the trail.
    pub(crate) writer: BatchWriter<NewRow, Appended>,
    /// Pages' ends.
    pub(crate) cursors: Cursors,
    /// The time.
    pub(crate) clock: Clock,
}

/// Puts the service together: what it shares, its routes, its jobs. Nothing is listened on and nothing connected to yet.
pub(crate) fn assemble(config: Config, seams: Seams) -> Result<Service, StartError> {
    let Seams { clock, random } = seams.clone();
    let Config { database, internal, staff, sso_issuer_url, .. } = config;
    let tokens = InternalTokens::new(NAME, SSO_ISSUER, internal.clone(), clock.clone());
    let sso_issuer = InternalClient::new("SSO_ISSUER_URL", &sso_issuer_url, tokens)?;
    let database = Database::open(database, SCHEMA, &Options::default())?;
    let wake = Wake::new();
    let metrics = Metrics::new(NAME);
    let entries = OutboxWriter::start(&database, "audit-log.outbox", &wake)?;
    entries.watch(&metrics, &database, &clock);
    let shipping = Shipping { database: database.clone(), internal: internal.clone(), seams, wake };
    let writer = BatchWriter::start(&database, &APPENDING, |row: &NewRow| row.id, append)?;
    outbox::watch_writer(&metrics, &writer);
    let checked = database.clone();
    let readiness = Readiness::new().check("database", move || MIGRATIONS.require_current(&checked));
    let kit = Kit {
        service: NAME,
        credentials: Credentials {
            service: None,
            staff: Some(StaffGate::remote(Verifier::new(staff), sso_issuer)),
            internal: Some(internal.clone()),
        },
        recorder: entries.recorder(),
        readiness,
        metrics,
        header_limits: HeaderLimits::INNER,
        clock: clock.clone(),
        random,
    };
    let state = State { database, writer, cursors: Cursors::new(internal), clock };
    Ok(Service::new(kit, &routes::table())
        .with_metrics()
        .with_state(state)
        .with_job_at("outbox", |address, shutdown| shipping.run(address, shutdown)))
}
