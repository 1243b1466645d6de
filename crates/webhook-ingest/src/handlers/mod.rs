//! What each route does: parse, decide by the domain's rules, answer. No SQL stands here.

pub(crate) mod events;
pub(crate) mod history;
pub(crate) mod inbox;
pub(crate) mod replays;
pub(crate) mod webhooks;
