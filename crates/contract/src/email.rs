//! The key by which a client is found by email. The address itself is kept and answered as it was sent.
//!
//! Trimmed; case makes no difference; canonically equal texts are equal (NFC); the domain is taken as IDNA.
//! One law stands above these: **no non-ASCII character ever turns into an ASCII one**. K (U+212A), ı, İ, ſ and
//! fullwidth letters stay themselves, so whoever registers a look-alike address is another person.

use std::fmt;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::UnicodeNormalization;

/// The most characters an address may have: 64 for the local part, `@`, 255 for the domain (RFC 5321, 4.5.3.1).
const MAX_CHARS: usize = 320;

/// An email address as a look-up key. Two addresses belong to one person if and only if their keys are equal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct EmailKey(String);

impl EmailKey {
    /// The key of an address, or `None` if it can't be one: no `@` with something on each side, over 320
    /// characters (as it stands, or as its key: some characters are composed of several), or control characters in it.
    #[must_use]
    pub fn of(address: &str) -> Option<Self> {
        let address = address.trim();
        if address.chars().any(char::is_control) || is_long(address) {
            return None;
        }
        let (local, domain) = address.rsplit_once('@')?;
        if local.is_empty() || domain.is_empty() {
            return None;
        }
        if address.is_ascii() {
            // Most are, and then there is nothing but case to all that follows.
            return Some(Self(address.to_ascii_lowercase()));
        }
        let labels: Vec<String> = domain.split('.').map(label_key).collect();
        let key = format!("{}@{}", fold(local), labels.join("."));
        (!is_long(&key)).then_some(Self(key))
    }

    /// The key as a text: for look-ups only, never to be shown as the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EmailKey {
    /// Personal data: logs must not show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailKey(***)")
    }
}

impl<'de> Deserialize<'de> for EmailKey {
    /// Takes an address too, and makes its key: the key of a key is itself.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::of(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("not an email address"))
    }
}

fn is_long(text: &str) -> bool {
    text.chars().nth(MAX_CHARS).is_some()
}

/// One label of the domain: its A-label (RFC 5890, 2.3.2.1) if it has one and the law allows it, else folded
/// like a local part.
fn label_key(label: &str) -> String {
    // Composed first: what a character maps to depends on the marks after it, and equal texts must go the same way.
    let label = compose(label);
    if !label.is_ascii() && !label.chars().any(idna_makes_ascii) {
        let a_label =
            Uts46::new().to_ascii(label.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore);
        if let Ok(a_label) = a_label
            && a_label.starts_with("xn--")
        {
            return a_label.into_owned();
        }
    }
    fold(&label)
}

/// Whether the mapping of UTS #46 (compatibility forms, case, ideographic full stops) makes ASCII of `c`.
fn idna_makes_ascii(c: char) -> bool {
    let full_stop = matches!(c, '\u{3002}' | '\u{ff61}');
    let made_of_ascii = || std::iter::once(c).nfkc().flat_map(char::to_lowercase).any(|part| part.is_ascii());
    !c.is_ascii() && (full_stop || made_of_ascii())
}

/// NFC and simple case folding, under the law. Composed again at the end, because a small letter can compose with a
/// mark that its capital can't (H and U+0331).
fn fold(text: &str) -> String {
    let folded: String = compose(text).chars().map(fold_char).collect();
    compose(&folded)
}

/// NFC, except that the three characters which are canonically ASCII (U+212A, U+037E, U+1FEF) stand as they are.
fn compose(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let canonically_ascii = |c: char| matches!(c, '\u{212a}' | '\u{37e}' | '\u{1fef}');
    text.split_inclusive(canonically_ascii)
        .flat_map(|part| {
            let kept = part.chars().next_back().filter(|last| canonically_ascii(*last));
            let rest = part.strip_suffix(canonically_ascii).unwrap_or(part);
            rest.nfc().chain(kept)
        })
        .collect()
}

/// Folds one character by way of its capital, so that ς and σ are equal; stays with the small letter, and in the end with the
/// character itself, where a mapping has several characters or would make ASCII of non-ASCII.
fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let allowed = |mapped: &char| !mapped.is_ascii();
    let by_capital = only(c.to_uppercase()).and_then(|capital| only(capital.to_lowercase())).filter(allowed);
    by_capital.or_else(|| only(c.to_lowercase()).filter(allowed)).unwrap_or(c)
}

/// The one character of a mapping, if it is one.
fn only(mut mapping: impl Iterator<Item = char>) -> Option<char> {
    let first = mapping.next()?;
    mapping.next().is_none().then_some(first)
}
