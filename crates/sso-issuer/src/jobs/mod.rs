//! Work beside the requests.

pub(crate) mod activities;
pub(crate) mod login_failures;
