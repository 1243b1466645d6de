//! Verifies, stores and acknowledges webhooks, then has them applied.
//!
//! A 2xx means that the event, its de-duplication key and its audit entry are on disk in one commit. What becomes of it afterwards
//! is the lanes' work: every acknowledged event is applied by service-api exactly once, or stands visibly in the inbox with its
//! reason, whatever crashes. This service knows no client record and decides nothing about one.

mod config;
mod db;
pub mod domain;
mod error;
mod handlers;
mod jobs;
pub mod routes;
mod state;

use http_kit::service::Running;

pub use crate::db::spool::SpoolError;
pub use config::Config;
pub use error::StartError;
pub use http_kit::kit::Seams;

/// This service's name: in internal tokens, audit entries and logs.
pub const NAME: &str = contract::internal::WEBHOOK_INGEST;

/// Its schema on PostgreSQL.
pub const SCHEMA: &str = "webhook_ingest";

/// Its tables.
pub static MIGRATIONS: ::db::Migrations =
    ::db::migrations!("../../migrations/webhook-ingest/postgres", "../../migrations/webhook-ingest/sqlite");

/// The tables of its spool, which only a file of SQLite ever has.
pub static SPOOL_MIGRATIONS: ::db::Migrations =
    ::db::migrations!(sqlite alone: "../../migrations/webhook-ingest-spool/sqlite");

/// Starts the service, inside a tokio runtime; it listens when this returns. It never migrates: until its schema is current it is
/// not ready, and applies nothing.
///
/// # Errors
/// A setting that can't be, or an address that can't be listened on.
pub fn start(config: Config, seams: Seams) -> Result<Running, StartError> {
    let listen = config.listen.clone();
    Ok(state::assemble(config, seams)?.start(&listen)?)
}
