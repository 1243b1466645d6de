//! The settings of sso-issuer: the only place in it that reads the environment.

use auth::keyring::KeyRing;
use db::DatabaseUrl;
use http_kit::config::{ConfigError, Environment, Mode};
use http_kit::server::Listen;
use serde::Deserialize;
use url::Url;

use crate::domain::staff::UnknownStaff;

/// Where it listens unless told otherwise.
const ADDRESS: &str = "127.0.0.1:8084";

/// Where the platform is taken to be in development.
const PLATFORM: &str = "http://127.0.0.1:9090";

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
    /// What is done about valid staff JWTs of people whom the staff table does not know.
    pub unknown_staff: UnknownStaff,
    /// Where impersonation links lead; without a slash at the end.
    pub platform_url: String,
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
            .map_err(|_| ConfigError::invalid("DATABASE_URL", DatabaseUrl::EXPECTED))?;
        Ok(Self {
            listen: environment.listen(ADDRESS)?,
            database,
            internal: environment.required_key_ring("INTERNAL_SECRET")?,
            staff: environment.required_key_ring("JWT_SECRET")?,
            sso: environment.required_key_ring("SSO_SECRET")?,
            unknown_staff: unknown_staff(environment)?,
            platform_url: platform_url(environment)?,
            service_api_url: environment.required("SERVICE_API_URL")?,
            audit_log_url: environment.required("AUDIT_LOG_URL")?,
        })
    }
}

#[derive(Deserialize)]
struct Unknown {
    staff_jwt_unknown: Option<UnknownStaff>,
}

/// `STAFF_JWT_UNKNOWN`: `accept` (the default in development) or `refuse` (in production).
fn unknown_staff(environment: &Environment) -> Result<UnknownStaff, ConfigError> {
    let Unknown { staff_jwt_unknown } = environment.load("")?;
    Ok(match (staff_jwt_unknown, environment.mode()?) {
        (Some(given), _) => given,
        (None, Mode::Development) => UnknownStaff::Accept,
        (None, Mode::Production) => UnknownStaff::Refuse,
    })
}

/// `TRADING_PLATFORM_URL`, which production must be told. One slash at the end is dropped; what links are built on must not be
/// rewritten otherwise.
fn platform_url(environment: &Environment) -> Result<String, ConfigError> {
    const NAME: &str = "TRADING_PLATFORM_URL";
    let given = match environment.mode()? {
        Mode::Production => environment.required(NAME)?,
        Mode::Development => environment.text(NAME)?.unwrap_or_else(|| PLATFORM.to_owned()),
    };
    let invalid = || {
        ConfigError::invalid(
            NAME,
            "an http or https URL without a query, a password, or characters that are percent-encoded in one (spaces, quotes, < and >)",
        )
    };
    let url = Url::parse(&given).map_err(|_| invalid())?;
    let plain = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    if !plain || !url.username().is_empty() || url.password().is_some() || !is_plain(&given) {
        return Err(invalid());
    }
    Ok(given.strip_suffix('/').unwrap_or(&given).to_owned())
}

/// Only characters of RFC 3986 but its quote, and each `%` begins two hexadecimal digits.
fn is_plain(url: &str) -> bool {
    let is_hex = |hex: &str| hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    url.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&()*+,;=%".contains(&byte))
        && url.split('%').skip(1).all(|after| after.get(..2).is_some_and(is_hex))
}
