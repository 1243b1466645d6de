//! What callers show, made from the secrets of a test.

use auth::jwt::Signer;
use auth::keyring::KeyRing;
use auth::secret::Secret;
use contract::clock::Clock;
use serde_json::{Value, json};

/// A key ring of one secret.
pub fn ring(secret: &str) -> KeyRing {
    KeyRing::new(Secret::new(secret.to_owned()), Vec::new())
}

/// A token as our services show each other, made now.
pub fn internal_token(secret: &str, issuer: &str, audience: &str) -> String {
    auth::internal_token::issue(&ring(secret), issuer, audience, Clock::system().now())
}

/// A JWT of these claims.
pub fn signed(secret: &str, claims: &Value) -> String {
    Signer::new(ring(secret)).sign(claims).expect("an object")
}

/// A JWT of a member of staff, as another part of the CRM signs it: `stf_1` with this role, valid for an hour.
pub fn staff_token(secret: &str, role: &Value) -> String {
    let expires = Clock::system().now().as_seconds() + 3600;
    signed(secret, &json!({ "sub": "stf_1", "email": "staff@broker.example", "role": role, "exp": expires }))
}
