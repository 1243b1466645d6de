//! A tolerant JSON tree: numbers keep their text, members their order, and nothing in a body can make it panic,
//! recurse without bound or grow beyond the body's own size.

mod clean;
pub(crate) mod number;

use std::collections::HashSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use number::Number;

/// How deep arrays and objects may stand in each other.
pub const MAX_DEPTH: usize = 64;
/// Pointers in reports are cut here: they repeat keys of the sender's, which may be of any length.
const MAX_POINTER_CHARS: usize = 200;

/// A JSON value (RFC 8259).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as the text that was sent.
    Number(String),
    /// A string, without escapes.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object: its members in the order sent, no key twice.
    Object(Vec<(String, Json)>),
}

/// Why a body is no tree of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The bytes are not UTF-8 (RFC 8259, section 8.1).
    #[error("The body is not UTF-8")]
    NotUtf8,
    /// The text breaks JSON's grammar.
    #[error("The body is not JSON: line {line}, column {column}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes; 0 at the very start of a line.
        column: usize,
    },
    /// Over [`MAX_DEPTH`].
    #[error("Arrays and objects stand more than {MAX_DEPTH} deep in each other")]
    TooDeep,
    /// One object has one key twice, so what it says depends on who reads it.
    #[error("A key stands twice in one object")]
    DuplicateKey {
        /// The second one, as a JSON Pointer.
        pointer: String,
    },
}

/// A parsed body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The tree.
    pub json: Json,
    /// True if the body began with a byte order mark, which was left out.
    pub had_bom: bool,
    /// True if lone surrogates or U+0000 became U+FFFD.
    pub replaced: bool,
    /// True if U+0000 was among them.
    pub had_nul: bool,
}

/// Parses a body.
///
/// # Errors
/// [`JsonError`], of which [`JsonError::Syntax`] is found first, whatever else is wrong.
pub fn parse(body: &[u8]) -> Result<Parsed, JsonError> {
    let cleaned = clean::clean(body);
    let text = std::str::from_utf8(&cleaned.bytes).map_err(|_| JsonError::NotUtf8)?;
    // This looks over all of the text without recursion; from here on the grammar holds.
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| syntax(&error))?;
    let json = read(raw, 0, &mut Vec::new())?;
    Ok(Parsed { json, had_bom: cleaned.had_bom, replaced: cleaned.replaced, had_nul: cleaned.had_nul })
}

fn syntax(error: &serde_json::Error) -> JsonError {
    JsonError::Syntax { line: error.line(), column: error.column() }
}

/// Reads one value and, one level down each, what is inside it. `path` is where it stands.
fn read(raw: &RawValue, depth: usize, path: &mut Vec<String>) -> Result<Json, JsonError> {
    let text = raw.get();
    match text.bytes().next() {
        Some(b'{' | b'[') if depth == MAX_DEPTH => Err(JsonError::TooDeep),
        Some(b'{') => {
            let members = serde_json::Deserializer::from_str(text)
                .deserialize_map(Members)
                .map_err(|error| syntax(&error))?;
            read_object(members, depth, path)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| syntax(&error))?;
            let mut array = Vec::with_capacity(items.len());
            for (place, item) in items.into_iter().enumerate() {
                path.push(place.to_string());
                array.push(read(item, depth + 1, path)?);
                path.pop();
            }
            Ok(Json::Array(array))
        }
        Some(b'"') => serde_json::from_str(text).map(Json::String).map_err(|error| syntax(&error)),
        Some(b't') => Ok(Json::Bool(true)),
        Some(b'f') => Ok(Json::Bool(false)),
        Some(b'n') | None => Ok(Json::Null),
        Some(_) => Ok(Json::Number(text.to_owned())),
    }
}

fn read_object(
    members: Vec<(String, &RawValue)>,
    depth: usize,
    path: &mut Vec<String>,
) -> Result<Json, JsonError> {
    let mut seen = HashSet::with_capacity(members.len());
    if let Some((twice, _)) = members.iter().find(|(key, _)| !seen.insert(key.as_str())) {
        path.push(twice.clone());
        return Err(JsonError::DuplicateKey { pointer: pointer(path.iter().map(String::as_str)) });
    }
    let mut object = Vec::with_capacity(members.len());
    for (key, value) in members {
        path.push(key.clone());
        object.push((key, read(value, depth + 1, path)?));
        path.pop();
    }
    Ok(Json::Object(object))
}

/// Collects the members of one object as they stand, duplicates and all.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

/// A key as it stands between the slashes of a JSON Pointer (RFC 6901, section 3).
#[must_use]
pub fn pointer_token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A JSON Pointer (RFC 6901) over these reference tokens, cut after 200 characters.
pub(crate) fn pointer<'a>(tokens: impl Iterator<Item = &'a str>) -> String {
    let whole: String = tokens.flat_map(|token| ["/".to_owned(), pointer_token(token)]).collect();
    whole.chars().take(MAX_POINTER_CHARS).collect()
}

impl Json {
    /// The member of an object with this key; `None` for other values too.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// A byte form in which equal values are equal bytes: keys sorted, numbers reduced to sign, digits and
    /// exponent (1000, 1000.0 and 1e3 are one). Exponents beyond 18 digits are compared as written.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = String::new();
        self.write_canonical(&mut out);
        out.into_bytes()
    }

    /// [`Self::canonical`], appended to `out`.
    pub(crate) fn write_canonical(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
            Self::Number(text) => match Number::parse(text) {
                Some(number) => number.write_to(out),
                None => out.push_str(text),
            },
            Self::String(text) => write_string(text, out),
            Self::Array(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    item.write_canonical(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                out.push('{');
                for (place, (key, value)) in sorted.into_iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    write_string(key, out);
                    out.push(':');
                    value.write_canonical(out);
                }
                out.push('}');
            }
        }
    }
}

/// Quotes a text so that no two texts look alike: `"` and `\` are escaped, all else stands as it is.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}
