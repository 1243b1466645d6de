//! `Idempotency-Key`: one key, one request, one effect, and the same answer for a day.

use std::time::Duration;

use contract::problems::FieldError;

/// How long an answer is kept.
pub(crate) const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest key.
const LONGEST: usize = 255;

/// A key, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keyed {
    /// Whose key it is: keys of different callers are different keys.
    pub(crate) caller: String,
    /// The key.
    pub(crate) key: String,
    /// SHA-256 of the request, so that equal requests are equal.
    pub(crate) request: Vec<u8>,
}

impl Keyed {
    /// The key of a request: what is asked (`parts`), and with which body in canonical form.
    pub(crate) fn new(caller: String, key: String, parts: &[&str], body: &[u8]) -> Self {
        let mut bytes = Vec::new();
        for part in parts.iter().map(|part| part.as_bytes()).chain([body]) {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part);
        }
        Self { caller, key, request: auth::digest::sha256(&bytes).to_vec() }
    }
}

/// Reads the header's lines; `None` without any.
///
/// # Errors
/// More than one line, or what is not 1 to 255 visible ASCII characters.
pub(crate) fn key<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> Result<Option<String>, FieldError> {
    let Some(line) = lines.next() else { return Ok(None) };
    let fits = (1..=LONGEST).contains(&line.len()) && line.iter().all(u8::is_ascii_graphic);
    if !fits || lines.next().is_some() {
        let detail = "one key of 1 to 255 visible ASCII characters";
        return Err(FieldError::new("/Idempotency-Key", "not_a_key", detail));
    }
    Ok(Some(String::from_utf8_lossy(line).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_line_of_visible_ascii() {
        let read = |lines: &[&str]| key(lines.iter().map(|line| line.as_bytes()));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["a-1!~"]), Ok(Some("a-1!~".to_owned())));
        assert!(read(&[&"k".repeat(255)]).is_ok());
        for bad in ["", "a b", "\u{e9}", "a\tb", &"k".repeat(256)] {
            assert!(read(&[bad]).is_err(), "{bad}");
        }
        assert!(read(&["a", "a"]).is_err());
    }

    #[test]
    fn other_parts_or_another_body_are_another_request() {
        let of =
            |parts: &[&str], body: &[u8]| Keyed::new("c".to_owned(), "k".to_owned(), parts, body).request;
        assert_eq!(of(&["a", "b"], b"x"), of(&["a", "b"], b"x"));
        assert_ne!(of(&["a", "b"], b"x"), of(&["ab", ""], b"x"));
        assert_ne!(of(&["a"], b"x"), of(&["a"], b"y"));
    }
}
