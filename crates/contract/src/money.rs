//! Money: exact decimals and currency codes. Nothing here ever passes through a binary float.

mod precision;
mod sum;

use std::fmt;
use std::str::FromStr;

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, Signed, Zero};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use sum::Sum;

use crate::json::Json;
use crate::json::number::{Exponent, Number};

/// The most digits before the point.
const MAX_WHOLE: i64 = 20;
/// The most digits after the point.
const MAX_FRACTION: i64 = 18;
/// The most significant digits that are looked at at all: the exact expansion of any double near money's size fits.
const MAX_DIGITS: usize = 128;
/// A double carries this many decimal digits faithfully (`DBL_DIG`); a value with more never came from one.
const DOUBLE_DIGITS: i64 = 15;
/// Decimals that are looked at, however large the amount: the cents.
const FEWEST_PLACES: i64 = 2;

/// An exact amount: up to 20 digits before and 18 after the point, either sign. Its text is plain notation without
/// superfluous zeros, so equal amounts are equal texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(BigDecimal);

/// Why something is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Neither a JSON number nor a decimal string.
    #[error("not a decimal number")]
    NotANumber,
    /// Too many digits on one side of the point.
    #[error("more than 20 digits before or 18 after the point")]
    OutOfRange,
}

impl Amount {
    /// Reads a decimal string exactly, or a JSON number with the noise of binary floats taken off: one within 10⁻⁹
    /// (relative) of a value at the currency's own precision is that value.
    ///
    /// That value must have at most 15 digits. A double holds no more, so what is longer was never in one
    /// and is read exactly. Without a currency, or in one whose precision we don't know, only a number of more than
    /// 15 digits can have noise, and what lies beyond the 15th is taken for it.
    ///
    /// # Errors
    /// [`AmountError`]. `null` and other values are [`AmountError::NotANumber`].
    pub fn read(json: &Json, currency: Option<&Currency>) -> Result<Self, AmountError> {
        match json {
            Json::String(text) => text.trim().parse(),
            Json::Number(text) => {
                let exact = decimal(text)?;
                let places = currency.and_then(Currency::precision).or_else(|| faithful_places(&exact));
                let value = places.and_then(|places| denoised(&exact, places));
                Self::checked(&value.unwrap_or(exact))
            }
            _ => Err(AmountError::NotANumber),
        }
    }

    /// An amount from a decimal of ours, as a database holds it.
    ///
    /// # Errors
    /// [`AmountError::OutOfRange`].
    pub fn from_decimal(value: &BigDecimal) -> Result<Self, AmountError> {
        // Digits are counted before `normalized`, which takes time with the length of the number.
        if value.digits() > MAX_DIGITS as u64 { Err(AmountError::OutOfRange) } else { Self::checked(value) }
    }

    /// The value; its scale is never negative and has no superfluous zeros.
    #[must_use]
    pub const fn as_decimal(&self) -> &BigDecimal {
        &self.0
    }

    /// Above zero.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.0.is_positive()
    }

    fn checked(value: &BigDecimal) -> Result<Self, AmountError> {
        let value = value.normalized();
        if value.is_zero() {
            return Ok(Self(BigDecimal::zero()));
        }
        let fraction = value.fractional_digit_count();
        let whole = i64::try_from(value.digits()).unwrap_or(i64::MAX).saturating_sub(fraction);
        if whole > MAX_WHOLE || fraction > MAX_FRACTION {
            return Err(AmountError::OutOfRange);
        }
        Ok(Self(if fraction < 0 { value.with_scale(0) } else { value }))
    }
}

/// The exact value of a number's text, if its size is anywhere near money's.
fn decimal(text: &str) -> Result<BigDecimal, AmountError> {
    let number = Number::parse(text).ok_or(AmountError::NotANumber)?;
    if number.digits.is_empty() {
        return Ok(BigDecimal::zero());
    }
    let Exponent::Known(exponent) = number.exponent else { return Err(AmountError::OutOfRange) };
    let length = i64::try_from(number.digits.len()).map_err(|_| AmountError::OutOfRange)?;
    // The place of the first digit. Checked before anything is built, so that no exponent is ever expanded.
    let first = length.saturating_add(exponent);
    if number.digits.len() > MAX_DIGITS || !(-MAX_FRACTION..=MAX_WHOLE).contains(&first) {
        return Err(AmountError::OutOfRange);
    }
    let digits = BigInt::from_str(&number.digits).map_err(|_| AmountError::NotANumber)?;
    Ok(BigDecimal::new(if number.negative { -digits } else { digits }, -exponent))
}

/// To how many decimals a double of this size is faithful, if the number has digits beyond those: any that has not may be what
/// somebody wrote.
fn faithful_places(exact: &BigDecimal) -> Option<i64> {
    let value = exact.normalized();
    let digits = i64::try_from(value.digits()).ok().filter(|digits| *digits > DOUBLE_DIGITS)?;
    let whole = digits.saturating_sub(value.fractional_digit_count()).max(0);
    Some(DOUBLE_DIGITS.saturating_sub(whole).max(FEWEST_PLACES))
}

/// The value at `places` decimals that `exact` differs from by float noise alone, if there is one.
fn denoised(exact: &BigDecimal, places: i64) -> Option<BigDecimal> {
    let near = exact.with_scale_round(places, RoundingMode::HalfEven).normalized();
    let noise = (exact - &near).abs() * BigDecimal::from(1_000_000_000);
    let was_in_a_double = i64::try_from(near.digits()).is_ok_and(|digits| digits <= DOUBLE_DIGITS);
    (!near.is_zero() && noise <= near.abs() && was_in_a_double).then_some(near)
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write_plain_string(f)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    /// Reads a decimal string exactly; exponents are allowed, white space and separators are not.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::checked(&decimal(text)?)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A currency's code: `[A-Z0-9][A-Z0-9._-]{1,15}`. It need not be one of ISO 4217: tokens are currencies too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Currency(String);

/// The text is no currency code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a currency is 2 to 16 of A-Z, 0-9, '.', '_' and '-', and begins with a letter or digit")]
pub struct BadCurrency;

impl Currency {
    /// The code, in capitals.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many decimals the currency itself has: ISO 4217's minor units, or a token's own decimals, where we know them.
    #[must_use]
    pub fn precision(&self) -> Option<i64> {
        precision::of(&self.0)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Currency {
    type Err = BadCurrency;

    /// Trims, puts ASCII letters in capitals, and takes nothing else.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code = text.trim().to_ascii_uppercase();
        let letter_or_digit = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        let allowed = |byte: u8| letter_or_digit(byte) || matches!(byte, b'.' | b'_' | b'-');
        let begins_well = code.bytes().next().is_some_and(letter_or_digit);
        if begins_well && (2..=16).contains(&code.len()) && code.bytes().all(allowed) {
            Ok(Self(code))
        } else {
            Err(BadCurrency)
        }
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
