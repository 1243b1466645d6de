//! The only door to the environment. Every setting may also come as `NAME_FILE`; an error names the setting and never its value.
//! Nothing is read that nobody asks for, so what other programs put into the environment does not matter.

mod common;
mod secrets;
mod settings;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Read as _};

use auth::secret::BadSecret;

pub use common::Mode;
pub use secrets::SECRETS;

/// The largest `NAME_FILE` that is read, in bytes.
const LARGEST_FILE: u64 = 64 * 1024;

/// What is wrong with a setting. Names the setting, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is needed, and absent or empty.
    #[error("{0} is not set")]
    Missing(String),
    /// Its bytes are not UTF-8.
    #[error("{0} is not UTF-8 text")]
    NotUnicode(String),
    /// White space at either end: a copying mistake that would make a key silently another key.
    #[error("{0} begins or ends with white space")]
    WhiteSpace(String),
    /// Given both directly and as a file: which one counts is not for us to guess.
    #[error("{0} and {0}_FILE are both set; set one of them")]
    Both(String),
    /// The file cannot be read.
    #[error("{name}_FILE cannot be read: {kind}")]
    File {
        /// The setting.
        name: String,
        /// What the operating system says.
        kind: ErrorKind,
    },
    /// It does not read as what it should be.
    #[error("{name} is not {expected}")]
    Invalid {
        /// The setting.
        name: String,
        /// What it should be, with its article: `a number of seconds`.
        expected: &'static str,
    },
    /// It is a secret, and unfit for use.
    #[error(transparent)]
    Secret(#[from] BadSecret),
}

impl ConfigError {
    /// The setting does not read as `expected`.
    pub fn invalid(name: impl Into<String>, expected: &'static str) -> Self {
        Self::Invalid { name: name.into(), expected }
    }
}

/// Settings by name, from the process or, in tests, from anywhere.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// What the process was started with. Names that are not UTF-8 are nobody's settings.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that the rule points to")]
    pub fn from_process() -> Self {
        Self::from_iter(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))),
        )
    }

    /// Adds a setting that is not there yet: for defaults and for generated secrets. A setting that is there as a file counts as there.
    pub fn set_default(&mut self, name: &str, value: impl Into<OsString>) {
        if !self.is_set(name) {
            self.0.insert(name.to_owned(), value.into());
        }
    }

    /// Sets a setting, in place of what was there directly or as a file.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.remove(&format!("{name}_FILE"));
        self.0.insert(name.to_owned(), value.into());
    }

    /// These settings alone, as they stand here, directly or as files.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        self.0.retain(|name, _| names.contains(&name.strip_suffix("_FILE").unwrap_or(name)));
        self
    }

    /// Is the setting there, directly or as a file? An empty one is not.
    pub fn is_set(&self, name: &str) -> bool {
        let there = |name: &str| self.0.get(name).is_some_and(|value| !value.is_empty());
        there(name) || there(&format!("{name}_FILE"))
    }

    /// The settings whose names begin with `prefix`, each once and without `_FILE`, sorted.
    pub fn names_under(&self, prefix: &str) -> Vec<String> {
        let mut names: Vec<_> = self.0.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        names
            .iter_mut()
            .for_each(|name| name.truncate(name.strip_suffix("_FILE").map_or(name.len(), str::len)));
        names.sort();
        names.dedup();
        names.retain(|name| name.starts_with(prefix) && self.is_set(name));
        names
    }

    /// The text of a setting; `None` if it is absent or empty. From a file one final newline is dropped.
    ///
    /// # Errors
    /// Every [`ConfigError`] but `Missing` and `Invalid`.
    pub fn text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let direct = self.direct(name)?;
        let file = self.direct(&format!("{name}_FILE"))?;
        let text = match (direct, file) {
            (Some(_), Some(_)) => return Err(ConfigError::Both(name.to_owned())),
            (direct, None) => direct,
            (None, Some(path)) => Some(read_file(name, &path)?),
        };
        match text {
            Some(text) if text.trim() != text => Err(ConfigError::WhiteSpace(name.to_owned())),
            other => Ok(other.filter(|text| !text.is_empty())),
        }
    }

    /// The text of a setting that must be there.
    ///
    /// # Errors
    /// Every [`ConfigError`] but `Invalid`.
    pub fn required(&self, name: &str) -> Result<String, ConfigError> {
        self.text(name)?.ok_or_else(|| ConfigError::Missing(name.to_owned()))
    }

    /// A setting's own text, if it is there and not empty.
    fn direct(&self, name: &str) -> Result<Option<String>, ConfigError> {
        match self.0.get(name).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => {
                let text = value.to_str().ok_or_else(|| ConfigError::NotUnicode(name.to_owned()))?;
                Ok(Some(text.to_owned()))
            }
        }
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(settings: I) -> Self {
        Self(settings.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

fn read_file(name: &str, path: &str) -> Result<String, ConfigError> {
    let failed = |kind| ConfigError::File { name: name.to_owned(), kind };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| failed(error.kind()))?;
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| failed(error.kind()))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(failed(ErrorKind::FileTooLarge));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| ConfigError::NotUnicode(format!("{name}_FILE")))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}
