//! What is done in the CRM, as activities of its client: each one effect, in the commit of the effect.

use contract::clock::Timestamp;
use contract::ids::ActivityId;
use contract::internal::Impersonation;
use contract::resources::{Activity, ActivityType, Actor, ActorKind, ClientStatus, Note};
use serde_json::{Map, Value, json};

use super::client::KycChange;
use super::moving::Moved;
use super::transaction::Transaction;

pub(super) const CLIENT_REGISTERED: &str = "Client registered";
const NOTE_ADDED: &str = "Note added";
const CLIENT_IMPERSONATED: &str = "Staff signed in to the platform as the client";

/// What is said of every activity of a type, where that is always the same. It is not stored with each, so another wording here is one
/// of all that ever were.
pub(crate) fn usual_description(of: ActivityType) -> Option<&'static str> {
    match of {
        ActivityType::ClientRegistered => Some(CLIENT_REGISTERED),
        ActivityType::NoteAdded => Some(NOTE_ADDED),
        ActivityType::ClientImpersonated => Some(CLIENT_IMPERSONATED),
        _ => None,
    }
}

/// Who did something, when, and under which id it is told.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    pub(crate) id: ActivityId,
    pub(crate) actor: Actor,
    pub(crate) at: Timestamp,
}

impl Deed {
    /// The identity check changed.
    pub(crate) fn kyc_changed(self, KycChange { from, to, notes, .. }: &KycChange) -> Activity {
        let description = format!("KYC status changed from {from} to {to}");
        self.tell(
            ActivityType::KycChanged,
            description,
            [("from", json!(from)), ("to", json!(to)), ("notes", json!(notes))],
        )
    }

    /// The client stands otherwise.
    pub(crate) fn status_changed(
        self,
        from: ClientStatus,
        to: ClientStatus,
        reason: Option<&str>,
    ) -> Activity {
        let description = format!("Client status changed from {} to {}", from.as_str(), to.as_str());
        self.tell(
            ActivityType::ClientStatusChanged,
            description,
            [("from", json!(from)), ("to", json!(to)), ("reason", json!(reason))],
        )
    }

    /// A note was written. What it says stands with the notes alone.
    pub(crate) fn note_added(self, note: &Note) -> Activity {
        self.tell(ActivityType::NoteAdded, NOTE_ADDED.to_owned(), [("noteId", json!(note.note_id))])
    }

    /// Staff decided which of contradicting facts of a transaction stand; `own` if those of this client do.
    pub(crate) fn transaction_decided(self, accepted: &Transaction, own: bool) -> Activity {
        let kind = accepted.key.kind.as_str();
        let description = match own {
            true => format!("Conflict decided: the {kind} of {} stands", accepted.amount),
            false => format!("Conflict decided: the {kind} is another client's"),
        };
        self.tell(
            ActivityType::TransactionDecided,
            description,
            [
                ("transactionId", json!(accepted.transaction_id)),
                ("accepted", json!(own.then_some(accepted.id))),
                ("amount", json!(own.then_some(&accepted.amount))),
            ],
        )
    }

    /// Staff gave an account to another client: of the one told here it is `own` now, or was.
    pub(crate) fn account_moved(self, moved: &Moved, own: bool, reason: Option<&str>) -> Activity {
        let Moved { account_id, from, to, parts } = moved;
        let description = match own {
            true => format!("Account {account_id} is this client's now"),
            false => format!("Account {account_id} is another client's now"),
        };
        self.tell(
            ActivityType::AccountMoved,
            description,
            [
                ("accountId", json!(account_id)),
                ("subaccounts", json!(parts)),
                ("from", json!(from)),
                ("to", json!(to)),
                ("reason", json!(reason)),
            ],
        )
    }

    fn tell<const N: usize>(
        self,
        activity_type: ActivityType,
        description: String,
        metadata: [(&str, Value); N],
    ) -> Activity {
        let metadata: Map<String, Value> =
            metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Activity {
            activity_id: self.id,
            activity_type,
            description,
            actor: self.actor,
            metadata,
            created_at: self.at,
        }
    }
}

/// Staff took a link to the platform. The activity has the token's UUID, so the same one told twice is one.
pub(crate) fn impersonated(told: &Impersonation) -> Activity {
    let deed = Deed {
        id: told.token_id.into(),
        actor: Actor { kind: ActorKind::Staff, id: Some(told.staff_id.clone()) },
        at: told.at,
    };
    deed.tell(
        ActivityType::ClientImpersonated,
        CLIENT_IMPERSONATED.to_owned(),
        [
            ("tokenId", json!(told.token_id)),
            ("staffEmail", json!(told.staff_email)),
            ("reason", json!(told.reason)),
        ],
    )
}
