//! One binary for the tests of http-kit: real servers on port 0, requests as bytes.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests: a panic is the report"
)]

mod access;
mod audit;
mod bodies;
mod client;
mod config;
mod logs;
mod paths;
mod server;
mod wire;
mod world;
