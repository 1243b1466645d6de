//! What an entry can be found by: the columns beside its bytes. An index may be lossy, and finds a little too much where a value is
//! very long; what is answered is always read from the bytes.

use contract::clock::Timestamp;
use serde_json::Value;

use super::entry::Opened;

/// Characters of a value that an index holds. PostgreSQL takes no more than 2,704 bytes into a B-tree, and a character has up to 4.
const INDEXED_CHARS: usize = 300;

/// The columns beside an entry's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) time: Timestamp,
    pub(crate) service: String,
    pub(crate) category: String,
    pub(crate) action: String,
    pub(crate) outcome: String,
    pub(crate) reason: Option<String>,
    pub(crate) actor_kind: String,
    pub(crate) actor_id: Option<String>,
    pub(crate) target_kind: Option<String>,
    pub(crate) target_id: Option<String>,
    pub(crate) search: String,
}

impl Index {
    /// The columns of an entry.
    pub(crate) fn of(entry: &Opened) -> Self {
        let target = entry.target.as_ref();
        Self {
            time: time(entry.time),
            service: key(&entry.service),
            category: key(&entry.category),
            action: key(&entry.action),
            outcome: key(&entry.outcome),
            reason: entry.reason.as_deref().map(key),
            actor_kind: key(&entry.actor.kind),
            actor_id: entry.actor.id.as_deref().map(key),
            target_kind: target.map(|target| key(&target.kind)),
            target_id: target.and_then(|target| target.id.as_deref()).map(key),
            search: haystack(entry),
        }
    }
}

/// A value as an index holds it, and as a filter must ask for it.
pub(crate) fn key(text: &str) -> String {
    text.chars().map(storable).take(INDEXED_CHARS).collect()
}

/// A time as an index holds it: not before 1970, where no entry is and not every database can go.
pub(crate) fn time(time: Timestamp) -> Timestamp {
    time.max(Timestamp::from_micros(0))
}

/// A text as it is searched for: in lower case, character by character, so that a part of a text always folds as the whole does.
pub(crate) fn folded(text: &str) -> String {
    text.chars().map(storable).flat_map(char::to_lowercase).collect()
}

/// PostgreSQL's text can't hold U+0000.
fn storable(character: char) -> char {
    if character == '\0' { char::REPLACEMENT_CHARACTER } else { character }
}

/// Every text that an entry says, folded, a line each.
fn haystack(entry: &Opened) -> String {
    let id = entry.id.to_string();
    let party = |id: Option<&String>| id.cloned();
    let always = [&id, &entry.service, &entry.category, &entry.action, &entry.outcome, &entry.actor.kind];
    let mut texts: Vec<String> = always.into_iter().cloned().collect();
    texts.extend(entry.target.iter().map(|target| target.kind.clone()));
    texts.extend(
        [
            party(entry.actor.id.as_ref()),
            party(entry.target.as_ref().and_then(|target| target.id.as_ref())),
            entry.reason.clone(),
            entry.address.clone(),
            entry.request_id.clone(),
            entry.method.clone(),
            entry.route.clone(),
        ]
        .into_iter()
        .flatten(),
    );
    entry.details.values().for_each(|detail| collect(detail, &mut texts));
    texts.iter().map(|text| folded(text)).collect::<Vec<_>>().join("\n")
}

fn collect(detail: &Value, texts: &mut Vec<String>) {
    match detail {
        Value::String(text) => texts.push(text.clone()),
        Value::Number(number) => texts.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) => members.values().for_each(|member| collect(member, texts)),
        Value::Bool(_) | Value::Null => {}
    }
}
