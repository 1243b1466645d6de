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

/// A party as people know it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) kind: String,
    pub(crate) id: Option<String>,
    /// Their address, where the entry tells it beside an id of ours.
    pub(crate) name: Option<String>,
}

impl Entry {
    /// Who did it.
    pub(crate) fn known_actor(&self) -> Option<Known> {
        self.actor.as_ref().map(|actor| self.known(actor, &["actorEmail"]))
    }

    /// What it was done to. Whoever did it to themselves is known as the actor is.
    pub(crate) fn known_target(&self) -> Option<Known> {
        let target = self.target.as_ref()?;
        let same = |actor: &Party| actor.id.is_some() && actor.id == target.id;
        let names: &[&str] = match target.kind.as_str() {
            "client" => &["clientEmail"],
            "staff" if self.actor.as_ref().is_some_and(same) => &["email", "actorEmail"],
            "staff" => &["email"],
            _ => &[],
        };
        Some(self.known(target, names))
    }

    fn known(&self, party: &Party, names: &[&str]) -> Known {
        let name = names.iter().find_map(|name| self.details.get(*name)?.as_str());
        let name = name.filter(|name| party.id.as_deref() != Some(name));
        Known { kind: party.kind.clone(), id: party.id.clone(), name: name.map(str::to_owned) }
    }

    /// The details that a list shows: a few of those that it shows in no other place, and of each a beginning.
    pub(crate) fn telling(&self) -> Vec<(&str, String)> {
        let telling = self.details.iter().filter(|(name, _)| !SHOWN_ELSEWHERE.contains(&name.as_str()));
        let words = telling.map(|(name, value)| (name.as_str(), beginning(&in_words(value))));
        words.take(MOST_TELLING).collect()
    }
}

/// Details that a list shows as parties or reasons, or that tell people nothing.
const SHOWN_ELSEWHERE: [&str; 8] =
    ["actorEmail", "clientEmail", "email", "explanation", "external", "impersonatedBy", "jti", "looksLike"];

/// How many details a list shows of an entry.
const MOST_TELLING: usize = 4;

/// How much of a detail, in characters.
const LONGEST_TELLING: usize = 80;

fn beginning(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TELLING) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
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
    fn parties_go_by_their_addresses_where_the_entry_tells_them() {
        let entry = |actor: Value, target: Value, details: Value| -> Entry {
            let entry = json!({ "id": "aud_1", "actor": actor, "target": target, "details": details });
            serde_json::from_value(entry).expect("reads")
        };
        let names = |entry: &Entry| {
            let name = |known: Option<Known>| known.and_then(|known| known.name);
            (name(entry.known_actor()), name(entry.known_target()))
        };
        let some = |text: &str| Some(text.to_owned());
        let ann = json!({ "type": "staff", "id": "st_1" });
        let staff = json!({ "actorEmail": "ann@x.example", "email": "bob@x.example", "clientEmail": "eve@x.example" });
        let changed = entry(ann.clone(), json!({ "type": "staff", "id": "st_2" }), staff.clone());
        assert_eq!(names(&changed), (some("ann@x.example"), some("bob@x.example")));
        let link = entry(ann.clone(), json!({ "type": "client", "id": "cl_1" }), staff);
        assert_eq!(names(&link), (some("ann@x.example"), some("eve@x.example")));
        let login = entry(ann.clone(), ann.clone(), json!({ "actorEmail": "ann@x.example" }));
        assert_eq!(names(&login), (some("ann@x.example"), some("ann@x.example")));
        // Erased, told as the id itself, or not told.
        assert_eq!(names(&entry(ann.clone(), json!(null), json!({ "actorEmail": null }))), (None, None));
        let foreign = json!({ "type": "staff", "id": "ann@x.example" });
        assert_eq!(
            names(&entry(foreign, json!(null), json!({ "actorEmail": "ann@x.example" }))),
            (None, None)
        );
        let event = json!({ "type": "event", "id": "evt_1" });
        assert_eq!(names(&entry(ann, event, json!({ "email": "bob@x.example" }))), (None, None));
    }

    #[test]
    fn a_list_shows_a_few_details_and_of_a_long_one_the_beginning() {
        let long = "ä".repeat(81);
        let details = json!({ "actorEmail": "a", "jti": "imp_1", "explanation": "why", "reason": long,
            "a": 1, "b": true, "c": null, "z": "left out" });
        let entry: Entry =
            serde_json::from_value(json!({ "id": "aud_1", "details": details })).expect("reads");
        let told = entry.telling();
        assert_eq!(told.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["a", "b", "c", "reason"]);
        assert_eq!(told[3].1, format!("{}…", "ä".repeat(80)));
    }

    #[test]
    fn a_damaged_entry_is_an_entry_too() {
        let entry: Entry = serde_json::from_value(json!({"id": "aud_1", "unreadable": true})).expect("reads");
        assert!(entry.unreadable && entry.actor.is_none());
    }
}
