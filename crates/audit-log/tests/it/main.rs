//! One binary for the tests of audit-log: the real service on port 0, over both databases.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests: a panic is the report"
)]

mod access;
mod append;
mod config;
mod query;
mod replicas;
mod schema;
mod trail;
mod world;
