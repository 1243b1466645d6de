//! JSON Web Tokens (RFC 7519) under HS256 (RFC 7518, section 3.2) alone. jsonwebtoken checks form and signature; the times are
//! checked here, against a given now and without leeway. What a header says about keys (`kid`, `jku`, `jwk`, `x5u`) is not followed.

use contract::clock::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::digest::hmac_sha256;
use crate::keyring::KeyRing;
use crate::provider;

/// The longest token that is looked at, in bytes. Ours stay under 1 KiB.
pub const MAX_BYTES: usize = 8 * 1024;

/// Bytes of a `kid`.
const KEY_ID_BYTES: usize = 4;

/// Why a token is refused, or can't be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Not a JWT, not HS256, too long, or with extensions that must be understood (`crit`).
    #[error("not a JWT of HS256")]
    Malformed,
    /// Changed, or signed by another key.
    #[error("the signature does not hold")]
    Signature,
    /// A time that is needed and absent, or not an integer of seconds from 0 on.
    #[error("a time is missing or not an integer of seconds")]
    Time,
    /// `exp` has been reached.
    #[error("expired")]
    Expired,
    /// `nbf` has not been reached.
    #[error("not valid yet")]
    NotYet,
    /// Valid, but not a token for this use.
    #[error("not a token for this use")]
    Claims,
}

/// The claims of a token that was verified.
#[derive(Clone)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// A claim as it stands.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that is a string and not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// Makes tokens under the current key of a ring.
#[derive(Debug, Clone)]
pub struct Signer {
    key: EncodingKey,
    header: Header,
}

impl Signer {
    /// A signer with `ring`'s current key, whose header is `{"typ":"JWT","alg":"HS256"}`.
    #[must_use]
    pub fn new(ring: KeyRing) -> Self {
        provider::install();
        let key = EncodingKey::from_secret(ring.into_current().as_bytes());
        Self { key, header: Header::new(Algorithm::HS256) }
    }

    /// As [`Signer::new`], with a `kid` in the header by which people can tell which of two keys made a token. It is derived from the
    /// key one way, and too short to tell a guessed key from another.
    #[must_use]
    pub fn with_key_id(ring: KeyRing) -> Self {
        let tag = hmac_sha256(ring.current().as_bytes(), b"kid");
        let mut signer = Self::new(ring);
        signer.header.kid = Some(hex::encode(tag.iter().take(KEY_ID_BYTES).copied().collect::<Vec<_>>()));
        signer
    }

    /// A token of these claims. Nothing is added to them.
    ///
    /// # Errors
    /// [`JwtError::Claims`] if they do not serialise to JSON.
    pub fn sign<T: Serialize>(&self, claims: &T) -> Result<String, JwtError> {
        encode(&self.header, claims, &self.key).map_err(|_| JwtError::Claims)
    }
}

/// Checks tokens against every key of a ring.
#[derive(Clone)]
pub struct Verifier {
    keys: Vec<DecodingKey>,
    validation: Validation,
}

impl Verifier {
    /// A verifier with all keys of `ring`.
    #[must_use]
    pub fn new(ring: KeyRing) -> Self {
        provider::install();
        let mut validation = Validation::new(Algorithm::HS256);
        // The library asks the system's clock, rounds fractions, gives leeway and refuses any `aud`: it is to do none of that.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        Self {
            keys: ring.into_all().map(|key| DecodingKey::from_secret(key.as_bytes())).collect(),
            validation,
        }
    }

    /// The claims of `token`, if its signature holds and `now` lies in its time: `exp` must be there and after `now`; `nbf`, if there,
    /// not after it.
    ///
    /// # Errors
    /// Every [`JwtError`] but `Claims`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, JwtError> {
        let claims = self.signed(token)?;
        let now = now.as_seconds();
        match time(&claims, "exp")? {
            None => Err(JwtError::Time),
            Some(exp) if exp <= now => Err(JwtError::Expired),
            Some(_) if time(&claims, "nbf")?.is_some_and(|nbf| nbf > now) => Err(JwtError::NotYet),
            Some(_) => Ok(Claims(claims)),
        }
    }

    /// The claims of a token of the right form under one of the keys, whatever its times.
    fn signed(&self, token: &str) -> Result<Map<String, Value>, JwtError> {
        if token.len() > MAX_BYTES {
            return Err(JwtError::Malformed);
        }
        for key in &self.keys {
            match decode::<Map<String, Value>>(token, key, &self.validation) {
                // `crit` names extensions that change what a token means; we know none (RFC 7515, section 4.1.11).
                Ok(data) if data.header.crit.is_some() => return Err(JwtError::Malformed),
                Ok(data) => return Ok(data.claims),
                Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {}
                Err(_) => return Err(JwtError::Malformed),
            }
        }
        Err(JwtError::Signature)
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verifier({} keys)", self.keys.len())
    }
}

/// A claim in whole seconds since 1970. Fractions, texts, numbers before 1970 or over 63 bits, and null are all refused.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, JwtError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().filter(|seconds| *seconds >= 0).map(Some).ok_or(JwtError::Time),
    }
}
