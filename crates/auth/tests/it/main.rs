//! Tests of `auth` through its public interface, against published vectors and against what openssl, Node, Python and shells make.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test's panic is its report, in its helpers too"
)]

mod bearer;
mod diagnose;
mod digest;
mod jwt;
mod password;
mod secret;
mod staff;
mod standard_webhooks;
mod tokens;
mod webhook;

use auth::keyring::KeyRing;
use auth::secret::Secret;
use contract::clock::Timestamp;

/// The key of the vectors in these tests.
pub(crate) const SECRET: &str = "placeholder-webhook-secret-for-tests-only";

/// A ring of these secrets, the first of which signs.
pub(crate) fn ring(secrets: &[&str]) -> KeyRing {
    let mut secrets = secrets.iter().map(|text| Secret::new(*text));
    KeyRing::new(secrets.next().expect("one secret"), secrets.collect())
}

/// The instant this many seconds after 1970.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}
