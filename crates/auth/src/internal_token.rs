//! The token that services show each other in `x-crm-internal`: who calls whom, for a minute. It carries no other right or claim.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::clock::Timestamp;
use serde_json::json;

use crate::digest::{equal, hmac_sha256};
use crate::jwt::{JwtError, Verifier};
use crate::keyring::KeyRing;

/// How long a token is valid, in seconds.
pub const LIFETIME: i64 = 60;

/// How many tokens that held a gate remembers: more than a service has callers.
const REMEMBERED: usize = 8;

/// The service that made a token: its `iss`, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

impl Issuer {
    /// The service's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A token by which the service `issuer` is known to the service `audience` for [`LIFETIME`] from `now` on.
#[must_use]
pub fn issue(ring: &KeyRing, issuer: &str, audience: &str, now: Timestamp) -> String {
    let iat = now.as_seconds();
    let claims = json!({ "iss": issuer, "aud": audience, "iat": iat, "exp": iat.saturating_add(LIFETIME) });
    // Written out by hand, as these claims can't fail to serialise and a caller would have to invent something for an error.
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let signed = format!("{}.{}", part(r#"{"typ":"JWT","alg":"HS256"}"#), part(&claims.to_string()));
    let tag = hmac_sha256(ring.current().as_bytes(), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Who shows this token to the service `audience`.
///
/// # Errors
/// As [`Verifier::verify`]; [`JwtError::Claims`] if it is for another service or names no issuer.
pub fn verify(ring: &KeyRing, audience: &str, token: &str, now: Timestamp) -> Result<Issuer, JwtError> {
    Gate::new(ring, audience).admit(token, now)
}

/// Verifies the tokens that are shown to one service. Callers show the same token for a while, so it remembers the last ones that
/// held: what is shown again, byte for byte and in its time, holds again.
#[derive(Debug)]
pub struct Gate {
    audience: String,
    verifier: Verifier,
    held: Mutex<VecDeque<Held>>,
}

/// A token that held at `since`, and holds until `until`, in seconds since 1970.
struct Held {
    token: String,
    issuer: Issuer,
    since: i64,
    until: i64,
}

impl Gate {
    /// The gate of the service `audience`.
    #[must_use]
    pub fn new(ring: &KeyRing, audience: &str) -> Self {
        let verifier = Verifier::new(ring.clone());
        Self { audience: audience.to_owned(), verifier, held: Mutex::default() }
    }

    /// Who shows this token.
    ///
    /// # Errors
    /// As [`verify`].
    pub fn admit(&self, token: &str, now: Timestamp) -> Result<Issuer, JwtError> {
        if let Some(issuer) = self.remembered(token, now.as_seconds()) {
            return Ok(issuer);
        }
        let claims = self.verifier.verify(token, now)?;
        let issuer = match (claims.text("aud"), claims.text("iss")) {
            (Some(aud), Some(iss)) if aud == self.audience => Issuer(iss.to_owned()),
            _ => return Err(JwtError::Claims),
        };
        if let Some(until) = claims.get("exp").and_then(serde_json::Value::as_i64) {
            let (token, issuer) = (token.to_owned(), issuer.clone());
            self.remember(Held { token, issuer, since: now.as_seconds(), until });
        }
        Ok(issuer)
    }

    fn remembered(&self, token: &str, now: i64) -> Option<Issuer> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = held.iter().find(|held| equal(held.token.as_bytes(), token.as_bytes()))?;
        (shown.since <= now && now < shown.until).then(|| shown.issuer.clone())
    }

    fn remember(&self, new: Held) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|old| old.token != new.token);
        held.truncate(REMEMBERED - 1);
        held.push_front(new);
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("issuer", &self.issuer)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
