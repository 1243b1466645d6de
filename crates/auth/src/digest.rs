//! SHA-256, HMAC-SHA256 and comparison in constant time: the only primitives the rest is built from. No keys are kept here.

use ring::{digest, hmac};
use subtle::ConstantTimeEq;

/// SHA-256 of `data` (FIPS 180-4).
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    fixed(digest::digest(&digest::SHA256, data).as_ref())
}

/// HMAC-SHA256 of `message` (RFC 2104). The key may have any length, also none.
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    hmac_sha256_of(key, &[message])
}

/// HMAC-SHA256 of the parts, one after the other.
pub(crate) fn hmac_sha256_of(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    fixed(context.sign().as_ref())
}

/// Whether two byte strings are equal, in a time that depends on nothing but their lengths.
#[must_use]
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// ring's outputs of SHA-256 have 32 bytes, always; the type only does not say so.
fn fixed(output: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(output).for_each(|(to, from)| *to = *from);
    bytes
}
