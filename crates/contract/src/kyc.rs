//! KYC status: our seven words, and the table that maps other platforms' words onto them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

/// How far the identity check of a client has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KycStatus {
    /// Nothing was handed in.
    NotStarted,
    /// Something was handed in, nobody has looked yet.
    Pending,
    /// Somebody is looking.
    InReview,
    /// The client has to do something.
    ActionRequired,
    /// Passed.
    Approved,
    /// Failed.
    Rejected,
    /// Passed once, but too long ago.
    Expired,
}

impl KycStatus {
    /// Every status, in the order of the contract.
    pub const ALL: [Self; 7] = [
        Self::NotStarted,
        Self::Pending,
        Self::InReview,
        Self::ActionRequired,
        Self::Approved,
        Self::Rejected,
        Self::Expired,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::Pending => "pending",
            Self::InReview => "in_review",
            Self::ActionRequired => "action_required",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for KycStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Words of other platforms, beside our own seven.
const OTHER_WORDS: &[(&str, KycStatus)] = &[
    ("none", KycStatus::NotStarted),
    ("new", KycStatus::NotStarted),
    ("unverified", KycStatus::NotStarted),
    ("not_verified", KycStatus::NotStarted),
    ("not_submitted", KycStatus::NotStarted),
    ("submitted", KycStatus::Pending),
    ("waiting", KycStatus::Pending),
    ("received", KycStatus::Pending),
    ("documents_received", KycStatus::Pending),
    ("under_review", KycStatus::InReview),
    ("review", KycStatus::InReview),
    ("reviewing", KycStatus::InReview),
    ("in_progress", KycStatus::InReview),
    ("processing", KycStatus::InReview),
    ("on_hold", KycStatus::InReview),
    ("documents_required", KycStatus::ActionRequired),
    ("documents_requested", KycStatus::ActionRequired),
    ("resubmission_required", KycStatus::ActionRequired),
    ("resubmit", KycStatus::ActionRequired),
    ("incomplete", KycStatus::ActionRequired),
    ("verified", KycStatus::Approved),
    ("accepted", KycStatus::Approved),
    ("passed", KycStatus::Approved),
    ("completed", KycStatus::Approved),
    ("declined", KycStatus::Rejected),
    ("denied", KycStatus::Rejected),
    ("refused", KycStatus::Rejected),
    ("failed", KycStatus::Rejected),
    ("outdated", KycStatus::Expired),
];

/// The setting is no list of words with their meanings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a list of words, each with one of our statuses")]
pub struct BadKycWords;

/// The table from a platform's word to a [`KycStatus`]. Case, spaces, `_` and `-` make no difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KycWords(BTreeMap<String, KycStatus>);

impl KycWords {
    /// Our own words and those we know of other platforms.
    #[must_use]
    pub fn built_in() -> Self {
        let own = KycStatus::ALL.iter().map(|status| (status.as_str(), *status));
        Self(own.chain(OTHER_WORDS.iter().copied()).map(|(word, status)| (plain(word), status)).collect())
    }

    /// The same table with one more word, or another meaning for one it has. Our own seven keep theirs.
    #[must_use]
    pub fn with(mut self, word: &str, status: KycStatus) -> Self {
        let word = plain(word);
        if !word.is_empty() && KycStatus::ALL.iter().all(|own| plain(own.as_str()) != word) {
            self.0.insert(word, status);
        }
        self
    }

    /// The same table with the words of a setting: `green=approved,red=rejected`. Spaces around a word make no difference.
    ///
    /// # Errors
    /// [`BadKycWords`] for what is no such list: no word, no status of ours, a word that is there twice, or one of our own seven.
    pub fn with_setting(self, setting: &str) -> Result<Self, BadKycWords> {
        let mut taken = BTreeSet::new();
        setting.split(',').try_fold(self, |table, pair| {
            let (word, status) = pair.split_once('=').ok_or(BadKycWords)?;
            let status = KycStatus::ALL.into_iter().find(|known| known.as_str() == status.trim());
            let (word, status) = (plain(word), status.ok_or(BadKycWords)?);
            let own = KycStatus::ALL.iter().any(|known| plain(known.as_str()) == word);
            if word.is_empty() || own || !taken.insert(word.clone()) {
                return Err(BadKycWords);
            }
            Ok(table.with(&word, status))
        })
    }

    /// What a word means, if the table has it.
    #[must_use]
    pub fn read(&self, word: &str) -> Option<KycStatus> {
        self.0.get(&plain(word)).copied()
    }
}

impl Default for KycWords {
    fn default() -> Self {
        Self::built_in()
    }
}

/// A word as tables of words hold it: lower case, without white space, `_` and `-`.
pub(crate) fn plain(word: &str) -> String {
    word.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}
