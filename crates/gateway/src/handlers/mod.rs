//! The handlers: a file per resource, of which there is one.

pub(crate) mod requests;
