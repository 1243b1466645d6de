//! Why the service does not start.

use http_kit::config::ConfigError;
use http_kit::service;

/// Why the service does not start. One line that names the setting, where it is one's fault, and never its value.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It can't listen.
    #[error(transparent)]
    Start(#[from] service::StartError),
}
