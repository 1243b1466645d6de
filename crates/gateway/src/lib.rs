//! The only door to the outside: it lets in what the table of doors names, tells services who calls, and passes requests on over
//! connections of its own. It has no database and knows nothing of what it carries: no body is read, no credential checked here.

mod config;
mod error;
mod handlers;
mod headers;
mod hop;
mod paths;
pub mod routes;
mod start;
mod state;
mod trail;

pub use config::Config;
pub use hop::Timeouts;
pub use http_kit::kit::Seams;
pub use start::{StartError, start};

/// This service's name: in internal tokens, audit entries and logs.
pub const NAME: &str = http_kit::headers::GATEWAY;
