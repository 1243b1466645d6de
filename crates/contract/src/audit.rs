//! What an audit entry says before it is sealed, and the sealed form that is stored and shipped.
//!
//! Sealing itself (salts, digests, canonical JSON) needs cryptography and lives in `http-kit`. Nothing here
//! serialises an [`Entry`]: a personal value must not get out in the open by accident.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::EntryId;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$word_doc])* $variant,)* }

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in the payload.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one with this word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// The part of the system an entry is about: the first filter of the trail.
    Category {
        /// Deliveries of the platform, and what became of their events.
        Webhook = "webhook",
        /// Calls of the service API.
        ServiceApi = "service_api",
        /// Impersonation of clients by staff.
        Impersonation = "impersonation",
        /// Log-ins and credentials.
        Authentication = "authentication",
        /// Changes staff made, to clients or to staff.
        Staff = "staff",
        /// Reads of the trail itself.
        Audit = "audit",
        /// Calls between services.
        Internal = "internal",
        /// Requests that named no resource of ours, and acts of the system itself.
        System = "system",
    }
);

words!(
    /// How it ended.
    Outcome {
        /// Done.
        Success = "success",
        /// Not done, by our rules.
        Refused = "refused",
        /// Not done, by trouble of ours.
        Failed = "failed",
    }
);

words!(
    /// What sort of actor.
    ActorKind {
        /// The trading platform.
        Platform = "platform",
        /// A holder of a service credential, or a service of ours.
        Service = "service",
        /// A staff member.
        Staff = "staff",
        /// The system by itself.
        System = "system",
        /// Nobody we know.
        Anonymous = "anonymous",
    }
);

/// A text in an entry, by who may read it in the payload.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Text {
    /// Readable by all who may read the trail: our ids, event ids, route templates, stable words.
    Open(String),
    /// Emails, names, network addresses, phone numbers: sealed as a salted digest, disclosed beside.
    Personal(String),
}

impl Text {
    /// A text that may stand in the open.
    pub fn open(text: impl Into<String>) -> Self {
        Self::Open(text.into())
    }

    /// A text about a person.
    pub fn personal(text: impl Into<String>) -> Self {
        Self::Personal(text.into())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(text) => write!(f, "Open({text:?})"),
            Self::Personal(_) => f.write_str("Personal(***)"),
        }
    }
}

/// A value among an entry's details. No floats: canonical JSON writes integers alone the same everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text, open or personal.
    Text(Text),
    /// A whole number; keep it within ±2^53, as canonical JSON does.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// Several values in order.
    List(Vec<Value>),
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Actor {
    /// What sort.
    pub kind: ActorKind,
    /// Which one, if known: the name of a credential, a staff id, a webhook source.
    pub id: Option<Text>,
}

impl Actor {
    /// Nobody we know.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self { kind: ActorKind::Anonymous, id: None }
    }
}

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What sort of thing, in snake_case: `client`, `event`, `entry`.
    pub kind: String,
    /// Which one.
    pub id: Text,
}

/// One entry of the trail, in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its own id; the trail takes each id once.
    pub id: EntryId,
    /// When it happened.
    pub time: Timestamp,
    /// Which service says so.
    pub service: &'static str,
    /// Which part of the system it is about.
    pub category: Category,
    /// What was done or tried: `webhook.receive`, `client.read`.
    pub action: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was refused or failed: a problem code, or a stable word of ours.
    pub reason: Option<String>,
    /// Who.
    pub actor: Actor,
    /// To what.
    pub target: Option<Target>,
    /// The client's network address.
    pub address: Option<Text>,
    /// The HTTP request.
    pub request_id: Option<String>,
    /// Its method.
    pub method: Option<String>,
    /// Its route as a template, never the raw path.
    pub route: Option<String>,
    /// How many occurrences this stands for: 1 unless coalesced.
    pub count: u64,
    /// What else is worth knowing, by camelCase name.
    pub details: BTreeMap<String, Value>,
}

/// An entry in its final form: these bytes are what the trail keeps and signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The entry's id, also inside the payload.
    pub id: EntryId,
    /// RFC 8785 canonical JSON; personal values are `{"sha256": "<base64url>"}`.
    pub payload: String,
    /// What the digests stand for, each `["<salt>","<pointer>","<value>"]` as in RFC 9901.
    pub disclosures: Vec<String>,
}
