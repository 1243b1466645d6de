//! The settings of the platform's side, by the names that platforms know them by: the only place that reads the environment.

use auth::jwt::Verifier;
use auth::keyring::KeyRing;
use auth::secret::Secret;
use http_kit::config::{ConfigError, Environment};

use crate::crm::{CrmError, ServiceApi, Webhooks};

/// Where the CRM is, unless told otherwise.
const CRM: &str = "http://127.0.0.1:8080";

/// Why a command can't begin.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A setting.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// The CRM's address.
    #[error(transparent)]
    Crm(#[from] CrmError),
}

/// The settings; each command asks for those that it needs.
pub struct Settings(Environment);

impl Settings {
    /// From an environment.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        Self(environment)
    }

    /// `CRM_BASE_URL`: where the gateway is.
    ///
    /// # Errors
    /// A setting that can't be.
    pub fn base(&self) -> Result<String, SettingsError> {
        Ok(self.0.text("CRM_BASE_URL")?.unwrap_or_else(|| CRM.to_owned()))
    }

    /// What sends webhooks, by `WEBHOOK_SECRET`.
    ///
    /// # Errors
    /// A setting that is missing or can't be.
    pub fn webhooks(&self, tries: u32) -> Result<Webhooks, SettingsError> {
        Ok(Webhooks::new(&self.base()?, self.secret("WEBHOOK_SECRET")?, tries)?)
    }

    /// What calls the service API, by `CRM_SERVICE_TOKEN`.
    ///
    /// # Errors
    /// A setting that is missing or can't be.
    pub fn service_api(&self, tries: u32) -> Result<ServiceApi, SettingsError> {
        Ok(ServiceApi::new(&self.base()?, self.secret("CRM_SERVICE_TOKEN")?, tries)?)
    }

    /// What checks SSO tokens, by `CRM_SSO_SECRET`.
    ///
    /// # Errors
    /// A setting that is missing or can't be.
    pub fn sso(&self) -> Result<Verifier, SettingsError> {
        Ok(Verifier::new(KeyRing::new(self.secret("CRM_SSO_SECRET")?, Vec::new())))
    }

    /// How it logs.
    ///
    /// # Errors
    /// A setting that can't be.
    pub fn logging(&self) -> Result<telemetry::Config, SettingsError> {
        Ok(self.0.logging()?)
    }

    fn secret(&self, name: &str) -> Result<Secret, ConfigError> {
        self.0.secret(name)?.ok_or_else(|| ConfigError::Missing(name.to_owned()))
    }
}
