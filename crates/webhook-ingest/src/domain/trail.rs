//! What the audit trail says of deliveries. Every attempt has its entry, duplicates and refusals too; bodies never get in, nor
//! does anything a person could be known by.

use contract::audit::{Actor, ActorKind, Category, Entry, Outcome, Target, Text, Value};
use contract::clock::Timestamp;
use contract::ids::EntryId;
use contract::problems::Code;

use super::delivery::{Delivery, Settled, Verdict};
use super::fate::{Fate, InboxState};

/// The longest foreign word that gets into an entry, in characters.
const LONGEST_WORD: usize = 100;

/// How many warnings or errors of one delivery an entry lists.
const MOST_LISTED: usize = 20;

/// The platform behind a source, as the trail names it.
#[must_use]
pub fn platform(source: &str) -> Actor {
    Actor { kind: ActorKind::Platform, id: Some(Text::open(source)) }
}

/// Completes the entry of the request that brought a delivery by what was decided about it.
#[must_use]
pub fn received(mut entry: Entry, delivery: &Delivery, settled: &Settled) -> Entry {
    let (outcome, status, code) = match &settled.verdict {
        Verdict::Accepted => (Outcome::Success, "accepted", None),
        Verdict::Unrecognized => (Outcome::Success, "unrecognized", None),
        Verdict::Duplicate => (Outcome::Success, "duplicate", None),
        Verdict::Held(refusal) => (Outcome::Refused, "held", Some(refusal.code)),
        Verdict::Reused => (Outcome::Refused, "held", Some(Code::EventIdReused)),
    };
    entry.outcome = outcome;
    entry.reason = code.map(|code| code.as_str().to_owned());
    entry.actor = platform(&delivery.source);
    entry.target = Some(event(&settled.event_id.to_string()));
    entry.details.insert("status".to_owned(), open(status));
    if let Some(event_type) = &delivery.event_type {
        entry.details.insert("eventType".to_owned(), open(event_type));
    }
    let listed = |places: Vec<(&str, &str)>| {
        Value::List(
            places
                .iter()
                .take(MOST_LISTED)
                .map(|(pointer, code)| open(&format!("{code} {pointer}")))
                .collect(),
        )
    };
    if !delivery.warnings.is_empty() {
        let places =
            delivery.warnings.iter().map(|warning| (warning.pointer.as_str(), warning.code.as_str()));
        entry.details.insert("warnings".to_owned(), listed(places.collect()));
    }
    if let Verdict::Held(refusal) = &settled.verdict {
        let places = refusal.errors.iter().map(|error| (error.pointer.as_str(), error.code.as_str()));
        entry.details.insert("errors".to_owned(), listed(places.collect()));
    }
    entry
}

/// The entry of an acknowledged event that was refused when it was to be applied. `None` for any other fate: what was applied is
/// on the trail by service-api's own entry, and what is tried again is not over.
#[must_use]
pub fn dead_lettered(
    id: EntryId,
    event_id: &str,
    source: &str,
    fate: &Fate,
    now: Timestamp,
) -> Option<Entry> {
    let Fate::Resolved { state: InboxState::DeadLettered, reason } = fate else {
        return None;
    };
    Some(Entry {
        id,
        time: now,
        service: crate::NAME,
        category: Category::Webhook,
        action: "webhook.dead_letter".to_owned(),
        outcome: Outcome::Refused,
        reason: reason.clone(),
        actor: platform(source),
        target: Some(event(event_id)),
        address: None,
        request_id: None,
        method: None,
        route: None,
        count: 1,
        details: std::collections::BTreeMap::new(),
    })
}

fn event(id: &str) -> Target {
    Target { kind: "event".to_owned(), id: Text::open(id) }
}

/// A word that may come from outside: short, and in the open. Senders choose event types and member names, never persons do.
fn open(word: &str) -> Value {
    Value::Text(Text::open(word.chars().take(LONGEST_WORD).collect::<String>()))
}
