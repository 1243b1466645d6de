//! Requests into questions, answers into responses. No SQL, no rule about entries.

pub(crate) mod attempts;
pub(crate) mod entries;
