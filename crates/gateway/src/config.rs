//! The gateway's settings, and the only place of it that reads the environment.

use auth::keyring::KeyRing;
use http_kit::config::{ConfigError, Environment};
use http_kit::server::Listen;

use crate::hop::Timeouts;

/// Everything the gateway is told at start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where and how it listens.
    pub listen: Listen,
    /// Signs the tokens it shows the services behind.
    pub internal: KeyRing,
    /// Where webhook-ingest listens: `http://host:port`.
    pub webhook_ingest_url: String,
    /// Where service-api listens: `http://host:port`.
    pub service_api_url: String,
    /// Where audit-log listens: `http://host:port`.
    pub audit_log_url: String,
    /// Where sso-issuer listens: `http://host:port`.
    pub sso_issuer_url: String,
    /// Where the dashboard listens: `http://host:port`.
    pub dashboard_url: String,
    /// How long it waits for a service. Not in the environment: the defaults are the contract's.
    pub timeouts: Timeouts,
}

impl Config {
    /// `LISTEN_ADDRESS` (`127.0.0.1:8080`) and its kin, `INTERNAL_SECRET`, `WEBHOOK_INGEST_URL`, `SERVICE_API_URL`, `AUDIT_LOG_URL`,
    /// `SSO_ISSUER_URL`, `DASHBOARD_URL`.
    ///
    /// # Errors
    /// Any [`ConfigError`].
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            internal: environment.required_key_ring("INTERNAL_SECRET")?,
            listen: environment.listen("127.0.0.1:8080")?,
            webhook_ingest_url: environment.required("WEBHOOK_INGEST_URL")?,
            service_api_url: environment.required("SERVICE_API_URL")?,
            audit_log_url: environment.required("AUDIT_LOG_URL")?,
            sso_issuer_url: environment.required("SSO_ISSUER_URL")?,
            dashboard_url: environment.required("DASHBOARD_URL")?,
            timeouts: Timeouts::default(),
        })
    }
}
