//! The words that an entry shares with many others: they are stored once for each kind of entry, and an entry names its kind. So there
//! are as many kinds as our own code has things to say, and no value from outside is part of one.

use contract::audit::Category;
use contract::events::EventType;
use serde_json::Value;

use super::entry::Opened;
use super::index::{folded, storable};

/// Characters of a word that a kind holds. None of ours is longer; all words of a kind go into one B-tree.
const LONGEST_WORD: usize = 64;

/// Where a word stands in a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Category = 1,
    Action = 2,
    Outcome = 3,
    TargetKind = 6,
}

/// A line for each word: service, category, action, outcome, reason, kind of actor, kind of target, method, route, and the details of
/// [`SHARED`]. Empty where the entry has none. (Kinds of an earlier version end with the route.)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind(pub(crate) String);

impl Kind {
    /// The kind of an entry.
    pub(crate) fn of(entry: &Opened) -> Self {
        Self(words(entry).map(word).join("\n"))
    }

    /// Is this the word that stands there?
    pub(crate) fn has(&self, place: Word, text: &str) -> bool {
        self.0.split('\n').nth(place as usize) == Some(&word(text))
    }

    /// Does a word hold this text, which is folded?
    pub(crate) fn says(&self, text: &str) -> bool {
        folded(&self.0).contains(text)
    }
}

/// The methods that a kind may name. A request may come with any word for one.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The method of an entry, if its kind names it.
pub(super) fn method(entry: &Opened) -> Option<&str> {
    entry.method.as_deref().filter(|method| METHODS.contains(method) && entry.route.is_some())
}

/// The details that are few words of ours in most entries that have them.
const SHARED: [&str; 3] = ["eventType", "result", "status"];

/// Those words, beside the types of events.
const SAID_OF_EVENTS: [&str; 7] =
    ["accepted", "applied", "conflict", "duplicate", "held", "superseded", "unrecognized"];

/// Does the kind of an entry with this detail say it?
pub(super) fn says_detail(name: &str, value: &Value) -> bool {
    SHARED.contains(&name)
        && value
            .as_str()
            .is_some_and(|text| SAID_OF_EVENTS.contains(&text) || EventType::parse(text).is_some())
}

/// The words of an entry's kind.
fn words(entry: &Opened) -> [&str; 12] {
    let (target, route) = (entry.target.as_ref(), entry.route.as_deref());
    let [event_type, result, status] = SHARED.map(|name| {
        let said = entry.details.get(name).filter(|value| says_detail(name, value));
        said.and_then(Value::as_str).unwrap_or_default()
    });
    [
        &entry.service,
        &entry.category,
        &entry.action,
        &entry.outcome,
        entry.reason.as_deref().unwrap_or_default(),
        &entry.actor.kind,
        target.map(|target| target.kind.as_str()).unwrap_or_default(),
        method(entry).unwrap_or_default(),
        route.unwrap_or_default(),
        event_type,
        result,
        status,
    ]
}

/// Those words that a kind holds in part.
pub(super) fn not_whole(entry: &Opened) -> impl Iterator<Item = &str> {
    words(entry).into_iter().filter(|text| word(text) != *text)
}

fn word(text: &str) -> String {
    let one_line = |character| if character == '\n' { char::REPLACEMENT_CHARACTER } else { character };
    text.chars().map(storable).map(one_line).take(LONGEST_WORD).collect()
}

/// The category that most entries are of.
pub(crate) const FREQUENT: i16 = number(Category::Webhook);

/// A category's number in the table: what it is once, it stays.
pub(crate) const fn number(category: Category) -> i16 {
    match category {
        Category::Webhook => 1,
        Category::ServiceApi => 2,
        Category::Impersonation => 3,
        Category::Authentication => 4,
        Category::Staff => 5,
        Category::Audit => 6,
        Category::Internal => 7,
        Category::System => 8,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::says_detail;

    #[test]
    fn a_kind_says_words_of_ours_and_nothing_that_others_chose() {
        for (name, value) in [
            ("eventType", json!("deposit.completed")),
            ("result", json!("applied")),
            ("status", json!("duplicate")),
        ] {
            assert!(says_detail(name, &value), "{name} {value}");
        }
        for (name, value) in [
            ("eventType", json!("deposit.refused")),
            ("result", json!("Applied")),
            ("status", json!(["held"])),
            ("note", json!("held")),
            ("eventType", json!({ "sha256": "x" })),
        ] {
            assert!(!says_detail(name, &value), "{name} {value}");
        }
    }
}
