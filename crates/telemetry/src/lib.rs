//! One call that starts logging for a whole process. It reads no environment (the caller's config does) and never sees a
//! secret: what is logged is decided where it is logged. Logs go to standard error; standard output belongs to the commands.

use std::io::{IsTerminal, stderr};

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object a line, for collectors.
    Json,
    /// For eyes; coloured on a terminal only.
    Human,
}

impl Format {
    /// The format asked for, else JSON in production, unless a person watches on a terminal.
    pub fn choose(asked: Option<Self>, production: bool) -> Self {
        asked.unwrap_or(if production && !stderr().is_terminal() { Self::Json } else { Self::Human })
    }
}

/// What to log, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// How a line is written.
    pub format: Format,
    /// Directives of tracing-subscriber's `EnvFilter`: `info`, or `warn,webhook_ingest=debug`. `LOG_LEVEL` carries them.
    pub filter: String,
}

/// Why logging could not be started. Says which setting, never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not a list of directives.
    #[error("LOG_LEVEL is not a log filter such as `info` or `warn,service_api=debug`")]
    Filter,
    /// The process logs already.
    #[error("logging was started twice in this process")]
    AlreadyStarted,
}

/// Starts logging for the process.
///
/// # Errors
/// [`TelemetryError::Filter`] for a filter that does not parse, [`TelemetryError::AlreadyStarted`] on a second call.
pub fn start(config: &Config) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(&config.filter)
        .map_err(|_| TelemetryError::Filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    let started = match config.format {
        Format::Json => lines.json().flatten_event(true).with_span_list(false).finish().try_init(),
        Format::Human => lines.with_ansi(stderr().is_terminal()).finish().try_init(),
    };
    started.map_err(|_| TelemetryError::AlreadyStarted)
}

#[cfg(test)]
mod tests {
    use std::io::{IsTerminal as _, stderr};

    use super::{Config, Format, TelemetryError, start};

    #[test]
    fn a_bad_filter_names_the_setting_and_not_the_value() {
        let bad = Config { format: Format::Json, filter: "hunter2=nonsense=[".to_owned() };
        let error = start(&bad).expect_err("refused");
        assert_eq!(error, TelemetryError::Filter);
        assert!(error.to_string().contains("LOG_LEVEL") && !error.to_string().contains("hunter2"));
    }

    #[test]
    fn logging_starts_once() {
        let config = Config { format: Format::Human, filter: "warn".to_owned() };
        assert_eq!(start(&config), Ok(()));
        assert_eq!(start(&config), Err(TelemetryError::AlreadyStarted));
    }

    #[test]
    fn the_format_asked_for_wins() {
        assert_eq!(Format::choose(Some(Format::Json), false), Format::Json);
        assert_eq!(Format::choose(Some(Format::Human), true), Format::Human);
        assert_eq!(Format::choose(None, false), Format::Human);
    }

    #[test]
    fn production_logs_json_unless_a_person_watches() {
        let expected = if stderr().is_terminal() { Format::Human } else { Format::Json };
        assert_eq!(Format::choose(None, true), expected);
    }
}
