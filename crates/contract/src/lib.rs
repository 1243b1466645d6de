//! The words of the wire: events, resources, problems, ids, money. Pure: no I/O, no cryptography.
//!
//! Strict in what we say, tolerant in what we hear: types of this crate can only hold what may be said,
//! and the readers beside them take what platforms really send. Nothing here panics on input.

pub mod audit;
pub mod canonical;
pub mod clock;
pub mod email;
pub mod events;
pub mod history;
pub mod ids;
pub mod inbox;
pub mod internal;
pub mod json;
pub mod kyc;
pub mod money;
pub mod problems;
pub mod resources;
pub mod webhooks;
