//! The gateway's settings, and the only place of it that reads the environment.

use auth::keyring::KeyRing;
use http_kit::config::{ConfigError, Environment};
use http_kit::server::Listen;
use serde::Deserialize;

use crate::hop::Timeouts;

/// Everything the gateway is told at start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where and how it listens.
    pub listen: Listen,
    /// Signs the tokens it shows the services behind.
    pub internal: KeyRing,
    /// What platforms show to the service API: the gateway counts their calls by it, and service-api checks it again.
    pub service_token: KeyRing,
    /// How many calls of the service API each credential has in any 60 s; 0: as many as it likes.
    pub service_api_rate_limit: u32,
    /// How many failed authentications each address has in any 60 s; 0: as many as it likes.
    pub failed_auth_rate_limit: u32,
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
    /// Where its metrics are served, if anywhere: its own door is open to all.
    pub metrics_address: Option<String>,
    /// Bytes of memory in which bodies are taken in before they go on, all together. Not in the environment: room for 256 of the
    /// largest, and for as many of the usual size as there can be connections.
    pub body_room: usize,
    /// How long it waits for a service. Not in the environment: the defaults are the contract's.
    pub timeouts: Timeouts,
}

/// The largest limit: each admission that it counts is kept for a minute.
const LARGEST_LIMIT: u32 = 100_000;

#[derive(Deserialize)]
struct RateLimits {
    service_api_rate_limit: Option<u32>,
    failed_auth_rate_limit: Option<u32>,
}

impl Config {
    /// `LISTEN_ADDRESS` (`127.0.0.1:8080`) and its kin, `INTERNAL_SECRET`, `SERVICE_API_TOKEN`, `SERVICE_API_RATE_LIMIT` (100),
    /// `FAILED_AUTH_RATE_LIMIT` (60), `METRICS_ADDRESS` (none), `WEBHOOK_INGEST_URL`, `SERVICE_API_URL`, `AUDIT_LOG_URL`, `SSO_ISSUER_URL`, `DASHBOARD_URL`.
    ///
    /// # Errors
    /// Any [`ConfigError`].
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let RateLimits { service_api_rate_limit, failed_auth_rate_limit } = environment.load("")?;
        Ok(Self {
            internal: environment.required_key_ring("INTERNAL_SECRET")?,
            listen: environment.listen("127.0.0.1:8080")?,
            service_token: environment.required_key_ring("SERVICE_API_TOKEN")?,
            service_api_rate_limit: limit("SERVICE_API_RATE_LIMIT", service_api_rate_limit, 100)?,
            failed_auth_rate_limit: limit("FAILED_AUTH_RATE_LIMIT", failed_auth_rate_limit, 60)?,
            webhook_ingest_url: environment.required("WEBHOOK_INGEST_URL")?,
            service_api_url: environment.required("SERVICE_API_URL")?,
            audit_log_url: environment.required("AUDIT_LOG_URL")?,
            sso_issuer_url: environment.required("SSO_ISSUER_URL")?,
            dashboard_url: environment.required("DASHBOARD_URL")?,
            metrics_address: environment.text("METRICS_ADDRESS")?,
            body_room: 64 * 1024 * 1024,
            timeouts: Timeouts::default(),
        })
    }
}

fn limit(setting: &str, asked: Option<u32>, default: u32) -> Result<u32, ConfigError> {
    let limit = asked.unwrap_or(default);
    if limit > LARGEST_LIMIT {
        return Err(ConfigError::invalid(setting, "a number from 0 to 100000"));
    }
    Ok(limit)
}
