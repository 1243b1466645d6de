//! What the audit trail says of deliveries. Every attempt has its entry, duplicates and refusals too; bodies never get in, nor
//! does anything a person could be known by.

use contract::audit::{Actor, ActorKind, Category, Entry, Outcome, Target, Text, Value};
use contract::clock::Timestamp;
use contract::ids::{EntryId, EventId};
use contract::problems::Code;
use contract::resources::EventState;

use super::delivery::{Answered, Delivery, Settled, Verdict};
use super::fate::Fate;

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
    let (outcome, code) = match &settled.verdict {
        Verdict::Accepted | Verdict::Unrecognized | Verdict::Duplicate => (Outcome::Success, None),
        Verdict::Held(because) => (Outcome::Refused, Some(because.code)),
        Verdict::Reused => (Outcome::Refused, Some(Code::EventIdReused)),
    };
    entry.outcome = outcome;
    entry.reason = code.map(|code| code.as_str().to_owned());
    entry.actor = platform(&delivery.source);
    entry.target = Some(event(settled.event_id));
    entry.details.insert("status".to_owned(), open(settled.verdict.word()));
    if let Some(event_type) = &delivery.said.event_type {
        entry.details.insert("eventType".to_owned(), foreign(event_type));
    }
    let listed = |places: Vec<(&str, &str)>| {
        Value::List(places.iter().take(MOST_LISTED).map(|(pointer, code)| place(pointer, code)).collect())
    };
    if !delivery.said.warnings.is_empty() {
        let places =
            delivery.said.warnings.iter().map(|warning| (warning.pointer.as_str(), warning.code.as_str()));
        entry.details.insert("warnings".to_owned(), listed(places.collect()));
    }
    if let Verdict::Held(because) = &settled.verdict {
        let places = because.errors.iter().map(|error| (error.pointer.as_str(), error.code.as_str()));
        entry.details.insert("errors".to_owned(), listed(places.collect()));
    }
    entry
}

/// The entry of an acknowledged event that did not take effect: it was refused when it was to be applied, or contradicts the
/// record. `None` for any other fate: what was applied is on the trail by service-api's own entry, and what is tried again is not
/// over.
#[must_use]
pub fn without_effect(
    id: EntryId,
    event_id: EventId,
    source: &str,
    fate: &Fate,
    now: Timestamp,
) -> Option<Entry> {
    let (action, reason) = match fate {
        Fate::Resolved { state: EventState::DeadLettered, reason } => ("webhook.dead_letter", reason),
        Fate::Resolved { state: EventState::Conflict, reason } => ("webhook.conflict", reason),
        _ => return None,
    };
    let entry = later(id, action, event_id, source, now);
    Some(Entry { outcome: Outcome::Refused, reason: reason.clone(), ..entry })
}

/// Marks the entry of an attempt that was answered while our own tables were out of reach.
#[must_use]
pub fn spooled(mut entry: Entry) -> Entry {
    entry.details.insert("spooled".to_owned(), true.into());
    entry
}

/// What became of a spooled delivery that is not what its sender was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// The same event was there already, under this id, and that one takes effect.
    Duplicate(EventId),
    /// It stands as one that would have been answered this.
    As(Answered),
}

/// The entry of a spooled delivery whose sender was told something else, because what was there before could not be seen then.
#[must_use]
pub fn drained(id: EntryId, event_id: EventId, source: &str, drained: Drained, now: Timestamp) -> Entry {
    let mut entry = later(id, "webhook.drain", event_id, source, now);
    let status = match drained {
        Drained::Duplicate(first) => {
            entry.details.insert("duplicateOf".to_owned(), open(&first.to_string()));
            "duplicate"
        }
        Drained::As(Answered::Reused) => {
            entry.outcome = Outcome::Refused;
            entry.reason = Some(Code::EventIdReused.as_str().to_owned());
            "held"
        }
        Drained::As(Answered::Held) => {
            entry.outcome = Outcome::Refused;
            "held"
        }
        Drained::As(answered) => answered.as_str(),
    };
    entry.details.insert("status".to_owned(), open(status));
    entry
}

/// An entry about a delivery that no request makes.
fn later(id: EntryId, action: &str, event_id: EventId, source: &str, now: Timestamp) -> Entry {
    Entry {
        id,
        time: now,
        service: crate::NAME,
        category: Category::Webhook,
        action: action.to_owned(),
        outcome: Outcome::Success,
        reason: None,
        actor: platform(source),
        target: Some(event(event_id)),
        address: None,
        request_id: None,
        method: None,
        route: None,
        count: 1,
        details: std::collections::BTreeMap::new(),
    }
}

/// What staff asked for, by parameter. A client's id is a person's; words of ours and times are not.
#[must_use]
pub fn asked(parameter: &str, value: String) -> Value {
    match parameter {
        "clientId" => Value::Text(Text::personal(value)),
        "state" | "from" | "to" => Value::Text(Text::open(value)),
        _ => foreign(&value),
    }
}

fn event(id: EventId) -> Target {
    Target { kind: "event".to_owned(), id: Text::open(id.to_string()) }
}

/// A word of ours.
fn open(word: &str) -> Value {
    Value::Text(Text::open(word))
}

/// A word that comes from outside, cut short. What reads like the name of an event or a field stands in the open. Anything else may
/// be about a person, and an entry's bytes are for ever.
fn foreign(word: &str) -> Value {
    let word: String = word.chars().take(LONGEST_WORD).collect();
    let plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/ ".contains(&byte));
    Value::Text(if plain { Text::open(word) } else { Text::personal(word) })
}

/// What is wrong, and where. A key that is there twice is any word of the sender's: maps keyed by address are common.
fn place(pointer: &str, code: &str) -> Value {
    let told = format!("{code} {pointer}");
    match code {
        "duplicate_key" => Value::Text(Text::personal(told.chars().take(LONGEST_WORD).collect::<String>())),
        _ => foreign(&told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_about_a_person_is_personal() {
        let is_open = |value: Value| matches!(value, Value::Text(Text::Open(_)));
        assert!(is_open(foreign("client.registered")));
        assert!(is_open(place("/data/email", "missing")));
        assert!(!is_open(foreign("dave@example.com")));
        assert!(!is_open(foreign("Zo\u{eb}")));
        assert!(!is_open(place("/data/meta/ada", "duplicate_key")));
        assert!(!is_open(place("/data/carol@example.com", "invalid")));
    }
}
