//! webhook-ingest over real HTTP and real databases, on both engines. The service behind it is a stand-in that answers as told.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's panic is its report"
)]

mod http;
mod intake;
mod lanes;
mod migrations;
mod replicas;
mod routes;
mod settings;
mod signatures;
mod support;
mod trouble;
mod waiting;
