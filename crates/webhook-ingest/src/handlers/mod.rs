//! What each route does: parse, decide by the domain's rules, answer. No SQL stands here.

pub(crate) mod awaited;
pub(crate) mod webhooks;
