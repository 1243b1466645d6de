//! Rows and queries of webhook-ingest, a file for each table and each way to look at it, and the one commit that accepts
//! deliveries: in our own tables, or in the spool's file while those are out of reach.

pub(crate) mod backlog;
mod body;
pub(crate) mod deliveries;
pub(crate) mod drain;
pub(crate) mod fates;
pub(crate) mod history;
pub(crate) mod inbox;
pub(crate) mod intake;
pub(crate) mod listing;
pub(crate) mod pending;
pub(crate) mod replays;
mod schema;
pub(crate) mod seen;
pub(crate) mod spool;
pub(crate) mod spooled;
