//! Durable hand-over of audit entries to audit-log: a row stored in the commit of the effects it tells of, shipped until
//! it is acknowledged, at least once (the trail takes each entry's id once).
//!
//! - A handler that writes calls [`insert`] or [`insert_many`] in its own transaction, and [`Wake::wake`] after it.
//! - What has no commit of its own goes through the [`OutboxWriter`], which is also http-kit's recorder.
//! - [`OutboxWriter::watch`] tells in the service's metrics how much waits.
//! - A [`Shipper`] in each replica hands over what is there; a lease keeps it to one at a time.
//!
//! It must not change the entries: they are final bytes.

mod metrics;
mod shipper;
mod table;
mod wake;
mod writer;

pub use metrics::watch_writer;
pub use shipper::Shipper;
pub use table::{insert, insert_many, waiting};
pub use wake::Wake;
pub use writer::OutboxWriter;
