//! Secrets: text that is never shown, and the rules a secret must keep before anything is started with it.
//!
//! The text of a secret is its key: its UTF-8 bytes, never hex-decoded.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::digest;
use crate::random::Random;

/// The fewest bytes of a secret in production: as many as HMAC-SHA256 gives out (RFC 7518, section 3.2).
pub const MIN_BYTES: usize = 32;

/// A secret text. `Debug` shows `***`, memory is wiped on drop, comparison takes constant time.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret with this very text; [`check`] says whether it is fit for use.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// A new secret of 32 random bytes, written as 64 lower-case hex characters.
    #[must_use]
    pub fn generate(random: &Random) -> Self {
        Self::new(hex::encode(*Zeroizing::new(random.bytes::<32>())))
    }

    /// The key: the UTF-8 bytes of the text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The text itself, for writing it into a secrets file. It must not reach a log, an answer or an error.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        digest::equal(self.as_bytes(), other.as_bytes())
    }
}

impl Eq for Secret {}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// How much a secret must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Short secrets are refused.
    Production,
    /// Short secrets are a [`Weakness`].
    Development,
}

/// What is poor about a secret, yet no reason to refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Fewer than [`MIN_BYTES`].
    #[error("is shorter than 32 bytes, which production refuses")]
    Short,
}

/// Why a secret can't be used. It names the setting, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// Anyone can sign with an empty key.
    #[error("{name} is empty")]
    Empty {
        /// The setting.
        name: String,
    },
    /// White space at an end: mostly a line break that only one side has.
    #[error("{name} has white space at its beginning or end")]
    WhiteSpace {
        /// The setting.
        name: String,
    },
    /// A line break or another control character inside: no header can carry it.
    #[error("{name} has a line break or another control character in it")]
    Control {
        /// The setting.
        name: String,
    },
    /// A PEM file: part of a key pair, where a shared secret belongs.
    #[error("{name} is a PEM file; a shared secret is wanted")]
    Pem {
        /// The setting.
        name: String,
    },
    /// Fewer than [`MIN_BYTES`], in production.
    #[error("{name} is shorter than 32 bytes")]
    Short {
        /// The setting.
        name: String,
    },
    /// One value under two names: whoever may do the one thing could do the other.
    #[error("{name} and {other} have the same value")]
    Same {
        /// The one setting.
        name: String,
        /// The other setting.
        other: String,
    },
}

/// Checks the secret of the setting `name`, and says what is poor about it.
///
/// # Errors
/// Every [`BadSecret`] but `Same`.
pub fn check(name: &str, secret: &Secret, strictness: Strictness) -> Result<Vec<Weakness>, BadSecret> {
    let text = secret.expose();
    let name = || name.to_owned();
    if text.is_empty() {
        return Err(BadSecret::Empty { name: name() });
    }
    if text.contains("-----BEGIN") {
        return Err(BadSecret::Pem { name: name() });
    }
    if text.trim() != text {
        return Err(BadSecret::WhiteSpace { name: name() });
    }
    if text.chars().any(char::is_control) {
        return Err(BadSecret::Control { name: name() });
    }
    match (text.len() < MIN_BYTES, strictness) {
        (false, _) => Ok(Vec::new()),
        (true, Strictness::Development) => Ok(vec![Weakness::Short]),
        (true, Strictness::Production) => Err(BadSecret::Short { name: name() }),
    }
}

/// Checks that no two of these settings have one value. A setting and its own `_PREVIOUS` count as two.
///
/// # Errors
/// [`BadSecret::Same`] for the first pair found.
pub fn check_distinct(secrets: &[(&str, &Secret)]) -> Result<(), BadSecret> {
    for (index, (name, secret)) in secrets.iter().enumerate() {
        if let Some((other, _)) = secrets.iter().skip(index + 1).find(|(_, other)| other == secret) {
            return Err(BadSecret::Same { name: (*name).to_owned(), other: (*other).to_owned() });
        }
    }
    Ok(())
}
