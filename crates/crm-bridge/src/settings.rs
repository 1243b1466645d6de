//! The settings of this program: the environment, and behind it the data folder's secrets file. It must not decide what a setting
//! means: services read theirs by themselves.

use std::path::{Path, PathBuf};

use http_kit::config::{ConfigError, Environment};

use crate::secrets_file::{self, SecretsFileError};
use crate::terminal::complain;

/// Why the settings can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The secrets file.
    #[error(transparent)]
    SecretsFile(#[from] SecretsFileError),
    /// A setting.
    #[error(transparent)]
    Setting(#[from] ConfigError),
}

/// Where the data folder keeps the secrets that were generated.
pub(crate) fn secrets_path(data: &Path) -> PathBuf {
    data.join("secrets.env")
}

/// The process's environment; what it lacks is taken from the data folder's secrets file, if there is one.
///
/// # Errors
/// [`SettingsError::SecretsFile`] if the file can't be read.
pub(crate) fn environment(data: &Path) -> Result<Environment, SettingsError> {
    let mut environment = Environment::from_process();
    let path = secrets_path(data);
    let values = secrets_file::read(&path)?;
    if secrets_file::others_may_read(&path) {
        let path = path.display();
        complain(format_args!("crm-bridge: others on this machine may read {path}; chmod 600 it"));
    }
    for (name, value) in values {
        environment.set_default(&name, value);
    }
    Ok(environment)
}
