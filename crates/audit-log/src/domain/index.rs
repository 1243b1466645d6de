//! What an entry can be found by: the columns beside its bytes. An index may be lossy, and finds a little too much where a value is
//! very long; what is answered is always read from the bytes.

use contract::audit::Category;
use contract::clock::Timestamp;
use serde_json::Value;

use super::entry::Opened;
use super::kind::{self, Kind, not_whole, number};

/// Characters of a value that an index holds. PostgreSQL takes no more than 2,704 bytes into a B-tree, and a character has up to 4.
const INDEXED_CHARS: usize = 300;

/// The columns beside an entry's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) time: Timestamp,
    pub(crate) kind: Kind,
    /// Its category once more, 0 for one that we don't know.
    pub(crate) category: i16,
    pub(crate) actor_id: Option<String>,
    pub(crate) target_id: Option<String>,
    /// What else the entry says. A text is looked for here, in the kind and in the ids.
    pub(crate) search: String,
}

impl Index {
    /// The columns of an entry.
    pub(crate) fn of(entry: &Opened) -> Self {
        let target = entry.target.as_ref();
        Self {
            time: time(entry.time),
            kind: Kind::of(entry),
            category: Category::parse(&entry.category).map_or(0, number),
            actor_id: entry.actor.id.as_deref().map(key),
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
pub(super) fn storable(character: char) -> char {
    if character == '\0' { char::REPLACEMENT_CHARACTER } else { character }
}

/// Every text that an entry says and that nothing beside says as it is searched for: folded, a line each.
fn haystack(entry: &Opened) -> String {
    let ids = [entry.actor.id.as_deref(), entry.target.as_ref().and_then(|target| target.id.as_deref())];
    let ids = ids.into_iter().flatten().filter(|text| !is_own_key(text));
    let method = entry.method.as_deref().filter(|_| kind::method(entry).is_none());
    let others = [entry.address.as_deref(), entry.request_id.as_deref(), method].into_iter().flatten();
    let mut haystack = String::new();
    not_whole(entry).chain(ids).chain(others).for_each(|text| line(text, &mut haystack));
    let alone = entry.details.iter().filter(|(name, detail)| !kind::says_detail(name, detail));
    alone.for_each(|(_, detail)| collect(detail, &mut haystack));
    haystack
}

/// Does a column hold this text as it is searched for?
fn is_own_key(text: &str) -> bool {
    let is_folded = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase() && byte != 0;
    text.len() <= INDEXED_CHARS && text.bytes().all(is_folded)
}

fn line(text: &str, haystack: &mut String) {
    if !haystack.is_empty() {
        haystack.push('\n');
    }
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
