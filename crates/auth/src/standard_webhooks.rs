//! Signatures as the Standard Webhooks specification 1.0.0 has them (scheme `v1`): HMAC-SHA256 over `id.timestamp.body`, base64, with a
//! tolerance of five minutes. `v1a` (Ed25519) is passed over.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use contract::clock::Timestamp;
use zeroize::Zeroizing;

use crate::digest::{equal, hmac_sha256_of};
use crate::keyring::KeyRing;
use crate::webhook::{SignatureError, SignedBody};

/// The header with the delivery's id.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of sending, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// How far the time of sending may lie from now, either way, in seconds.
pub const TOLERANCE: u64 = 5 * 60;

/// The fewest bytes of a key by the specification.
const MIN_KEY_BYTES: usize = 24;

/// The longest `webhook-id`, in bytes.
const MAX_ID_BYTES: usize = 255;

/// Standard base64; senders leave the padding out as often as not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The keys of `WEBHOOK_STANDARD_SECRET`, decoded.
#[derive(Clone)]
pub struct StandardSecrets(Vec<Zeroizing<Vec<u8>>>);

/// A secret that is not base64 of at least 24 bytes, with or without `whsec_` before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not base64 of at least 24 bytes after whsec_")]
pub struct BadStandardSecret;

impl StandardSecrets {
    /// Decodes every secret of a ring.
    ///
    /// # Errors
    /// [`BadStandardSecret`] if one of them can't be decoded or is too short.
    pub fn of(ring: &KeyRing) -> Result<Self, BadStandardSecret> {
        ring.all().map(|secret| key(secret.expose())).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Debug for StandardSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StandardSecrets({} keys)", self.0.len())
    }
}

/// The three headers of a delivery, each as sent.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'h> {
    /// `webhook-id`: the signed key of de-duplication.
    pub id: &'h str,
    /// `webhook-timestamp`
    pub timestamp: &'h str,
    /// `webhook-signature`
    pub signature: &'h str,
}

/// Why a delivery is not taken for the sender's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StandardError {
    /// An id, time or signature of another form.
    #[error("a header of the signature is malformed")]
    Malformed,
    /// None of the signatures is that of this id, time and body.
    #[error("the signature is not that of this delivery")]
    Mismatch,
    /// Rightly signed, but more than [`TOLERANCE`] from now.
    #[error("the signature is too old, or from the future")]
    Stale,
}

impl From<StandardError> for SignatureError {
    fn from(error: StandardError) -> Self {
        match error {
            StandardError::Malformed => Self::Malformed,
            StandardError::Mismatch | StandardError::Stale => Self::Mismatch,
        }
    }
}

/// Checks a delivery that has all three headers, each once. If it passes, its `id` is signed too.
///
/// # Errors
/// [`StandardError`], whatever the headers hold. Only what is rightly signed is called stale.
pub fn verify(
    secrets: &StandardSecrets,
    headers: Headers<'_>,
    body: Bytes,
    now: Timestamp,
) -> Result<SignedBody, StandardError> {
    let sent = seconds(headers.timestamp).filter(|_| is_id(headers.id)).ok_or(StandardError::Malformed)?;
    let shown = signatures(headers.signature).ok_or(StandardError::Malformed)?;
    let ours = |key: &Zeroizing<Vec<u8>>| {
        let tag = tag(key, headers.id, headers.timestamp, &body);
        shown.iter().any(|signature| equal(&tag, signature))
    };
    if !secrets.0.iter().any(ours) {
        return Err(StandardError::Mismatch);
    }
    if now.as_seconds().abs_diff(sent) > TOLERANCE {
        return Err(StandardError::Stale);
    }
    Ok(SignedBody::checked(body))
}

/// A `webhook-signature` as a sender makes it: of `secret` (`whsec_` and base64), for these headers and this body.
///
/// # Errors
/// [`BadStandardSecret`] if the secret can't be decoded or is too short.
pub fn sign(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Result<String, BadStandardSecret> {
    Ok(format!("v1,{}", BASE64.encode(tag(&key(secret)?, id, timestamp, body))))
}

fn tag(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> [u8; 32] {
    hmac_sha256_of(key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body])
}

fn key(secret: &str) -> Result<Zeroizing<Vec<u8>>, BadStandardSecret> {
    let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).map(Zeroizing::new);
    key.ok().filter(|key| key.len() >= MIN_KEY_BYTES).ok_or(BadStandardSecret)
}

/// Visible ASCII without a full stop: with one in it, `a.1` + `2` and `a` + `1.2` would be signed alike, as the specification warns.
fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.')
}

fn seconds(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The `v1` signatures of a list separated by spaces; `None` if there is not one that can be decoded.
fn signatures(list: &str) -> Option<Vec<Vec<u8>>> {
    let encoded = list.split(' ').filter_map(|entry| entry.strip_prefix("v1,"));
    let decoded: Vec<_> = encoded.filter_map(|entry| BASE64.decode(entry).ok()).collect();
    if decoded.is_empty() { None } else { Some(decoded) }
}
