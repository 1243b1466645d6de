//! Secrets among the settings: fit for use or refused, each by its setting's name. Their values leave this module as
//! [`Secret`]s alone.

use auth::keyring::KeyRing;
use auth::secret::{self, Secret, Strictness};

use super::{ConfigError, Environment, Mode};

/// The secrets of a deployment. A process has those that it needs; no two of them may have one value.
pub const SECRETS: [&str; 5] =
    ["WEBHOOK_SECRET", "SERVICE_API_TOKEN", "SSO_SECRET", "JWT_SECRET", "INTERNAL_SECRET"];

/// The key of senders that follow the Standard Webhooks specification; most deployments have none.
const STANDARD_WEBHOOKS: &str = "WEBHOOK_STANDARD_SECRET";

impl From<Mode> for Strictness {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Development => Self::Development,
            Mode::Production => Self::Production,
        }
    }
}

impl Environment {
    /// A secret; `None` if it is absent or empty. A short one is refused in production, and warned of in development.
    ///
    /// # Errors
    /// As [`Environment::text`]; [`ConfigError::Secret`] if it is unfit.
    pub fn secret(&self, name: &str) -> Result<Option<Secret>, ConfigError> {
        let Some(secret) = self.text(name)?.map(Secret::new) else { return Ok(None) };
        for weakness in secret::check(name, &secret, self.mode()?.into())? {
            tracing::warn!("{name} {weakness}");
        }
        Ok(Some(secret))
    }

    /// A secret `NAME` with what still verifies beside it during a rotation, `NAME_PREVIOUS`.
    ///
    /// # Errors
    /// As [`Environment::secret`]; also `Missing` when only the previous one is there.
    pub fn key_ring(&self, name: &str) -> Result<Option<KeyRing>, ConfigError> {
        let previous = self.secret(&format!("{name}_PREVIOUS"))?;
        match (self.secret(name)?, previous) {
            (Some(current), previous) => Ok(Some(KeyRing::new(current, previous.into_iter().collect()))),
            (None, Some(_)) => Err(ConfigError::Missing(name.to_owned())),
            (None, None) => Ok(None),
        }
    }

    /// [`Environment::key_ring`] that must be there.
    ///
    /// # Errors
    /// Every [`ConfigError`] but `Invalid`.
    pub fn required_key_ring(&self, name: &str) -> Result<KeyRing, ConfigError> {
        self.key_ring(name)?.ok_or_else(|| ConfigError::Missing(name.to_owned()))
    }

    /// The settings of this environment that hold secrets, each once, sorted: those of a deployment, those of further webhook
    /// sources, and former values that still verify.
    pub fn secret_names(&self) -> Vec<String> {
        let known = SECRETS.iter().chain(&[STANDARD_WEBHOOKS]);
        let mut names: Vec<String> =
            known.flat_map(|name| [(*name).to_owned(), format!("{name}_PREVIOUS")]).collect();
        names.extend(self.names_under("WEBHOOK_SECRET_"));
        names.retain(|name| self.is_set(name));
        names.sort();
        names.dedup();
        names
    }

    /// Refuses an environment in which two secrets have one value: whoever may do the one thing could do the other. Those that are
    /// not there do not count.
    ///
    /// # Errors
    /// As [`Environment::text`]; [`ConfigError::Secret`] naming the two settings.
    pub fn require_distinct_secrets(&self) -> Result<(), ConfigError> {
        let mut secrets = Vec::new();
        for name in self.secret_names() {
            if let Some(text) = self.text(&name)? {
                secrets.push((name, Secret::new(text)));
            }
        }
        let pairs: Vec<_> = secrets.iter().map(|(name, secret)| (name.as_str(), secret)).collect();
        Ok(secret::check_distinct(&pairs)?)
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn one_value_of_two_secrets_is_refused_by_their_names() {
        let value = "for-tests-only-for-tests-only-for-tests-only";
        let environment: Environment =
            [("WEBHOOK_SECRET_ACME", value), ("INTERNAL_SECRET", value)].into_iter().collect();
        let refused = environment.require_distinct_secrets().expect_err("refused").to_string();
        assert!(refused.contains("WEBHOOK_SECRET_ACME") && refused.contains("INTERNAL_SECRET"), "{refused}");
        assert!(!refused.contains(value), "{refused}");
    }
}
