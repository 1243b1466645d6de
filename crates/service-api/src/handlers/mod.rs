//! The handlers: read the request, ask the domain and the database, answer. A file per resource.

pub(crate) mod clients;
pub(crate) mod events;
