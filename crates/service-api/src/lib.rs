//! The client record, and the API on it.
