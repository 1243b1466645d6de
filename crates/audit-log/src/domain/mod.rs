//! The rules of the trail: what may be appended, how a stored entry is opened, what may be asked for. Pure: it knows neither HTTP
//! nor a database.

pub(crate) mod attempts;
pub(crate) mod cursor;
pub(crate) mod entry;
pub(crate) mod index;
pub(crate) mod kind;
pub(crate) mod packing;
pub(crate) mod pieces;
pub(crate) mod search;
