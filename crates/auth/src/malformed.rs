//! What a signature header that can't be read holds in place of 64 hex digits, so that staff read what to mend.
//!
//! This is never part of deciding: whatever is recognised here stays refused. Nothing of the header is repeated.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes of an HMAC-SHA256.
const TAG: usize = 32;

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nothing, or white space.
    Empty,
    /// More than one header of the name.
    Repeated,
    /// The whole line that `openssl dgst` prints.
    OpensslLine,
    /// The 32 bytes in base64.
    Base64,
    /// The name of another scheme before the signature, such as `sha1=` or `v1,`.
    OtherScheme,
    /// Hex digits, this many.
    Digits(usize),
    /// None of these.
    NoHex,
}

impl Shape {
    /// What these header values hold; they are known to be unreadable.
    #[must_use]
    pub fn of(headers: &[&[u8]]) -> Self {
        let [header] = headers else { return Self::Repeated };
        let text = header.trim_ascii();
        let digits = match text.split_at_checked(7) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(b"sha256=") => rest,
            _ => text,
        };
        if digits.is_empty() {
            Self::Empty
        } else if digits.windows(3).any(|three| three == b")= ") {
            Self::OpensslLine
        } else if digits.iter().all(u8::is_ascii_hexdigit) {
            Self::Digits(digits.len())
        } else if STANDARD.decode(digits).is_ok_and(|bytes| bytes.len() == TAG) {
            Self::Base64
        } else if digits.iter().take(12).any(|byte| matches!(byte, b'=' | b',')) {
            Self::OtherScheme
        } else {
            Self::NoHex
        }
    }

    /// The stable word of the kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Repeated => "repeated_header",
            Self::OpensslLine => "openssl_line",
            Self::Base64 => "base64",
            Self::OtherScheme => "other_scheme",
            Self::Digits(_) => "wrong_length",
            Self::NoHex => "no_hex",
        }
    }
}

/// One plain sentence for staff: what came, and what to do.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "The header is empty: what should have made the signature printed nothing.",
            Self::Repeated => "The header came more than once: send it once.",
            Self::OpensslLine => {
                "The header holds the whole line that openssl prints: send only the hex digits behind \"= \"."
            }
            Self::Base64 => "The signature is in base64: send it as 64 hex digits.",
            Self::OtherScheme => {
                "The signature begins with the name of another scheme: send the hex HMAC-SHA256 of the body, with \
                 \"sha256=\" before it or nothing."
            }
            Self::Digits(count) => {
                return write!(f, "The signature has {count} hex digits: an HMAC-SHA256 has 64.");
            }
            Self::NoHex => "The signature is not made of hex digits.",
        })
    }
}
