//! The settings that every process has: how strict it is, how it logs, where it listens.

use std::time::Duration;

use contract::kyc::KycWords;
use serde::Deserialize;

use super::{ConfigError, Environment};
use crate::server::Listen;

/// What is logged unless asked otherwise. The server library tells of each of its sockets and threads, and calls each malformed head
/// that anyone sends an error of its own.
const DEFAULT_FILTER: &str = "info,actix_server=warn,actix_http=off";

/// How strict the process is with its settings: `ENVIRONMENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Warns of weak secrets.
    #[default]
    Development,
    /// Refuses them.
    Production,
}

#[derive(Deserialize)]
struct Common {
    #[serde(default)]
    environment: Mode,
}

#[derive(Deserialize)]
struct Logging {
    log_format: Option<telemetry::Format>,
    log_level: Option<String>,
}

#[derive(Deserialize)]
struct Listening {
    listen_address: Option<String>,
    workers: Option<usize>,
    drain_seconds: Option<u64>,
}

impl Environment {
    /// `ENVIRONMENT`: `development` (the default) or `production`.
    ///
    /// # Errors
    /// Any [`ConfigError`].
    pub fn mode(&self) -> Result<Mode, ConfigError> {
        Ok(self.load::<Common>("")?.environment)
    }

    /// `LOG_FORMAT` (`json` or `human`) and `LOG_LEVEL` (`info`).
    ///
    /// # Errors
    /// Any [`ConfigError`].
    pub fn logging(&self) -> Result<telemetry::Config, ConfigError> {
        let Logging { log_format, log_level } = self.load("")?;
        let format = telemetry::Format::choose(log_format, self.mode()? == Mode::Production);
        Ok(telemetry::Config { format, filter: log_level.unwrap_or_else(|| DEFAULT_FILTER.to_owned()) })
    }

    /// `KYC_WORDS`: what further words of platforms mean, beside those we know. Every service that reads such words asks here, so that
    /// one setting means the same everywhere.
    ///
    /// # Errors
    /// Any [`ConfigError`].
    pub fn kyc_words(&self) -> Result<KycWords, ConfigError> {
        let (words, name) = (KycWords::built_in(), "KYC_WORDS");
        let Some(setting) = self.text(name)? else { return Ok(words) };
        let expected = "a list of words, each once and none of our own, with their meanings: green=approved,red=rejected";
        words.with_setting(&setting).map_err(|_| ConfigError::invalid(name, expected))
    }

    /// `LISTEN_ADDRESS` (`default_address`), `WORKERS` (2; 1 to 512), `DRAIN_SECONDS` (8).
    ///
    /// # Errors
    /// Any [`ConfigError`].
    pub fn listen(&self, default_address: &str) -> Result<Listen, ConfigError> {
        let Listening { listen_address, workers, drain_seconds } = self.load("")?;
        let mut listen = Listen::on(listen_address.unwrap_or_else(|| default_address.to_owned()));
        listen.workers = workers.unwrap_or(listen.workers);
        // The server library panics over more.
        if !(1..=512).contains(&listen.workers) {
            return Err(ConfigError::invalid("WORKERS", "a number from 1 to 512"));
        }
        listen.drain = drain_seconds.map_or(listen.drain, Duration::from_secs);
        Ok(listen)
    }
}
