//! What webhook-ingest asks its neighbours to tell the story of one event: service-api what it did to the record, audit-log how often
//! it came and what was done with it.

use serde::{Deserialize, Serialize};

use super::ApplyEvent;
use crate::clock::Timestamp;
use crate::history::{Change, Standing, Subject};
use crate::ids::{ClientRef, EventId};
use crate::resources::TransactionState;

/// `POST` [`TRACE_EVENT`](super::TRACE_EVENT) of service-api: what did this event do, and what of it still stands?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceEvent {
    /// Which event.
    pub event_id: EventId,
    /// What it says by the mapping of today, if it is an event by that.
    pub said: Option<ApplyEvent>,
}

/// The answer to [`TraceEvent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedEvent {
    /// `None` if it was not applied.
    pub traces: Option<Traces>,
}

/// What an event that was applied left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Traces {
    /// When it came to what it came to.
    pub applied_at: Timestamp,
    /// Whose record it was about.
    pub client: ClientRef,
    /// The record that this one has become a part of since.
    pub merged_into: Option<ClientRef>,
    /// What changed.
    pub changes: Vec<Change>,
    /// What it states, and what stands.
    pub fields: Vec<TracedField>,
    /// How the transaction stands that it tells of.
    pub transaction: Option<TransactionState>,
}

/// A field that the event states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedField {
    /// Its name, as the wire has it.
    pub field: String,
    /// Of what it is a field.
    pub of: Subject,
    /// Whether it is what the event says.
    pub standing: Standing,
    /// The intake number of what stands there; 0 for a change made in the CRM.
    pub intake: i64,
}

/// `POST` [`READ_ATTEMPTS`](super::READ_ATTEMPTS) of audit-log: what does the trail say of this event? Only webhook-ingest asks, for
/// staff who may read the event; that they did is on the trail there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadAttempts {
    /// Which event.
    pub event_id: EventId,
}

/// The answer to [`ReadAttempts`]. Entries that are still on their way to the trail are not in it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// How often it was delivered.
    pub deliveries: u64,
    /// The first delivery.
    pub first: Option<Attempt>,
    /// The second.
    pub second: Option<Attempt>,
    /// The last.
    pub last: Option<Attempt>,
    /// What else was done with it, oldest first.
    pub acts: Vec<Attempt>,
}

/// One entry of the trail about an event, without anything personal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// The entry's action.
    pub action: String,
    /// Its reason.
    pub reason: Option<String>,
    /// What it says of how that ended: `status` of a delivery, `outcome` of a replay.
    pub status: Option<String>,
    /// The member of staff who did it, by `st_` id.
    pub staff: Option<String>,
    /// The event that it names beside this one.
    pub other: Option<EventId>,
    /// True for a delivery that the spool took.
    pub spooled: bool,
}
