//! Keys and tokens: webhook signatures, bearer credentials, JWTs, key rings, passwords. Pure: no I/O, no actix, no diesel.
//!
//! Every comparison with a secret, or with something made from one, takes constant time. No error and no `Debug` shows a secret or a
//! token. Time is handed in; randomness comes from [`random::Random`] alone.

pub mod bearer;
pub mod diagnose;
pub mod digest;
pub mod internal_token;
pub mod jwt;
pub mod keyring;
pub mod malformed;
pub mod password;
mod provider;
pub mod random;
mod rewrite;
pub mod secret;
pub mod staff;
pub mod standard_webhooks;
pub mod webhook;
