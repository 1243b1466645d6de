//! What service-api does besides answering.

pub(crate) mod idempotency_keys;
pub(crate) mod search_texts;
