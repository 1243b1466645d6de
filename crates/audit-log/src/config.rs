//! The settings of audit-log: the only place in it that reads the environment.

use auth::keyring::KeyRing;
use db::DatabaseUrl;
use http_kit::config::{ConfigError, Environment};
use http_kit::server::Listen;

/// Where it listens unless told otherwise.
const ADDRESS: &str = "127.0.0.1:8083";

/// What audit-log needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: Listen,
    /// Its own database.
    pub database: DatabaseUrl,
    /// What signs calls between our services, and this service's cursors.
    pub internal: KeyRing,
    /// What signs staff JWTs.
    pub staff: KeyRing,
    /// Where it is asked what staff may do now.
    pub sso_issuer_url: String,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// The first setting that is missing or can't be, by its name and never by its value.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let internal = environment.required_key_ring("INTERNAL_SECRET")?;
        let staff = environment.required_key_ring("JWT_SECRET")?;
        let database = environment
            .required("DATABASE_URL")?
            .parse()
            .map_err(|_| ConfigError::invalid("DATABASE_URL", DatabaseUrl::EXPECTED))?;
        let sso_issuer_url = environment.required("SSO_ISSUER_URL")?;
        Ok(Self { listen: environment.listen(ADDRESS)?, database, internal, staff, sso_issuer_url })
    }
}
