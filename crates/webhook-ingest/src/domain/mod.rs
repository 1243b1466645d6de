//! The rules of webhook-ingest, without HTTP and without SQL.

use std::fmt::Write as _;

pub mod backoff;
pub mod delivery;
pub mod fate;
pub mod hints;
pub mod lanes;
pub mod signature;
pub mod trail;

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}
