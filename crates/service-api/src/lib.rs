//! The client record, and the API on it.
//!
//! Events come from webhook-ingest, in batches, and take effect exactly once whatever is cut off or said twice; they converge
//! whatever order they come in. Platforms read the record by address. This service never denies a client whom an acknowledged
//! event names: it asks webhook-ingest before it says 404.

mod config;
mod db;
mod domain;
mod error;
mod handlers;
mod jobs;
pub mod routes;
mod state;

use http_kit::service::Running;

pub use config::Config;
pub use error::StartError;
pub use http_kit::kit::Seams;

/// This service's name: in internal tokens, audit entries and logs.
pub const NAME: &str = contract::internal::SERVICE_API;

/// Its schema on PostgreSQL.
pub const SCHEMA: &str = "service_api";

/// Its tables.
pub static MIGRATIONS: ::db::Migrations =
    ::db::migrations!("../../migrations/service-api/postgres", "../../migrations/service-api/sqlite");

/// Starts the service, inside a tokio runtime. It is not ready until its schema is current, and never migrates by itself.
///
/// # Errors
/// A setting that can't be, or an address that can't be listened on.
pub fn start(config: Config, seams: Seams) -> Result<Running, StartError> {
    let listen = config.listen.clone();
    Ok(state::assemble(config, seams)?.start(&listen)?)
}
