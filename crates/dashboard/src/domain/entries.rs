//! Entries of the trail as audit-log answers them. Everything but the id may be missing: an entry that was damaged is shown as that.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A page of the trail.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntryPage {
    pub(crate) entries: Vec<Entry>,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
}

/// One entry. Absent texts of an erased person are `None`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) id: String,
    /// It was damaged after it was stored.
    #[serde(default)]
    pub(crate) unreadable: bool,
    #[serde(default)]
    pub(crate) time: String,
    #[serde(default)]
    pub(crate) service: String,
    #[serde(default)]
    pub(crate) category: String,
    #[serde(default)]
    pub(crate) action: String,
    #[serde(default)]
    pub(crate) outcome: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) actor: Option<Party>,
    #[serde(default)]
    pub(crate) target: Option<Party>,
    #[serde(default)]
    pub(crate) address: Option<String>,
    #[serde(default)]
    pub(crate) request_id: Option<String>,
    #[serde(default)]
    pub(crate) method: Option<String>,
    #[serde(default)]
    pub(crate) route: Option<String>,
    #[serde(default)]
    pub(crate) count: u64,
    #[serde(default)]
    pub(crate) details: BTreeMap<String, Value>,
}

/// Who did it, or what it was done to.
#[derive(Debug, Deserialize)]
pub(crate) struct Party {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) id: Option<String>,
}

/// One entry with the bytes that it is proved by.
#[derive(Debug, Deserialize)]
pub(crate) struct ProvedEntry {
    #[serde(flatten)]
    pub(crate) entry: Entry,
    #[serde(default)]
    pub(crate) payload: String,
    #[serde(default)]
    pub(crate) disclosures: Vec<String>,
}

/// What opens one digest of the stored bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Disclosure {
    /// Where the value stands.
    pub(crate) place: String,
    pub(crate) value: String,
    pub(crate) salt: String,
}

impl ProvedEntry {
    /// The disclosures, opened. What is none is left out here; audit-log has told of it in its log.
    pub(crate) fn disclosed(&self) -> Vec<Disclosure> {
        let one = |text: &String| {
            let (salt, place, value) = serde_json::from_str(text).ok()?;
            Some(Disclosure { place, value, salt })
        };
        self.disclosures.iter().filter_map(one).collect()
    }
}

/// The value of a detail in words.
pub(crate) fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "erased".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// `2026-11-25T07:42:53.123456Z` as `2026-11-25 07:42:53`; another text as it is.
pub(crate) fn readable_time(time: &str) -> String {
    match time.split_once('T') {
        Some((day, clock)) => format!("{day} {}", clock.get(..8).unwrap_or(clock)),
        None => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn details_read_as_words() {
        assert_eq!(in_words(&json!(["a", 2, true, null, ["b"]])), "a, 2, yes, erased, b");
        assert_eq!(readable_time("2026-11-25T07:42:53.1Z"), "2026-11-25 07:42:53");
        assert_eq!(readable_time("2026-11-25Té"), "2026-11-25 é");
        assert_eq!(readable_time("never"), "never");
    }

    #[test]
    fn a_damaged_entry_is_an_entry_too() {
        let entry: Entry = serde_json::from_value(json!({"id": "aud_1", "unreadable": true})).expect("reads");
        assert!(entry.unreadable && entry.actor.is_none());
    }
}
