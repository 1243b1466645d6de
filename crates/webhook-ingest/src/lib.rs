//! Verifies, stores and acknowledges webhooks, then has them applied.
