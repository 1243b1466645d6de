//! Both engines, one behaviour: every test runs on PostgreSQL and on SQLite unless it is about one of them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's panic is its report, in its helpers too"
)]

mod access;
mod batch;
mod errors;
mod lease;
mod migrations;
mod outage;
mod things;
mod types;
