//! What handlers and jobs share, and how the service is put together from its settings.

use std::sync::Arc;

use auth::jwt::{Signer, Verifier};
use contract::internal::{AUDIT_LOG, SERVICE_API};
use db::{Database, Options};
use http_kit::client::{InternalClient, InternalTokens};
use http_kit::cursor::Cursors;
use http_kit::headers::HeaderLimits;
use http_kit::health::Readiness;
use http_kit::kit::{Credentials, Kit, Seams};
use http_kit::metrics::Metrics;
use http_kit::service::Service;
use http_kit::staff::StaffGate;
use outbox::{OutboxWriter, Shipper, Wake};
use tokio::sync::Notify;

use crate::config::Config;
use crate::db::logins;
use crate::domain::passwords::Passwords;
use crate::domain::staff::UnknownStaff;
use crate::error::StartError;
use crate::{MIGRATIONS, NAME, SCHEMA, jobs, routes};

/// What handlers and jobs share.
pub(crate) struct State {
    /// Where staff, log-ins and impersonations are.
    pub(crate) database: Database,
    /// The threads that hash passwords.
    pub(crate) passwords: Passwords,
    /// Signs staff JWTs.
    pub(crate) staff_signer: Signer,
    /// Signs impersonation tokens.
    pub(crate) sso_signer: Signer,
    /// What a JWT of somebody unknown is worth.
    pub(crate) unknown_staff: UnknownStaff,
    /// Where impersonation links lead; without a slash at the end.
    pub(crate) platform_url: String,
    /// Knows clients.
    pub(crate) service_api: InternalClient,
    /// Pages' ends.
    pub(crate) cursors: Cursors,
    /// Told after commits that hold audit entries.
    pub(crate) outbox: Wake,
    /// Told after commits that hold impersonations.
    pub(crate) activities: Notify,
    /// Time and chance.
    pub(crate) seams: Seams,
}

impl State {
    /// What the settings make of it, on an open database.
    pub(crate) fn new(
        config: &Config,
        database: Database,
        outbox: Wake,
        seams: Seams,
    ) -> Result<Self, StartError> {
        Ok(Self {
            database,
            passwords: Passwords::new(),
            staff_signer: Signer::new(config.staff.clone()),
            sso_signer: Signer::with_key_id(config.sso.clone()),
            unknown_staff: config.unknown_staff,
            platform_url: config.platform_url.clone(),
            service_api: client(config, &seams, "SERVICE_API_URL", &config.service_api_url, SERVICE_API)?,
            cursors: Cursors::new(config.internal.clone(), "crm-bridge sso-issuer impersonations"),
            outbox,
            activities: Notify::new(),
            seams,
        })
    }
}

/// Calls another service, whose address is this setting's value.
fn client(
    config: &Config,
    seams: &Seams,
    setting: &'static str,
    url: &str,
    audience: &'static str,
) -> Result<InternalClient, StartError> {
    let tokens = InternalTokens::new(NAME, audience, config.internal.clone(), seams.clock.clone());
    Ok(InternalClient::new(setting, url, tokens)?)
}

/// Puts the service together: what it shares, its routes, its jobs. Nothing is listened on and nothing connected to yet.
pub(crate) fn assemble(config: Config, seams: Seams) -> Result<Service, StartError> {
    let Seams { clock, random } = seams.clone();
    let database = Database::open(config.database.clone(), SCHEMA, &Options::default())?;
    let audit_log = client(&config, &seams, "AUDIT_LOG_URL", &config.audit_log_url, AUDIT_LOG)?;
    let wake = Wake::new();
    let metrics = Metrics::new(NAME);
    let entries = OutboxWriter::start(&database, "sso-issuer.outbox", &wake)?;
    entries.watch(&metrics, &database, &clock);
    let shipper = Shipper::new(database.clone(), audit_log, clock.clone(), random.clone(), wake.clone());
    let state = Arc::new(State::new(&config, database.clone(), wake, seams)?);
    let kit = Kit {
        service: NAME,
        credentials: Credentials {
            service: None,
            staff: Some(gate(Verifier::new(config.staff), &database, config.unknown_staff)),
            internal: Some(config.internal),
        },
        recorder: entries.recorder(),
        readiness: Readiness::new().check("database", move || MIGRATIONS.require_current(&database)),
        metrics,
        header_limits: HeaderLimits::INNER,
        clock,
        random,
    };
    let service = Service::new(kit, &routes::table()).with_metrics().with_state(Arc::clone(&state));
    let sweeping = Arc::clone(&state);
    Ok(service
        .with_job("activities", |shutdown| jobs::activities::run(state, shutdown))
        .with_job("sweep", |shutdown| jobs::sweep::run(sweeping, shutdown))
        .with_job("outbox", |shutdown| shipper.run_once_current(&MIGRATIONS, shutdown)))
}

/// This service asks nobody but its own database who may be here.
fn gate(verifier: Verifier, database: &Database, unknown: UnknownStaff) -> StaffGate {
    let database = database.clone();
    StaffGate::new(verifier, move |_, asked| {
        let database = database.clone();
        async move { logins::check(&database, asked, unknown).await }
    })
}
