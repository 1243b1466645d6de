//! What a webhook's sender is answered when the event was stored. Refusals are [`crate::problems`].

use serde::{Deserialize, Serialize};

use crate::ids::EventId;

/// The body of a 200 to a webhook: the event is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// What became of the delivery.
    pub status: Status,
    /// The stored event; for a duplicate, the one that was first.
    pub event_id: EventId,
}

/// What became of a delivery that was answered 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Stored, and will take effect.
    Accepted,
    /// The same event came before; nothing new was stored.
    Duplicate,
    /// Stored, but of an event type we do not know.
    Unrecognized,
}

impl Status {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Unrecognized => "unrecognized",
        }
    }
}
