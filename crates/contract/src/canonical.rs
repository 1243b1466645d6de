//! The one form of a JSON value that is sealed, signed and compared byte by byte (RFC 8785, the JSON Canonicalization Scheme). It
//! writes values; whether bytes that came in have that form is found by writing them anew.

use serde_json::Value;

/// Up to here whole numbers are written as they are (RFC 8785, section 3.2.2.3): ECMAScript's numbers hold no larger one exactly.
const WHOLE: u64 = 1 << 53;

/// The canonical text of a value.
///
/// # Errors
/// A number that is no finite IEEE 754 double; none of what [`serde_json`] reads is.
pub fn text(value: &Value) -> serde_json::Result<String> {
    match is_plain(value) {
        true => serde_json::to_string(value),
        false => serde_json_canonicalizer::to_string(value),
    }
}

/// Is this a whole number that canonical JSON writes digit by digit?
#[must_use]
pub const fn is_whole(number: i64) -> bool {
    number.unsigned_abs() <= WHOLE
}

/// Is this a value that `serde_json` writes canonically by itself, several times faster? Its maps are sorted by their keys' bytes, which
/// for ASCII is the order of UTF-16 that the RFC asks for; its escapes are the RFC's; only numbers with a fraction differ.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(positive), _) => positive <= WHOLE,
            (None, Some(negative)) => is_whole(negative),
            (None, None) => false,
        },
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(members) => members.iter().all(|(key, value)| key.is_ascii() && is_plain(value)),
    }
}
