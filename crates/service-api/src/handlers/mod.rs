//! The handlers: read the request, ask the domain and the database, answer. A file per resource; beside them what several of them
//! share: `whom` a request is about, `lists`, `changes`, and the `internal` door.

pub(crate) mod accounts;
pub(crate) mod activities;
mod changes;
pub(crate) mod clients;
pub(crate) mod events;
mod internal;
pub(crate) mod kyc;
mod lists;
pub(crate) mod notes;
pub(crate) mod transactions;
mod whom;
