//! service-api over real databases and real HTTP, with a stand-in for webhook-ingest.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test's panic is its report"
)]

mod access;
mod apply;
mod failures;
mod http;
mod lookup;
mod migrations;
mod replicas;
mod routes;
mod support;
mod waiting;
