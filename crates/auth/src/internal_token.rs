//! The token that services show each other in `x-crm-internal`: who calls whom, for a minute. It carries no other right or claim.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::clock::Timestamp;
use serde_json::json;

use crate::digest::hmac_sha256;
use crate::jwt::{JwtError, Verifier};
use crate::keyring::KeyRing;

/// How long a token is valid, in seconds.
pub const LIFETIME: i64 = 60;

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
    let claims = Verifier::new(ring.clone()).verify(token, now)?;
    match (claims.text("aud"), claims.text("iss")) {
        (Some(aud), Some(iss)) if aud == audience => Ok(Issuer(iss.to_owned())),
        _ => Err(JwtError::Claims),
    }
}
