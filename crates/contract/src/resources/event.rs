//! A webhook event, as whoever sent it may ask after it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::events::Warning;
use crate::ids::EventId;

/// The answer to `GET /events/:eventId`: what became of a webhook, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventStatus {
    /// The id that the webhook was answered with.
    pub event_id: EventId,
    /// The webhook source.
    pub source: String,
    /// The event's type as sent; `null` where the body did not say it.
    pub event_type: Option<String>,
    /// Where it stands.
    pub status: EventState,
    /// Why, as a stable word: of a refusal, a conflict, or of the last failed attempt while it is pending.
    pub reason: Option<String>,
    /// What could not be read of it.
    pub warnings: Vec<Warning>,
    /// When it came.
    pub received_at: Timestamp,
    /// When it reached its state; `null` while it is pending.
    pub resolved_at: Option<Timestamp>,
    /// How often it was tried in vain, by trouble of ours.
    pub attempts: i32,
}

/// Where a stored delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Acknowledged, effect to come.
    Pending,
    /// Its effect is in the client record.
    Applied,
    /// Applied, and changed nothing: newer facts were there.
    Superseded,
    /// It contradicts what is on record: kept beside it until staff decide.
    Conflict,
    /// Refused but kept: unreadable, or its id was used for something else.
    Held,
    /// Kept: no event type we know.
    Unrecognized,
    /// Acknowledged, and then refused as an event.
    DeadLettered,
}

impl EventState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Applied,
        Self::Superseded,
        Self::Conflict,
        Self::Held,
        Self::Unrecognized,
        Self::DeadLettered,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Applied => "applied",
            Self::Superseded => "superseded",
            Self::Conflict => "conflict",
            Self::Held => "held",
            Self::Unrecognized => "unrecognized",
            Self::DeadLettered => "dead_lettered",
        }
    }

    /// The state with this word, exactly as [`Self::as_str`] writes it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}
