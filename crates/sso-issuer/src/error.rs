//! Why the service does not start.

use db::DbError;
use http_kit::config::ConfigError;
use http_kit::service;

/// Why the service does not start. One line that names the setting, where it is one's fault, and never its value.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What works on the database can't be set up; nothing is connected to yet.
    #[error("the pool of connections or a writing thread can't be set up: {0}")]
    Database(#[from] DbError),
    /// It can't listen.
    #[error(transparent)]
    Start(#[from] service::StartError),
}
