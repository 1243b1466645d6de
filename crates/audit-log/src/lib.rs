//! The audit trail: entries of all services, appended once each, their bytes untouched, and read by staff who may.
//!
//! An answered append is durable. Nothing here changes or removes an entry, and whoever reads is put on the trail, too. This
//! service makes no entry's bytes but those about itself, which go the way of all others.

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
pub const NAME: &str = contract::internal::AUDIT_LOG;

/// Its schema on PostgreSQL.
pub const SCHEMA: &str = "audit_log";

/// Its tables.
pub static MIGRATIONS: ::db::Migrations =
    ::db::migrations!("../../migrations/audit-log/postgres", "../../migrations/audit-log/sqlite");

/// Starts the service, inside a tokio runtime. It is not ready until its schema is current, and never migrates by itself.
///
/// # Errors
/// A setting that can't be, or an address that can't be listened on.
pub fn start(config: Config, seams: Seams) -> Result<Running, StartError> {
    let listen = config.listen.clone();
    Ok(state::assemble(config, seams)?.start(&listen)?)
}
