//! Decimal numbers as text, taken apart without ever being expanded or passing through a float.

use std::fmt::Write as _;

/// A decimal number: `digits` × 10^`exponent`, with the sign beside. One value has one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number {
    /// Below zero. Zero itself is never negative.
    pub(crate) negative: bool,
    /// Significant digits, without zeros at either end; empty for zero.
    pub(crate) digits: String,
    /// The power of ten of the last digit.
    pub(crate) exponent: Exponent,
}

/// A power of ten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exponent {
    /// A number one can count with.
    Known(i64),
    /// Beyond 18 digits: kept as written, sign and digits, since nothing can be done with it but compare.
    Beyond(String),
}

impl Number {
    /// Reads `[+-] digits [. digits] [e [+-] digits]`, with digits on at least one side of the point: all of JSON's
    /// numbers, and the laxer forms of decimal strings.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = sign(text);
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let (exponent_negative, exponent_digits) = sign(exponent);
        if exponent_digits.is_empty() || !all_digits(exponent_digits) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0').trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self { negative: false, digits: String::new(), exponent: Exponent::Known(0) });
        }
        let dropped = all.len() - all.trim_end_matches('0').len();
        let shift = i64::try_from(dropped).ok()? - i64::try_from(fraction.len()).ok()?;
        let exponent = Exponent::new(exponent_negative, exponent_digits, shift);
        Some(Self { negative, digits: digits.to_owned(), exponent })
    }

    /// The whole number this is, in plain digits, if it is one of at most `most` digits.
    pub(crate) fn integer_text(&self, most: usize) -> Option<String> {
        if self.digits.is_empty() {
            return Some("0".to_owned());
        }
        let Exponent::Known(exponent) = self.exponent else { return None };
        let zeros = usize::try_from(exponent).ok()?;
        if self.digits.len().checked_add(zeros)? > most {
            return None;
        }
        let sign = if self.negative { "-" } else { "" };
        Some(format!("{sign}{}{}", self.digits, "0".repeat(zeros)))
    }

    /// Appends the number's one text: `-12e-1`, `1e3`, `7`, `0`.
    pub(crate) fn write_to(&self, out: &mut String) {
        if self.digits.is_empty() {
            out.push('0');
            return;
        }
        if self.negative {
            out.push('-');
        }
        out.push_str(&self.digits);
        // Writing to a String can't fail.
        let written = match &self.exponent {
            Exponent::Known(0) => Ok(()),
            Exponent::Known(exponent) => write!(out, "e{exponent}"),
            Exponent::Beyond(exponent) => write!(out, "e{exponent}"),
        };
        debug_assert!(written.is_ok());
    }
}

impl Exponent {
    fn new(negative: bool, digits: &str, shift: i64) -> Self {
        let digits = digits.trim_start_matches('0');
        let size = if digits.is_empty() { Some(0) } else { digits.parse::<i64>().ok() };
        match size {
            Some(size) if digits.len() <= 18 => Self::Known(if negative { -size } else { size } + shift),
            _ => Self::Beyond(format!("{}{digits}{shift:+}", if negative { "-" } else { "" })),
        }
    }
}

/// Takes one sign off.
fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}
