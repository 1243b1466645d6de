//! For tests only: databases. What fails in here panics, and the panic is the test's report.
#![expect(clippy::expect_used, clippy::panic, reason = "for tests only: a panic is the report")]

mod cluster;
pub mod database;
pub mod migrations;
