//! The database of the trail: its tables, and the queries over it. No rule about entries stands here.

pub(crate) mod attempts;
pub(crate) mod entries;
pub(crate) mod kinds;
pub(crate) mod pages;
mod schema;
