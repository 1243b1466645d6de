//! What events did, as activities of their clients: one for each effect, in the commit of the effect. No sentence names a person;
//! the metadata has what staff need to find the rest.

use contract::clock::Timestamp;
use contract::events::{Event, Transaction};
use contract::ids::ActivityId;
use contract::internal::ApplyEvent;
use contract::resources::{Activity, ActivityType, Actor, ActorKind, TransactionKind};
use serde_json::{Map, Value, json};

use super::client::KycChange;
use super::deeds::CLIENT_REGISTERED;
use super::effects::Happening;

/// The activity that tells of what an event did.
pub(crate) fn activity(event: &ApplyEvent, happening: &Happening, id: ActivityId, at: Timestamp) -> Activity {
    let (activity_type, description, mut metadata) = tell(event, happening);
    metadata.insert("eventId".to_owned(), json!(event.event_id));
    metadata.insert("effectiveAt".to_owned(), json!(event.effective_at));
    Activity {
        activity_id: id,
        activity_type,
        description,
        actor: Actor { kind: ActorKind::Platform, id: Some(event.source.clone()) },
        metadata,
        created_at: at,
    }
}

fn tell(event: &ApplyEvent, happening: &Happening) -> (ActivityType, String, Map<String, Value>) {
    match happening {
        Happening::Registered => (ActivityType::ClientRegistered, CLIENT_REGISTERED.to_owned(), Map::new()),
        Happening::Profile(changed) => {
            let description = format!("Profile changed: {}", changed.join(", "));
            (ActivityType::ClientChanged, description, object([("changed", json!(changed))]))
        }
        Happening::Kyc(KycChange { from, to, notes, .. }) => {
            let description = format!("KYC status changed from {from} to {to}");
            let metadata = object([("from", json!(from)), ("to", json!(to)), ("notes", json!(notes))]);
            (ActivityType::KycChanged, description, metadata)
        }
        Happening::Account { opened, changed } => account(event, *opened, changed),
        Happening::Transaction { kind, new, in_conflict } => match &event.event {
            Event::DepositCompleted(said) | Event::WithdrawalCompleted(said) => {
                transaction(*kind, said, *new, *in_conflict)
            }
            // A happening of transactions comes of no other event.
            _ => (ActivityType::ClientChanged, String::new(), Map::new()),
        },
    }
}

fn account(event: &ApplyEvent, opened: bool, changed: &[&str]) -> (ActivityType, String, Map<String, Value>) {
    let named = match &event.event {
        Event::AccountUpdated(said) => said.account_id.as_deref(),
        _ => None,
    };
    let what = named.map_or_else(|| "Account".to_owned(), |id| format!("Account {id}"));
    let description = match (opened, changed.is_empty()) {
        (true, _) => format!("{what} recorded"),
        (false, _) => format!("{what} changed: {}", changed.join(", ")),
    };
    let metadata = object([("accountId", json!(named)), ("new", json!(opened)), ("changed", json!(changed))]);
    (ActivityType::AccountChanged, description, metadata)
}

fn transaction(
    kind: TransactionKind,
    said: &Transaction,
    new: bool,
    in_conflict: bool,
) -> (ActivityType, String, Map<String, Value>) {
    let (activity_type, word) = match kind {
        TransactionKind::Deposit => (ActivityType::DepositCompleted, "Deposit"),
        TransactionKind::Withdrawal => (ActivityType::WithdrawalCompleted, "Withdrawal"),
    };
    let currency = said.currency.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
    let end = match (in_conflict, new) {
        (true, _) => "is in conflict with other facts under its id",
        (false, true) => "completed",
        (false, false) => "was told again with more",
    };
    let metadata = object([
        ("transactionId", json!(said.transaction_id)),
        ("amount", json!(said.amount)),
        ("currency", json!(said.currency)),
        ("accountId", json!(said.account_id)),
        ("conflict", json!(in_conflict)),
    ]);
    (activity_type, format!("{word} of {}{currency} {end}", said.amount), metadata)
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
