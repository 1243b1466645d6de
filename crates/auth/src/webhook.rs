//! The signature of `x-webhook-signature`: hex HMAC-SHA256 of the raw body bytes. It has no time in it: de-duplication, not freshness,
//! stops replays.

use bytes::Bytes;

use crate::digest::hmac_sha256;
use crate::keyring::KeyRing;
use crate::secret::Secret;

/// The header that carries the signature.
pub const HEADER: &str = "x-webhook-signature";

/// A body whose signature was checked. Only this crate can make one, so a function that takes it can't be given another.
#[derive(Debug, Clone)]
pub struct SignedBody(Bytes);

impl SignedBody {
    pub(crate) fn checked(body: Bytes) -> Self {
        Self(body)
    }

    /// The bytes that were signed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, and with them the proof, given up.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

/// Why a delivery is not taken for the sender's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No signature header.
    #[error("no signature")]
    Missing,
    /// Not 64 hex characters with at most `sha256=` before them, or more than one header.
    #[error("the signature is not a hex HMAC-SHA256")]
    Malformed,
    /// The signature of another body, or by another key.
    #[error("the signature is not that of this body")]
    Mismatch,
}

/// Checks the values of `x-webhook-signature` (all there are; `None` and `Some(value)` serve too) against the raw body.
///
/// # Errors
/// [`SignatureError`], whatever the header holds.
pub fn verify<'h>(
    ring: &KeyRing,
    headers: impl IntoIterator<Item = &'h [u8]>,
    body: Bytes,
) -> Result<SignedBody, SignatureError> {
    let mut headers = headers.into_iter();
    let header = headers.next().ok_or(SignatureError::Missing)?;
    // Two signatures would let what stands before us and us disagree on which one counts.
    if headers.next().is_some() {
        return Err(SignatureError::Malformed);
    }
    let tag = read(header).ok_or(SignatureError::Malformed)?;
    if ring.verify(&body, &tag) { Ok(SignedBody(body)) } else { Err(SignatureError::Mismatch) }
}

/// The signature of `body`, as a sender puts it into the header: 64 lower-case hex characters.
#[must_use]
pub fn sign(secret: &Secret, body: &[u8]) -> String {
    hex::encode(hmac_sha256(secret.as_bytes(), body))
}

/// The tag that a header holds. Hex of either case; `sha256=` before it (of either case too, as senders upper-case the whole).
pub(crate) fn read(header: &[u8]) -> Option<[u8; 32]> {
    let header = header.trim_ascii();
    let digits = match header.split_at_checked(7) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(b"sha256=") => rest,
        _ => header,
    };
    let mut tag = [0; 32];
    hex::decode_to_slice(digits, &mut tag).ok()?;
    Some(tag)
}
