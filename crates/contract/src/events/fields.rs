//! The fields of an event's `data`, each read by what it has to be.
//!
//! Every reader answers absent (`null`, blank texts and missing members alike), a value, or what is wrong with it.
//! [`Fields::optional`] and [`Fields::needed`] then decide what a wrong or absent one costs.

use std::str::FromStr;

use crate::clock::Timestamp;
use crate::email::EmailKey;
use crate::json::number::Number;
use crate::json::{Json, pointer};
use crate::kyc::plain;
use crate::money::{Amount, Currency};
use crate::problems::FieldError;

/// The longest id, in characters: ids are looked up by an index, and those have limits.
pub const MAX_ID_CHARS: usize = 255;
/// Whole numbers from here on (10¹¹: the year 5138 in seconds, 1973 in milliseconds) are milliseconds.
const FIRST_MILLIS: u64 = 100_000_000_000;

/// A field: absent, a value, or senseless.
pub(super) type Found<T> = Result<Option<T>, FieldError>;

/// An object of a body, with all that was found wrong while its members were read.
pub(super) struct Fields<'a> {
    base: &'a str,
    object: &'a Json,
    pub(super) errors: Vec<FieldError>,
    pub(super) warnings: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// Over the members of `object`, which stands in the body under the key `base`, or is the body if that is empty.
    pub(super) const fn new(base: &'a str, object: &'a Json) -> Self {
        Self { base, object, errors: Vec::new(), warnings: Vec::new() }
    }

    /// Where a member stands in the body.
    pub(super) fn pointer(&self, name: &str) -> String {
        pointer([self.base, name].into_iter().filter(|token| !token.is_empty()))
    }

    /// What is wrong with a member.
    pub(super) fn fault(&self, name: &str, code: &str, detail: impl Into<String>) -> FieldError {
        FieldError::new(self.pointer(name), code, detail)
    }

    /// The value, if there is a sensible one; a senseless one costs a warning.
    pub(super) fn optional<T>(&mut self, found: Found<T>) -> Option<T> {
        found.unwrap_or_else(|fault| {
            self.warnings.push(fault);
            None
        })
    }

    /// Several optional fields of one kind.
    pub(super) fn all<T, const N: usize>(
        &mut self,
        names: [&str; N],
        read: impl Fn(&Self, &str) -> Found<T>,
    ) -> [Option<T>; N] {
        names.map(|name| self.optional(read(self, name)))
    }

    /// The value; a senseless or absent one is an error.
    pub(super) fn needed<T>(&mut self, name: &str, found: Found<T>) -> Option<T> {
        let value =
            found.and_then(|value| value.ok_or_else(|| self.fault(name, "missing", "This field is needed.")));
        value.map_err(|fault| self.errors.push(fault)).ok()
    }

    /// The member as it was sent.
    pub(super) fn sent(&self, name: &str) -> Option<&'a Json> {
        self.object.get(name)
    }

    /// The member, unless it is absent.
    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.sent(name).filter(|value| match value {
            Json::Null => false,
            Json::String(text) => !text.trim().is_empty(),
            _ => true,
        })
    }

    /// Reads the member, or says `expected` of it.
    pub(super) fn read<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&Json) -> Option<T>,
    ) -> Found<T> {
        let Some(json) = self.get(name) else { return Ok(None) };
        read(json).map(Some).ok_or_else(|| self.fault(name, "invalid", expected))
    }

    /// A text, kept as sent.
    pub(super) fn text(&self, name: &str) -> Found<String> {
        self.read(name, "This has to be a text.", |json| match json {
            Json::String(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// A text that some send as a whole number: a phone number, a group. Kept as sent.
    pub(super) fn text_or_integer(&self, name: &str) -> Found<String> {
        self.read(name, "This has to be a text or a whole number.", text_or_integer)
    }

    /// An id of the platform's: a text, trimmed, or a whole number, which is its digits.
    pub(super) fn id(&self, name: &str) -> Found<String> {
        self.read(name, "An id is a text of up to 255 characters or a whole number.", |json| {
            let text = text_or_integer(json)?.trim().to_owned();
            text.chars().nth(MAX_ID_CHARS).is_none().then_some(text)
        })
    }

    /// An email address one can look up, byte for byte as sent.
    pub(super) fn email(&self, name: &str) -> Found<String> {
        self.read(name, "This is not an email address.", |json| match json {
            Json::String(text) if EmailKey::of(text).is_some() => Some(text.clone()),
            _ => None,
        })
    }

    /// An instant: see [`read_time`].
    pub(super) fn time(&self, name: &str) -> Found<Timestamp> {
        self.read(name, "A time is RFC 3339, or whole seconds or milliseconds since 1970.", read_time)
    }

    /// A whole number, also as a text of digits.
    pub(super) fn integer(&self, name: &str) -> Found<i64> {
        self.read(name, "This has to be a whole number.", read_integer)
    }

    /// A currency code, put in capitals.
    pub(super) fn currency(&self, name: &str) -> Found<Currency> {
        self.read(name, "This is not a currency code.", |json| match json {
            Json::String(text) => Currency::from_str(text).ok(),
            _ => None,
        })
    }

    /// An amount of money in this currency.
    pub(super) fn amount(&self, name: &str, currency: Option<&Currency>) -> Found<Amount> {
        let Some(json) = self.get(name) else { return Ok(None) };
        Amount::read(json, currency)
            .map(Some)
            .map_err(|error| self.fault(name, "invalid", format!("An amount can't be read: {error}.")))
    }

    /// A word of a closed list, in any case, with or without `_`, `-` and spaces.
    pub(super) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Found<T> {
        let Some(json) = self.get(name) else { return Ok(None) };
        let found = match json {
            Json::String(text) => words.iter().find(|(word, _)| plain(word) == plain(text)),
            _ => None,
        };
        found.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(name, "unknown_word", format!("Known are: {}.", known.join(", ")))
        })
    }

    /// Whom the event is about: one sensible way to tell is enough. If there is none, that is an error at each
    /// senseless field, or at `main` if nothing was sent.
    pub(super) fn person(&mut self, main: &str) -> Person {
        let (client_id, email, client_email) =
            (self.id("clientId"), self.email("email"), self.email("clientEmail"));
        let known = [client_id.as_ref(), email.as_ref(), client_email.as_ref()]
            .into_iter()
            .any(|found| matches!(found, Ok(Some(_))));
        let before = self.warnings.len();
        let person = Person {
            client_id: self.optional(client_id),
            email: self.optional(email),
            client_email: self.optional(client_email),
        };
        if !known {
            self.errors.extend(self.warnings.drain(before..));
            if self.errors.is_empty() {
                let detail = "Whom this is about has to be told by clientId or email.";
                self.errors.push(self.fault(main, "missing", detail));
            }
        }
        person
    }
}

/// Whom an event is about, as sent.
pub(super) struct Person {
    pub(super) client_id: Option<String>,
    pub(super) email: Option<String>,
    pub(super) client_email: Option<String>,
}

impl Person {
    /// The address where `email` and `clientEmail` mean the same. If they differ, `email` is taken, with a warning.
    pub(super) fn one_email(&mut self, fields: &mut Fields<'_>) -> Option<String> {
        let Some(email) = self.email.take() else { return self.client_email.take() };
        if self.client_email.take().is_some_and(|other| EmailKey::of(&other) != EmailKey::of(&email)) {
            let detail = "This is not the address in email, which was taken.";
            fields.warnings.push(fields.fault("clientEmail", "ignored", detail));
        }
        Some(email)
    }
}

/// A text as sent, or the digits of a whole number.
pub(super) fn text_or_integer(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(text) => Number::parse(text)?.integer_text(MAX_ID_CHARS),
        _ => None,
    }
}

/// A whole number, also as a text of digits.
pub(super) fn read_integer(json: &Json) -> Option<i64> {
    match json {
        Json::String(text) => text.trim().parse().ok(),
        Json::Number(text) => Number::parse(text)?.integer_text(20)?.parse().ok(),
        _ => None,
    }
}

/// An instant: RFC 3339 with any offset, or whole seconds or milliseconds since 1970, told apart by their size, also
/// as a text of digits. Never outside the years 0000 to 9999.
pub(super) fn read_time(json: &Json) -> Option<Timestamp> {
    if let Some(number) = read_integer(json) {
        let unit = if number.unsigned_abs() < FIRST_MILLIS { 1_000_000 } else { 1_000 };
        let micros = number.checked_mul(unit)?;
        let time = Timestamp::from_micros(micros);
        return (time.as_micros() == micros).then_some(time);
    }
    match json {
        Json::String(text) => Timestamp::parse_rfc3339(text.trim()).ok(),
        _ => None,
    }
}
