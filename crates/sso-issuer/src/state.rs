//! How the service is put together from its settings.

use contract::internal::AUDIT_LOG;
use db::{Database, Options};
use http_kit::client::{InternalClient, InternalTokens};
use http_kit::headers::HeaderLimits;
use http_kit::health::Readiness;
use http_kit::kit::{Credentials, Kit, Seams};
use http_kit::service::Service;
use outbox::{OutboxWriter, Shipper, Wake};

use crate::config::Config;
use crate::error::StartError;
use crate::{MIGRATIONS, NAME, SCHEMA, routes};

/// Puts the service together: what it shares, its routes, its jobs. Nothing is listened on and nothing connected to yet.
pub(crate) fn assemble(config: Config, seams: Seams) -> Result<Service, StartError> {
    let Seams { clock, random } = seams;
    let database = Database::open(config.database, SCHEMA, &Options::default())?;
    let tokens = InternalTokens::new(NAME, AUDIT_LOG, config.internal.clone(), clock.clone());
    let audit_log = InternalClient::new("AUDIT_LOG_URL", &config.audit_log_url, tokens)?;
    let wake = Wake::new();
    let recorder = OutboxWriter::start(&database, "sso-issuer.outbox", &wake)?.recorder();
    let shipper = Shipper::new(database.clone(), audit_log, clock.clone(), random.clone(), wake);
    let kit = Kit {
        service: NAME,
        credentials: Credentials { service: None, staff: None, internal: Some(config.internal) },
        recorder,
        readiness: Readiness::new().check("database", move || MIGRATIONS.require_current(&database)),
        header_limits: HeaderLimits::INNER,
        clock,
        random,
    };
    Ok(Service::new(kit, &routes::table())
        .with_job("outbox", |shutdown| shipper.run_once_current(&MIGRATIONS, shutdown)))
}
