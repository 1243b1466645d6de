//! What handlers share, and how the service is put together from its settings. Everything in here is cheap to reach; nothing in
//! here is a copy of what the database says.

use auth::bearer::BearerTokens;
use db::{Database, Options};
use http_kit::client::{InternalClient, InternalTokens};
use http_kit::headers::HeaderLimits;
use http_kit::health::Readiness;
use http_kit::kit::{Credentials, Kit, Seams};
use outbox::{OutboxWriter, Shipper, Wake};

use crate::config::Config;
use crate::error::StartError;
use crate::{MIGRATIONS, NAME, SCHEMA};

/// The name of the credential whose values `SERVICE_API_TOKEN` and its predecessor are.
const PLATFORM: &str = "platform";

/// What handlers share.
pub(crate) struct State {
    /// Where the client record is.
    pub(crate) database: Database,
    /// Knows which acknowledged events are still to be applied.
    pub(crate) ingest: InternalClient,
    /// Told after commits that hold audit entries.
    pub(crate) wake: Wake,
    /// Time and chance.
    pub(crate) seams: Seams,
}

/// The parts of the service. Nothing is listened on and nothing connected to yet.
///
/// # Errors
/// A setting that can't be.
pub(crate) fn assemble(config: Config, seams: Seams) -> Result<(Kit, State, Shipper), StartError> {
    let Seams { clock, random } = seams.clone();
    let database = Database::open(config.database, SCHEMA, &Options::default())?;
    let client = |setting, url: &str, audience| {
        InternalClient::new(
            setting,
            url,
            InternalTokens::new(NAME, audience, config.internal.clone(), clock.clone()),
        )
    };
    let ingest = client("WEBHOOK_INGEST_URL", &config.ingest_url, "webhook-ingest")?;
    let audit_log = client("AUDIT_LOG_URL", &config.audit_log_url, "audit-log")?;
    let wake = Wake::new();
    let recorder = OutboxWriter::start(&database, "service-api.outbox", &wake)?.recorder();
    let shipper = Shipper::new(database.clone(), audit_log, clock.clone(), random.clone(), wake.clone());
    let kit = Kit {
        service: NAME,
        credentials: Credentials {
            service: Some(BearerTokens::new(vec![(PLATFORM.to_owned(), config.token)])),
            staff: None,
            internal: Some(config.internal.clone()),
        },
        recorder,
        readiness: readiness(&database),
        header_limits: HeaderLimits::INNER,
        clock,
        random,
    };
    Ok((kit, State { database, ingest, wake, seams }, shipper))
}

fn readiness(database: &Database) -> Readiness {
    let database = database.clone();
    Readiness::new().check("database", move || {
        let database = database.clone();
        async move {
            match MIGRATIONS.is_current(&database).await {
                Ok(true) => Ok(()),
                Ok(false) => Err("the schema is not current: run the migrations".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        }
    })
}
