//! Requests into questions, answers into responses. No SQL, no rule about entries.

pub(crate) mod entries;
