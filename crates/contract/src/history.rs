//! The story of one webhook event, for staff: when what happened to it, and why. It names fields, never what they hold.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::events::Warning;
use crate::ids::{ClientRef, EventId};
use crate::inbox::{EventSummary, HeldBecause};
use crate::problems::FieldError;
use crate::resources::{ActivityType, TransactionState};

/// The answer to `GET /api/webhooks/events/:id/history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventHistory {
    /// Where it stands.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// How its signature was shown.
    pub signature: SignatureScheme,
    /// Why it was held, when it came.
    pub problem: Option<HeldBecause>,
    /// What was odd about it without making it unreadable.
    pub warnings: Vec<Warning>,
    /// Not tried again before this time.
    pub next_attempt_at: Option<Timestamp>,
    /// What happened, oldest first.
    pub steps: Vec<Step>,
    /// What it did to its client's record; `null` while it did nothing, or while nobody could say.
    pub effect: Option<EventEffect>,
    /// What a replay would come to now; `null` where there is nothing to replay.
    pub replay: Option<Prospect>,
    /// The services that could not be asked, so that the story may lack what they know.
    pub unanswered: Vec<String>,
}

/// How a delivery showed that it is the platform's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureScheme {
    /// By our own header, `x-webhook-signature`.
    Own,
    /// By the three headers of Standard Webhooks.
    StandardWebhooks,
}

/// One thing that happened to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// When; of several alike, the first.
    pub at: Timestamp,
    /// What.
    pub what: StepKind,
    /// How it was answered, or what it came to: `accepted`, `duplicate`, `already_applied`.
    pub status: Option<String>,
    /// Why, as a stable word.
    pub reason: Option<String>,
    /// How often.
    pub times: u64,
    /// When last, if it happened more than once.
    pub until: Option<Timestamp>,
    /// The member of staff who did it, by `st_` id.
    pub by: Option<String>,
    /// Another event that it has to do with.
    pub other: Option<EventId>,
    /// True if our own tables were out of reach then, and the spool took it.
    pub spooled: bool,
}

/// What happened to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// It came, and was stored.
    Received,
    /// It came again, and was answered as before.
    ReceivedAgain,
    /// What the spool had taken turned out to be something else than its sender was told.
    Drained,
    /// Staff asked to have it read again.
    Replayed,
    /// It took effect.
    Applied,
    /// It was applied, and what it says had been overtaken.
    Superseded,
    /// It contradicted what was on record.
    Conflict,
    /// It was refused for good.
    DeadLettered,
}

/// What an event did to its client's record, and what of it still stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventEffect {
    /// Whose record it was about.
    pub client: ClientRef,
    /// The record that this one has become a part of since.
    pub merged_into: Option<ClientRef>,
    /// What changed, as the client's activity has it.
    pub changes: Vec<Change>,
    /// What the event states, field by field, and whether that is what stands.
    pub fields: Vec<StatedField>,
    /// How the transaction stands that it tells of.
    pub transaction: Option<TransactionState>,
}

/// One change, as the client's activity has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What happened.
    #[serde(rename = "type")]
    pub activity_type: ActivityType,
    /// The names of the fields that held something else afterwards, where the activity names them.
    pub fields: Vec<String>,
    /// True if it made an account.
    pub new: bool,
}

/// A field that an event states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatedField {
    /// Its name, as the wire has it.
    pub field: String,
    /// Of what it is a field.
    pub of: Subject,
    /// Whether it is what the event says.
    pub standing: Standing,
    /// The event that stands in its place, or says the same with more weight; `null` for a change made in the CRM.
    pub by: Option<EventId>,
}

/// Of what a field is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The client.
    Client,
    /// A trading account.
    Account,
    /// A deposit or withdrawal.
    Transaction,
}

/// Whether what an event says of a field is what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It stands, by this event.
    Stands,
    /// It stands, and a later statement says the same.
    Confirmed,
    /// A later statement says something else, and that stands.
    Overtaken,
}

/// What a replay would come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prospect {
    /// The outcome.
    pub outcome: ProspectOutcome,
    /// What is wrong with it today, if it is still unreadable.
    pub errors: Vec<FieldError>,
    /// The event that has its key.
    pub other: Option<EventId>,
}

/// What a replay would come to, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProspectOutcome {
    /// It can be read now, and would be applied.
    Replayable,
    /// It still can't be read.
    Unreadable,
    /// Its type is still unknown.
    Unrecognized,
    /// The same event was taken under another id since.
    SameEventKept,
    /// Its sender's id was first used for another event.
    EventIdReused,
}
