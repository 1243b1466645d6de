//! The settings of sso-issuer: the only place in it that reads the environment.

use auth::keyring::KeyRing;
use db::DatabaseUrl;
use http_kit::config::{ConfigError, Environment};
use http_kit::server::Listen;

/// Where it listens unless told otherwise.
const ADDRESS: &str = "127.0.0.1:8084";

/// What sso-issuer needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: Listen,
    /// Its own database.
    pub database: DatabaseUrl,
    /// What signs calls between our services.
    pub internal: KeyRing,
    /// What signs staff JWTs.
    pub staff: KeyRing,
    /// What signs SSO tokens.
    pub sso: KeyRing,
    /// Where clients are looked up.
    pub service_api_url: String,
    /// Where audit entries are shipped to.
    pub audit_log_url: String,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// The first setting that is missing or can't be, by its name and never by its value.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let database = environment
            .required("DATABASE_URL")?
            .parse()
            .map_err(|_| ConfigError::invalid("DATABASE_URL", "postgres://... or sqlite:path"))?;
        Ok(Self {
            listen: environment.listen(ADDRESS)?,
            database,
            internal: environment.required_key_ring("INTERNAL_SECRET")?,
            staff: environment.required_key_ring("JWT_SECRET")?,
            sso: environment.required_key_ring("SSO_SECRET")?,
            service_api_url: environment.required("SERVICE_API_URL")?,
            audit_log_url: environment.required("AUDIT_LOG_URL")?,
        })
    }
}
