//! The only door to the outside: it lets in what the table of doors names, tells services who calls, and passes requests on over
//! connections of its own, as many of them as its limits allow. It has no database and knows nothing of what it carries: no body is read
//! here, and a credential only to count by it; whether a call may is for its service to say.

mod config;
mod error;
mod handlers;
mod headers;
mod hop;
mod limits;
mod paths;
pub mod routes;
mod state;

use http_kit::service::Running;

pub use config::Config;
pub use error::StartError;
pub use hop::Timeouts;
pub use http_kit::kit::Seams;

/// This service's name: in internal tokens, audit entries and logs.
pub const NAME: &str = contract::internal::GATEWAY;

/// Starts the service, inside a tokio runtime. It is ready as soon as it runs: one service being away closes no door but its own.
///
/// # Errors
/// A setting that can't be, or an address that can't be listened on.
pub fn start(config: Config, seams: Seams) -> Result<Running, StartError> {
    let listen = config.listen.clone();
    Ok(state::assemble(config, seams)?.start(&listen)?)
}
