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
    match text.len() <= INDEXED_CHARS && !text.contains('\0') {
        true => text.to_owned(),
        false => text.chars().map(storable).take(INDEXED_CHARS).collect(),
    }
}

/// A time as an index holds it: not before 1970, where no entry is and not every database can go.
pub(crate) fn time(time: Timestamp) -> Timestamp {
    time.max(Timestamp::from_micros(0))
}

/// A text as it is searched for: in lower case, character by character, so that a part of a text always folds as the whole does.
pub(crate) fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold(text, &mut folded);
    folded
}

fn fold(text: &str, onto: &mut String) {
    match text.is_ascii() && !text.contains('\0') {
        true => onto.extend(text.bytes().map(|byte| char::from(byte.to_ascii_lowercase()))),
        false => onto.extend(text.chars().map(storable).flat_map(char::to_lowercase)),
    }
}

/// PostgreSQL's text can't hold U+0000.
fn storable(character: char) -> char {
    if character == '\0' { char::REPLACEMENT_CHARACTER } else { character }
}

/// Every text that an entry says, folded, a line each.
fn haystack(entry: &Opened) -> String {
    let (actor, target) = (&entry.actor, entry.target.as_ref());
    let always = [&entry.service, &entry.category, &entry.action, &entry.outcome, &actor.kind];
    let sometimes = [
        target.map(|target| &target.kind),
        actor.id.as_ref(),
        target.and_then(|target| target.id.as_ref()),
        entry.reason.as_ref(),
        entry.address.as_ref(),
        entry.request_id.as_ref(),
        entry.method.as_ref(),
        entry.route.as_ref(),
    ];
    let mut haystack = folded(&entry.id.to_string());
    let texts = always.into_iter().chain(sometimes.into_iter().flatten());
    texts.for_each(|text| line(text, &mut haystack));
    entry.details.values().for_each(|detail| collect(detail, &mut haystack));
    haystack
}

fn line(text: &str, haystack: &mut String) {
    haystack.push('\n');
    fold(text, haystack);
}

fn collect(detail: &Value, haystack: &mut String) {
    match detail {
        Value::String(text) => line(text, haystack),
        Value::Number(number) => line(&number.to_string(), haystack),
        Value::Array(items) => items.iter().for_each(|item| collect(item, haystack)),
        Value::Object(members) => members.values().for_each(|member| collect(member, haystack)),
        Value::Bool(_) | Value::Null => {}
    }
}
