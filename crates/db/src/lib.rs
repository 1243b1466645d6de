//! PostgreSQL and SQLite behind one door: pools, portable SQL types, batch writer and reader, leases, packed columns, migrations.
//!
//! It knows no service, no table of theirs and no HTTP. What it must not do: hide which statement runs on which
//! engine behind traits. A [`Conn`] is an enum, and [`on_backend!`] type-checks one diesel expression for both.

mod batch_reader;
mod conn;
mod connect;
mod database;
mod error;
mod frames;
mod schema;
mod uri;
mod url;

pub mod batch;
pub mod fail_points;
pub mod lease;
pub mod migrate;
pub mod pace;
mod prepared;
pub mod types;

pub use batch::{BatchOptions, BatchWriter, SubmitError};
pub use batch_reader::BatchReader;
pub use conn::{Backend, Conn};
pub use database::{Database, Options};
pub use error::{Class, DbError, DbResult};
pub use frames::Frames;
pub use migrate::Migrations;
pub use prepared::{Prepared, prepared};
pub use url::{DatabaseUrl, UrlError};

/// `embed_migrations!` expands to the bare path `diesel_migrations::`; [`migrations!`] brings it into scope from here,
/// so that no other crate depends on it.
#[doc(hidden)]
pub use diesel_migrations;
