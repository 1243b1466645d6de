//! Ids of our own: a prefix that names the kind, then a UUIDv7 in lower-case Crockford base32.
//!
//! Ids of one kind sort by the millisecond they were made in. They take time and randomness from the
//! caller's seams; this module has neither.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{Builder, Uuid, Variant, Version};

use crate::clock::Timestamp;

/// Crockford's alphabet: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 128 bits in groups of five; the first digit carries three of them, so it is at most 7.
const DIGITS: usize = 26;

/// The text is not an id of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct BadId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id: `now` cut to the millisecond (1970 if earlier), and ten random bytes of which 74 bits are used.
            #[must_use]
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                Self(make(now, random))
            }

            /// The UUID inside (RFC 9562, version 7).
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// The id with this UUID inside: one of version 7, as all of ours are.
            ///
            /// # Errors
            /// Any other UUID is no id.
            pub fn from_uuid(id: Uuid) -> Result<Self, BadId> {
                of_our_version(id).map(Self).ok_or(BadId)
            }

            /// When it was made, to the millisecond.
            #[must_use]
            pub fn made_at(&self) -> Timestamp {
                let (seconds, nanos) = self.0.get_timestamp().map_or((0, 0), |time| time.to_unix());
                let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
                Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(i64::from(nanos / 1_000)))
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                f.write_str(&encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            /// Strict: the prefix, 26 lower-case digits, version 7. Nothing else is this id.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix($prefix).and_then(decode).map(Self).ok_or(BadId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

id!(
    /// A webhook event as we stored it.
    EventId,
    "evt_"
);
id!(
    /// A client record of ours. The platform's own id for the client is `clientId`, a text.
    ClientRef,
    "cl_"
);
id!(
    /// An entry of the audit trail.
    EntryId,
    "aud_"
);
id!(
    /// A trading account as we stored it. The platform's own id for it is `accountId`, a text.
    AccountRef,
    "acc_"
);
id!(
    /// A deposit or withdrawal as we stored it. The platform's own id for it is `transactionId`, a text.
    TransactionRef,
    "tx_"
);
id!(
    /// Something that happened to a client.
    ActivityId,
    "act_"
);
id!(
    /// A remark on a client.
    NoteId,
    "note_"
);
id!(
    /// A member of staff.
    StaffId,
    "st_"
);
id!(
    /// One log-in of a member of staff, until it ends.
    SessionId,
    "ses_"
);
id!(
    /// An impersonation token: its `jti`.
    TokenId,
    "imp_"
);

impl From<TokenId> for ActivityId {
    /// The activity that tells of a token: the same UUID, so that a token told of twice is one activity.
    fn from(token: TokenId) -> Self {
        Self(token.0)
    }
}

fn make(now: Timestamp, random: [u8; 10]) -> Uuid {
    Builder::from_unix_timestamp_millis(u64::try_from(now.as_millis()).unwrap_or(0), &random).into_uuid()
}

fn encode(id: Uuid) -> String {
    let bits = id.as_u128();
    (0..DIGITS)
        .rev()
        .filter_map(|place| {
            let digit = usize::try_from((bits >> (place * 5)) & 31).ok()?;
            ALPHABET.get(digit).copied().map(char::from)
        })
        .collect()
}

fn decode(text: &str) -> Option<Uuid> {
    if text.len() != DIGITS || text.as_bytes().first().is_none_or(|first| *first > b'7') {
        return None;
    }
    let bits = text.bytes().try_fold(0_u128, |bits, byte| {
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        Some(bits << 5 | u128::try_from(digit).ok()?)
    })?;
    of_our_version(Uuid::from_u128(bits))
}

fn of_our_version(id: Uuid) -> Option<Uuid> {
    (id.get_version() == Some(Version::SortRand) && id.get_variant() == Variant::RFC4122).then_some(id)
}

/// The id of one HTTP request: ours, or the caller's if it is 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct RequestId(String);

impl RequestId {
    /// A new id of our own making: `req_` and a UUIDv7, as other ids.
    #[must_use]
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        Self(format!("req_{}", encode(make(now, random))))
    }

    /// The text, safe for headers and logs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RequestId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadId)
        }
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
