//! The rules of the client record. They know neither HTTP nor the database: what they work on is handed in, and what changed is
//! handed back.

pub(crate) mod account;
pub(crate) mod account_view;
pub(crate) mod bodies;
pub(crate) mod book;
pub(crate) mod client;
pub(crate) mod deeds;
pub(crate) mod effects;
pub(crate) mod facts;
pub(crate) mod history;
pub(crate) mod idempotency;
pub(crate) mod identity;
pub(crate) mod ledger;
pub(crate) mod listing;
pub(crate) mod lookup;
pub(crate) mod moving;
pub(crate) mod order;
pub(crate) mod place;
pub(crate) mod precondition;
pub(crate) mod search;
pub(crate) mod standing;
pub(crate) mod statement;
pub(crate) mod traces;
pub(crate) mod trail;
pub(crate) mod transaction;

#[cfg(test)]
mod convergence;
#[cfg(test)]
mod examples;
