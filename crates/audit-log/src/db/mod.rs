//! The database of the trail: its table, and the queries over it. No rule about entries stands here.

pub(crate) mod attempts;
pub(crate) mod entries;
mod schema;
