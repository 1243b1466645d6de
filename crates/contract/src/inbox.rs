//! Webhook events as staff see them, and what became of a replay.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::events::Warning;
use crate::ids::EventId;
use crate::problems::{Code, FieldError};
use crate::resources::EventState;

/// The states from which staff can have an event read again.
pub const REPLAYABLE: [EventState; 4] =
    [EventState::Conflict, EventState::Held, EventState::Unrecognized, EventState::DeadLettered];

/// One event in a list. What is said of persons stands in [`EventDetails`] alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventSummary {
    /// Our id.
    pub event_id: EventId,
    /// The platform it came from.
    pub source: String,
    /// The event type as sent, if there was a sensible one.
    pub event_type: Option<String>,
    /// Where it stands.
    pub state: EventState,
    /// Why it stands there, as a stable word.
    pub reason: Option<String>,
    /// The platform's id of the client it names.
    pub client_id: Option<String>,
    /// When it was received.
    pub received_at: Timestamp,
    /// When its facts hold from.
    pub effective_at: Timestamp,
    /// How often it failed by itself since it became pending.
    pub attempts: i32,
    /// When it came to its state, unless it is pending or never was.
    pub resolved_at: Option<Timestamp>,
    /// How often staff had it read again.
    pub replays: i32,
    /// When last.
    pub replayed_at: Option<Timestamp>,
}

/// The answer to `GET /api/webhooks/events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventPage {
    /// Newest first.
    pub events: Vec<EventSummary>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

/// What is wrong with a held event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBecause {
    /// `invalid_json`, `invalid_event` or `event_id_reused`.
    pub code: Code,
    /// The fields at fault, if it is theirs.
    pub errors: Vec<FieldError>,
}

/// The answer to `GET /api/webhooks/events/:id`: all that is known of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventDetails {
    /// What a list says of it.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// Why it was held, when it came.
    pub problem: Option<HeldBecause>,
    /// What was odd about it without making it unreadable.
    pub warnings: Vec<Warning>,
    /// The platform's own order of events of one time, if it sent one.
    pub sequence: Option<i64>,
    /// The number it got at intake: the last part of its order key.
    pub intake: i64,
    /// Not tried again before this time.
    pub next_attempt_at: Option<Timestamp>,
    /// The raw body as text.
    pub body: String,
    /// False where the raw body is no UTF-8, so that `body` is not it byte for byte.
    pub body_is_exact: bool,
}

/// What became of having one event read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayOutcome {
    /// It is pending again.
    Replayed,
    /// It was applied before; nothing to do.
    AlreadyApplied,
    /// It is pending anyhow.
    AlreadyPending,
    /// It still can't be read; it stays where it is.
    Unreadable,
    /// Its type is still unknown; it stays where it is.
    Unrecognized,
}

impl ReplayOutcome {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::AlreadyApplied => "already_applied",
            Self::AlreadyPending => "already_pending",
            Self::Unreadable => "unreadable",
            Self::Unrecognized => "unrecognized",
        }
    }
}

/// The answer to `POST /api/webhooks/events/:id/replay`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// Which event.
    pub event_id: EventId,
    /// What became of it.
    pub outcome: ReplayOutcome,
    /// Where it stands now.
    pub state: EventState,
    /// What is wrong with it today, if it is still unreadable.
    pub errors: Vec<FieldError>,
}

/// The answer to `POST /api/webhooks/events/replay`: how many of those looked at came to what.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayCounts {
    /// Pending again.
    pub replayed: u64,
    /// Someone else was faster: pending or applied already.
    pub already_done: u64,
    /// Still unreadable.
    pub unreadable: u64,
    /// Still of an unknown type.
    pub unrecognized: u64,
    /// Their id belongs to another event.
    pub not_replayable: u64,
    /// True if events beyond these may match: go on with `next_cursor`.
    pub more: bool,
    /// Where to go on.
    pub next_cursor: Option<String>,
}
