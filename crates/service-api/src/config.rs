//! The settings of service-api: the only place in it that reads the environment.

use auth::keyring::KeyRing;
use contract::kyc::KycWords;
use contract::money::Currency;
use db::DatabaseUrl;
use http_kit::config::{ConfigError, Environment};
use http_kit::server::Listen;

/// Where it listens unless told otherwise.
const ADDRESS: &str = "127.0.0.1:8082";

/// The currency unless told otherwise.
const CURRENCY: &str = "USD";

/// What service-api needs to know.
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
    /// What platforms show.
    pub token: KeyRing,
    /// Where events come from, and where it is asked whether one is still to come.
    pub webhook_ingest_url: String,
    /// Where audit entries are shipped to.
    pub audit_log_url: String,
    /// Where it is asked what staff may do now.
    pub sso_issuer_url: String,
    /// What words of platforms mean.
    pub kyc_words: KycWords,
    /// The currency of transactions of which nobody says it.
    pub default_currency: Currency,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// The first setting that is missing or can't be, by its name and never by its value.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let database = environment.required("DATABASE_URL")?;
        let database =
            database.parse().map_err(|_| ConfigError::invalid("DATABASE_URL", DatabaseUrl::EXPECTED))?;
        let default_currency = environment.text("DEFAULT_CURRENCY")?;
        let default_currency = default_currency
            .as_deref()
            .unwrap_or(CURRENCY)
            .parse()
            .map_err(|_| ConfigError::invalid("DEFAULT_CURRENCY", "a currency's code, as USD"))?;
        Ok(Self {
            listen: environment.listen(ADDRESS)?,
            database,
            internal: environment.required_key_ring("INTERNAL_SECRET")?,
            staff: environment.required_key_ring("JWT_SECRET")?,
            token: environment.required_key_ring("SERVICE_API_TOKEN")?,
            webhook_ingest_url: environment.required("WEBHOOK_INGEST_URL")?,
            audit_log_url: environment.required("AUDIT_LOG_URL")?,
            sso_issuer_url: environment.required("SSO_ISSUER_URL")?,
            kyc_words: environment.kyc_words()?,
            default_currency,
        })
    }
}
