//! The databases of all services: one for each under the data folder (SQLite), or a schema for each in one (PostgreSQL).

use std::path::Path;

use db::{Database, DatabaseUrl, DbError, Migrations, Options};
use http_kit::config::{ConfigError, Environment};

use crate::terminal::in_words;

/// A service's database, and what makes its tables.
pub(crate) struct Schema {
    /// The service.
    pub(crate) service: &'static str,
    /// Its address, for the service's own settings.
    pub(crate) url: String,
    /// Its database.
    pub(crate) database: Database,
    /// Its migrations.
    pub(crate) migrations: &'static Migrations,
}

impl Schema {
    /// One line for people on what failed here, with the setting that leads here.
    pub(crate) fn failure(&self, error: DbError) -> String {
        let setting = if self.url.starts_with("sqlite:") { "the data folder" } else { "DATABASE_URL" };
        format!("{setting}: {}: {}", self.service, in_words(error))
    }

    /// A SQLite file that nobody has made yet: to open it would make it.
    pub(crate) fn is_missing_file(&self) -> bool {
        self.database.url().sqlite_path().is_some_and(|path| !path.exists())
    }
}

/// Why the databases can't be named.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadDatabase {
    /// The setting.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// What db says.
    #[error(transparent)]
    Database(#[from] db::DbError),
}

/// Every service's database, by `DATABASE_URL`, or under `data` without one. Connects to nothing.
///
/// # Errors
/// [`BadDatabase`] naming the setting.
pub(crate) fn of(environment: &Environment, data: &Path) -> Result<Vec<Schema>, BadDatabase> {
    let shared = environment.text("DATABASE_URL")?;
    [
        (audit_log::NAME, audit_log::SCHEMA, &audit_log::MIGRATIONS),
        (service_api::NAME, service_api::SCHEMA, &service_api::MIGRATIONS),
        (sso_issuer::NAME, sso_issuer::SCHEMA, &sso_issuer::MIGRATIONS),
        (webhook_ingest::NAME, webhook_ingest::SCHEMA, &webhook_ingest::MIGRATIONS),
    ]
    .into_iter()
    .map(|(service, schema, migrations)| {
        let url = match &shared {
            Some(url) if url.starts_with("sqlite:") => return Err(only_postgres()),
            Some(url) => url.clone(),
            None => format!("sqlite:{}", data.join(format!("{service}.sqlite")).display()),
        };
        let parsed: DatabaseUrl = url.parse().map_err(|_| only_postgres())?;
        if parsed.is_pooled() {
            return Err(only_postgres());
        }
        let database = Database::open(parsed, schema, &Options::default())?;
        Ok(Schema { service, url, database, migrations })
    })
    .collect()
}

/// One SQLite file can't be all services': each has its own. Nor can one role behind PgBouncer, whose `search_path` would be all
/// services' schema; and migrations go to the server itself.
fn only_postgres() -> BadDatabase {
    let expected = "postgres://user:password@host:port/name (in a password @ is written %40, / %2F, ? %3F, % %25, a space %20), and not PgBouncer's; leave it unset for SQLite under the data folder";
    ConfigError::invalid("DATABASE_URL", expected).into()
}
