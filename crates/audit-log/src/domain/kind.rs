//! The words that an entry shares with many others: they are stored once for each kind of entry, and an entry names its kind. So there
//! are as many kinds as our own code has things to say, and no value from outside is part of one.

use contract::audit::Category;

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

/// A line for each word: service, category, action, outcome, reason, kind of actor, kind of target, method, route. Empty where the entry
/// has none.
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

/// The words of an entry's kind.
fn words(entry: &Opened) -> [&str; 9] {
    let (target, route) = (entry.target.as_ref(), entry.route.as_deref());
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
