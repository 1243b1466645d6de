//! What the pages rest on: cookies, proof that a form is ours, where a log-in may lead, and the trail as it is read by people.

pub(crate) mod addresses;
pub(crate) mod cookies;
pub(crate) mod entries;
pub(crate) mod explanations;
pub(crate) mod filters;
pub(crate) mod forms;
pub(crate) mod tokens;
