//! For tests only: databases, ports, credentials, waits. What fails in here panics, and the panic is the test's report.
#![expect(clippy::expect_used, clippy::panic, reason = "for tests only: a panic is the report")]

mod cluster;
pub mod credentials;
pub mod database;
pub mod migrations;
pub mod ports;
pub mod proxy;
pub mod staff;
pub mod waiting;
