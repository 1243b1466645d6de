//! What handlers share, and how the service is put together.

use auth::jwt::Verifier;
use contract::clock::Clock;
use db::{BatchOptions, BatchWriter, Database, Options};
use http_kit::headers::HeaderLimits;
use http_kit::health::Readiness;
use http_kit::kit::{Credentials, Kit, Seams};
use outbox::{OutboxWriter, Wake};

use crate::config::Config;
use crate::db::entries::{self, Appended, NewRow};
use crate::domain::cursor::Cursors;
use crate::error::StartError;
use crate::jobs::{Reach, Shipping};
use crate::{MIGRATIONS, NAME, SCHEMA};

/// How entries are written: enough may wait for every service to ship a full batch at once, several times over.
const APPENDING: BatchOptions = BatchOptions { name: "audit-log.append", capacity: 20_000, batch: 500 };

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

/// Puts the service together: what http-kit must know, what handlers share, and what ships the service's own entries.
pub(crate) fn assemble(config: Config, seams: Seams) -> Result<(Kit, State, (Shipping, Reach)), StartError> {
    let Seams { clock, random } = seams.clone();
    let Config { database, internal, staff, .. } = config;
    let database = Database::open(database, SCHEMA, &Options::default())?;
    let wake = Wake::new();
    let recorder = OutboxWriter::start(&database, "audit-log.outbox", &wake)?.recorder();
    let shipping = Shipping::new(database.clone(), internal.clone(), seams, wake);
    let writer =
        BatchWriter::start(&database, &APPENDING, |row: &NewRow| row.entry_id.clone(), entries::append)?;
    let kit = Kit {
        service: NAME,
        credentials: Credentials {
            service: None,
            staff: Some(Verifier::new(staff)),
            internal: Some(internal.clone()),
        },
        recorder,
        readiness: readiness(&database),
        header_limits: HeaderLimits::INNER,
        clock: clock.clone(),
        random,
    };
    Ok((kit, State { database, writer, cursors: Cursors::new(internal), clock }, shipping))
}

/// Ready when the database answers, and has the schema that this code knows.
fn readiness(database: &Database) -> Readiness {
    let database = database.clone();
    Readiness::new().check("schema", move || {
        let database = database.clone();
        async move {
            match MIGRATIONS.is_current(&database).await {
                Ok(true) => Ok(()),
                Ok(false) => Err("the migrations have not run".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        }
    })
}
