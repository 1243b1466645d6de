//! The keys and times of these tests.

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
