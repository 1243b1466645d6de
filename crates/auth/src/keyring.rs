//! Key rings: how secrets rotate without a refused request. One key signs; that one and those before it verify.

use crate::digest;
use crate::secret::Secret;

/// The values of one secret that are valid at the same time. It holds at least one.
#[derive(Debug, Clone)]
pub struct KeyRing {
    current: Secret,
    previous: Vec<Secret>,
}

impl KeyRing {
    /// `current` signs; it and `previous` verify.
    #[must_use]
    pub fn new(current: Secret, previous: Vec<Secret>) -> Self {
        Self { current, previous }
    }

    /// The key that signs.
    #[must_use]
    pub fn current(&self) -> &Secret {
        &self.current
    }

    /// The keys that verify, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// As [`KeyRing::current`], for those who turn the key into something else.
    pub(crate) fn into_current(self) -> Secret {
        self.current
    }

    /// As [`KeyRing::all`], for those who turn the keys into something else.
    pub(crate) fn into_all(self) -> impl Iterator<Item = Secret> {
        std::iter::once(self.current).chain(self.previous)
    }

    /// Whether `tag` is the HMAC-SHA256 of `message` under any key of the ring, in constant time for each key.
    #[must_use]
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        self.all().any(|key| digest::equal(&digest::hmac_sha256(key.as_bytes(), message), tag))
    }
}
