//! Rows and queries of webhook-ingest, a file for each table, and the one commit that accepts deliveries.

pub(crate) mod deliveries;
pub(crate) mod inbox;
mod schema;
pub(crate) mod seen;
