//! The rules of webhook-ingest, without HTTP and without SQL.

pub mod delivery;
pub mod fate;
pub mod history;
pub mod lanes;
pub mod looks;
pub mod packing;
pub mod reading;
pub mod replay;
pub mod search;
pub mod signature;
pub mod trail;
