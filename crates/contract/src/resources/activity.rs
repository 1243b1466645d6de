//! What happened to a client.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::ids::ActivityId;

/// One effect on a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Its id.
    pub activity_id: ActivityId,
    /// What happened.
    #[serde(rename = "type")]
    pub activity_type: ActivityType,
    /// The same in a sentence, for people.
    pub description: String,
    /// Who did it.
    pub actor: Actor,
    /// What belongs to this type: `from`, `to` and `notes` of a KYC change, amount and currency of a deposit.
    pub metadata: Map<String, Value>,
    /// When.
    pub created_at: Timestamp,
}

/// The answer to `GET /clients/:email/activity`: newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityPage {
    /// The activities.
    pub activities: Vec<Activity>,
    /// Where the next page begins; `null` on the last.
    pub next_cursor: Option<String>,
}

/// Who did something. Senders of events are named by their source, callers of the service API by their credential, staff by their id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of actor.
    #[serde(rename = "type")]
    pub kind: ActorKind,
    /// Which one.
    pub id: Option<String>,
}

/// What kind of actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// The sender of an event.
    Platform,
    /// A caller of the service API.
    Service,
    /// A member of staff.
    Staff,
    /// The CRM itself.
    System,
}

impl ActorKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Platform, Self::Service, Self::Staff, Self::System];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Service => "service",
            Self::Staff => "staff",
            Self::System => "system",
        }
    }

    /// The kind with this word, exactly as [`Self::as_str`] writes it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ActivityType {
    /// The client registered.
    #[serde(rename = "client.registered")]
    ClientRegistered,
    /// The profile changed.
    #[serde(rename = "client.changed")]
    ClientChanged,
    /// Staff changed how the client stands.
    #[serde(rename = "client.status_changed")]
    ClientStatusChanged,
    /// Staff took a link to the platform as this client.
    #[serde(rename = "client.impersonated")]
    ClientImpersonated,
    /// Money came in.
    #[serde(rename = "deposit.completed")]
    DepositCompleted,
    /// Money went out.
    #[serde(rename = "withdrawal.completed")]
    WithdrawalCompleted,
    /// Staff decided which of contradicting facts of a transaction stand.
    #[serde(rename = "transaction.decided")]
    TransactionDecided,
    /// The identity check changed.
    #[serde(rename = "kyc.changed")]
    KycChanged,
    /// A trading account changed.
    #[serde(rename = "account.changed")]
    AccountChanged,
    /// Staff gave a trading account to another client.
    #[serde(rename = "account.moved")]
    AccountMoved,
    /// Somebody wrote a note.
    #[serde(rename = "note.added")]
    NoteAdded,
}

impl ActivityType {
    /// Every type.
    pub const ALL: [Self; 11] = [
        Self::ClientRegistered,
        Self::ClientChanged,
        Self::ClientStatusChanged,
        Self::ClientImpersonated,
        Self::DepositCompleted,
        Self::WithdrawalCompleted,
        Self::TransactionDecided,
        Self::KycChanged,
        Self::AccountChanged,
        Self::AccountMoved,
        Self::NoteAdded,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientRegistered => "client.registered",
            Self::ClientChanged => "client.changed",
            Self::ClientStatusChanged => "client.status_changed",
            Self::ClientImpersonated => "client.impersonated",
            Self::DepositCompleted => "deposit.completed",
            Self::WithdrawalCompleted => "withdrawal.completed",
            Self::TransactionDecided => "transaction.decided",
            Self::KycChanged => "kyc.changed",
            Self::AccountChanged => "account.changed",
            Self::AccountMoved => "account.moved",
            Self::NoteAdded => "note.added",
        }
    }

    /// The type with this word, exactly as [`Self::as_str`] writes it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
