//! Work beside the requests.

pub(crate) mod activities;
pub(crate) mod sweep;
