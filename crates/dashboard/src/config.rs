//! The settings of the dashboard: the only place in it that reads the environment.

use auth::keyring::KeyRing;
use http_kit::config::{ConfigError, Environment, Mode};
use http_kit::server::Listen;

/// Where it listens unless told otherwise.
const ADDRESS: &str = "127.0.0.1:8085";

/// What the dashboard needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: Listen,
    /// In production its cookies are for HTTPS alone.
    pub mode: Mode,
    /// What signs calls between our services, and proves that a form is ours.
    pub internal: KeyRing,
    /// Where staff log in.
    pub sso_issuer_url: String,
    /// Where the trail is.
    pub audit_log_url: String,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// The first setting that is missing or can't be, by its name and never by its value.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            listen: environment.listen(ADDRESS)?,
            mode: environment.mode()?,
            internal: environment.required_key_ring("INTERNAL_SECRET")?,
            sso_issuer_url: environment.required("SSO_ISSUER_URL")?,
            audit_log_url: environment.required("AUDIT_LOG_URL")?,
        })
    }
}
