//! Bearer tokens in the `Authorization` header (RFC 6750, section 2.1): taking them out, and telling whose they are. Tokens in a query
//! string or a body are never looked at.

use std::fmt;
use std::sync::Arc;

use crate::digest::{equal, sha256};
use crate::keyring::KeyRing;

/// The name of a credential. Limits and the audit trail go by it; the two values of a rotation share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CredentialName(Arc<str>);

impl CredentialName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a caller has no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    /// No `Authorization` header.
    #[error("no credentials")]
    Missing,
    /// Another scheme, or no single token after `Bearer`.
    #[error("not a bearer token")]
    Malformed,
    /// A token of nobody.
    #[error("the token is not known")]
    Unknown,
}

/// The credentials that a service takes. It keeps their digests, not their values.
#[derive(Clone)]
pub struct BearerTokens(Vec<(CredentialName, Vec<[u8; 32]>)>);

impl BearerTokens {
    /// Credentials by name; every key of a ring is a valid token.
    #[must_use]
    pub fn new(credentials: Vec<(String, KeyRing)>) -> Self {
        let digests = |ring: KeyRing| ring.into_all().map(|key| sha256(key.as_bytes())).collect();
        let named = |(name, ring): (String, KeyRing)| (CredentialName(name.into()), digests(ring));
        Self(credentials.into_iter().map(named).collect())
    }

    /// Whose token the `Authorization` header shows.
    ///
    /// # Errors
    /// [`BearerError`], whatever the header holds.
    pub fn authenticate(&self, header: Option<&str>) -> Result<CredentialName, BearerError> {
        // Digests have one length and no order that a caller could steer, so neither the length of a token nor the first byte that
        // differs shows in the time. All are compared, so the time does not tell which credential it was either.
        let shown = sha256(token(header)?.as_bytes());
        let mut found = None;
        for (name, digests) in &self.0 {
            for digest in digests {
                if equal(digest, &shown) {
                    found = Some(name);
                }
            }
        }
        found.cloned().ok_or(BearerError::Unknown)
    }
}

impl fmt::Debug for BearerTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The token after `Bearer` (any case, RFC 9110, section 11.1), whosever it is.
///
/// # Errors
/// [`BearerError::Missing`] and [`BearerError::Malformed`].
pub fn token(header: Option<&str>) -> Result<&str, BearerError> {
    let (scheme, rest) = header.ok_or(BearerError::Missing)?.split_once(' ').ok_or(BearerError::Malformed)?;
    let token = rest.trim_matches(' ');
    let one = !token.is_empty() && !token.contains(|c: char| c.is_whitespace() || c.is_control());
    if one && scheme.eq_ignore_ascii_case("bearer") { Ok(token) } else { Err(BearerError::Malformed) }
}
