//! The settings of webhook-ingest: the only place in it that reads the environment.

use std::path::PathBuf;

use auth::keyring::KeyRing;
use auth::standard_webhooks::StandardSecrets;
use contract::kyc::KycWords;
use db::{Backend, DatabaseUrl};
use http_kit::config::{ConfigError, Environment};
use http_kit::server::Listen;

use crate::domain::signature::{SITE, Secrets};

/// No source: under this name staff find the events (`/api/webhooks/events`).
const EVENTS: &str = "events";

/// Where it listens unless told otherwise.
const ADDRESS: &str = "127.0.0.1:8081";

/// The secret of Standard Webhooks.
const STANDARD: &str = "WEBHOOK_STANDARD_SECRET";

/// Where the secrets of further sources are: `WEBHOOK_SECRET_ACME` is for `/api/webhooks/acme`.
const SOURCE_PREFIX: &str = "WEBHOOK_SECRET_";

/// Secrets that are not for webhooks. Where this process has them, it can tell staff that a sender took the wrong one.
const OTHER_SECRETS: [&str; 5] =
    ["SERVICE_API_TOKEN", "SSO_SECRET", "JWT_SECRET", "INTERNAL_SECRET", STANDARD];

/// How many deliveries may wait for their commit: with the largest bodies, 128 MiB.
const QUEUE: usize = 512;

/// Where deliveries are kept while the database is away.
const SPOOL: &str = "WEBHOOK_SPOOL_DIR";

/// How much of the disk the spool may take, in bytes.
const SPOOL_BYTES: u64 = 1024 * 1024 * 1024;

/// What webhook-ingest needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: Listen,
    /// Its own database.
    pub database: DatabaseUrl,
    /// What signs calls between our services.
    pub internal: KeyRing,
    /// What signs deliveries.
    pub secrets: Secrets,
    /// The key of staff JWTs.
    pub staff: KeyRing,
    /// What KYC words mean.
    pub kyc_words: KycWords,
    /// Where events are applied.
    pub service_api_url: String,
    /// Where audit entries are shipped to.
    pub audit_log_url: String,
    /// Where it is asked what staff may do now.
    pub sso_issuer_url: String,
    /// How many deliveries may wait for their commit; more are answered 503.
    pub queue: usize,
    /// The folder that takes deliveries while the database is away; without one they are answered 503 then.
    pub spool: Option<PathBuf>,
    /// How much of the disk that folder may take, in bytes.
    pub spool_bytes: u64,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// The first setting that is missing or can't be, by its name and never by its value.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let database = environment.required("DATABASE_URL")?;
        let database: DatabaseUrl =
            database.parse().map_err(|_| ConfigError::invalid("DATABASE_URL", DatabaseUrl::EXPECTED))?;
        Ok(Self {
            listen: environment.listen(ADDRESS)?,
            spool: spool(environment, &database)?,
            spool_bytes: SPOOL_BYTES,
            database,
            internal: environment.required_key_ring("INTERNAL_SECRET")?,
            secrets: secrets(environment)?,
            staff: environment.required_key_ring("JWT_SECRET")?,
            kyc_words: environment.kyc_words()?,
            service_api_url: environment.required("SERVICE_API_URL")?,
            audit_log_url: environment.required("AUDIT_LOG_URL")?,
            sso_issuer_url: environment.required("SSO_ISSUER_URL")?,
            queue: QUEUE,
        })
    }
}

/// A file on the disk can't stand in for another file on it.
fn spool(environment: &Environment, database: &DatabaseUrl) -> Result<Option<PathBuf>, ConfigError> {
    let folder = environment.text(SPOOL)?.map(PathBuf::from);
    match (&folder, database.backend()) {
        (Some(_), Backend::Sqlite) => {
            Err(ConfigError::invalid(SPOOL, "of use where the database is a SQLite file; unset it"))
        }
        _ => Ok(folder),
    }
}

fn secrets(environment: &Environment) -> Result<Secrets, ConfigError> {
    let mut secrets = Secrets::of_site(environment.required_key_ring("WEBHOOK_SECRET")?);
    for name in environment.names_under(SOURCE_PREFIX) {
        // A former value belongs to the current one, and must not stand alone.
        let name = name.strip_suffix("_PREVIOUS").unwrap_or(&name);
        if let Some(source) = name.strip_prefix(SOURCE_PREFIX) {
            secrets.sources.insert(source_of(name, source)?, environment.required_key_ring(name)?);
        }
    }
    if let Some(ring) = environment.key_ring(STANDARD)? {
        let decoded = StandardSecrets::of(&ring);
        secrets.standard = Some(
            decoded.map_err(|_| ConfigError::invalid(STANDARD, "whsec_ and base64 of at least 24 bytes"))?,
        );
    }
    for name in OTHER_SECRETS {
        if let Some(secret) = environment.secret(name)? {
            secrets.others.push((name.to_owned(), secret));
        }
    }
    Ok(secrets)
}

/// The source whose secret the setting `name` holds.
fn source_of(name: &str, source: &str) -> Result<String, ConfigError> {
    let plain = source.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    let source = source.to_ascii_lowercase();
    if !plain || source.is_empty() || source == SITE || source == EVENTS {
        let expected = "the secret of a source: those have names of A-Z, 0-9 and _, none is called EVENTS, and the one of SITE is WEBHOOK_SECRET";
        return Err(ConfigError::invalid(name, expected));
    }
    Ok(source)
}
