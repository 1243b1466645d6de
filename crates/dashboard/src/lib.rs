//! The staff's web pages, rendered here. It has no database and no rights of its own: what a page shows it asks the other services
//! for, under the credential of whoever looks at it.

mod config;
mod domain;
mod error;
mod handlers;
mod pages;
pub mod routes;
mod state;

use http_kit::service::Running;

pub use config::Config;
pub use error::StartError;
pub use http_kit::kit::Seams;

/// This service's name: in internal tokens, audit entries and logs.
pub const NAME: &str = contract::internal::DASHBOARD;

/// Starts the service, inside a tokio runtime. It is ready as soon as it runs.
///
/// # Errors
/// A setting that can't be, or an address that can't be listened on.
pub fn start(config: Config, seams: Seams) -> Result<Running, StartError> {
    let listen = config.listen.clone();
    Ok(state::assemble(config, seams)?.start(&listen)?)
}
