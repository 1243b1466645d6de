//! Staff identity, and the tokens by which staff open a client's session on the trading platform.
//!
//! It says who works here and what each may do, to its callers and to the other services. A token is answered only once its audit
//! entry and its hash are durable; the token itself is stored nowhere.

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
pub use db::register;
pub use domain::staff::UnknownStaff;
pub use error::StartError;
pub use http_kit::kit::Seams;

/// This service's name: in internal tokens, audit entries and logs.
pub const NAME: &str = contract::internal::SSO_ISSUER;

/// Its schema on PostgreSQL.
pub const SCHEMA: &str = "sso_issuer";

/// Its tables.
pub static MIGRATIONS: ::db::Migrations =
    ::db::migrations!("../../migrations/sso-issuer/postgres", "../../migrations/sso-issuer/sqlite");

/// Starts the service, inside a tokio runtime. It is not ready until its schema is current, and never migrates by itself.
///
/// # Errors
/// A setting that can't be, or an address that can't be listened on.
pub fn start(config: Config, seams: Seams) -> Result<Running, StartError> {
    let listen = config.listen.clone();
    Ok(state::assemble(config, seams)?.start(&listen)?)
}
