//! Rows and queries of webhook-ingest, a file for each table and each way to look at it, and the one commit that accepts
//! deliveries.

pub(crate) mod backlog;
pub(crate) mod deliveries;
pub(crate) mod inbox;
pub(crate) mod listing;
pub(crate) mod replays;
mod schema;
pub(crate) mod seen;
