//! A signed delivery on its way into the inbox: given an id, read once, and from then on only stored. Nothing here verifies a
//! signature or touches a database.

use auth::random::Random;
use auth::webhook::SignedBody;
use contract::clock::Timestamp;
use contract::ids::EventId;
use contract::inbox::HeldBecause;
use contract::kyc::KycWords;

use super::reading::{self, Said, Standing};
use super::signature::Signed;

/// A delivery whose signature held, as its type shows.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The platform: the last segment of the path, known to us.
    pub source: String,
    /// The raw body, and what else was signed.
    pub signed: Signed,
    /// When it was received.
    pub received_at: Timestamp,
}

/// A signed delivery, ready to be stored.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Our id for it, if it turns out to be new.
    pub event_id: EventId,
    /// The platform it came from.
    pub source: String,
    /// The raw body.
    pub body: SignedBody,
    /// The signed `webhook-id`, if it came as Standard Webhooks.
    pub message_id: Option<String>,
    /// When it was received.
    pub received_at: Timestamp,
    /// What it says.
    pub said: Said,
}

impl Delivery {
    /// Reads a receipt. Every signed body becomes a delivery: what can't be read becomes one that is held.
    #[must_use]
    pub fn read(receipt: Receipt, kyc_words: &KycWords, random: &Random) -> Self {
        let Receipt { source, signed: Signed { body, message_id }, received_at } = receipt;
        let message = message_id.as_deref();
        let signed =
            reading::Signed { source: &source, message_id: message, body: body.bytes(), received_at };
        let said = Said::read(signed, kyc_words);
        let event_id = EventId::new(received_at, random.bytes());
        Self { event_id, source, body, message_id, received_at, said }
    }
}

/// What the one commit decided about a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// New: stored, its effect to come.
    Accepted,
    /// New: stored, but no type we know.
    Unrecognized,
    /// Stored before, with equal facts.
    Duplicate,
    /// Stored, now or before, but refused for this.
    Held(HeldBecause),
    /// Its id was first used for something else; stored, now or before, but refused.
    Reused,
}

impl Verdict {
    /// The word for it, on the trail and in the metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unrecognized => "unrecognized",
            Self::Duplicate => "duplicate",
            Self::Held(_) | Self::Reused => "held",
        }
    }
}

/// A verdict, and our id of the delivery that the answer names: for a repeat the first one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What was decided.
    pub verdict: Verdict,
    /// Which delivery.
    pub event_id: EventId,
}

/// What the first delivery of a key was answered while our own tables were out of reach, as it is stored with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Its effect is to come.
    Accepted,
    /// Kept, but no type we know.
    Unrecognized,
    /// Kept, but refused.
    Held,
    /// Kept, but refused: its id was first used for something else.
    Reused,
}

impl Answered {
    const ALL: [Self; 4] = [Self::Accepted, Self::Unrecognized, Self::Held, Self::Reused];

    /// What a delivery that is no duplicate is answered.
    #[must_use]
    pub const fn of(standing: &Standing, reuse: bool) -> Self {
        match standing {
            _ if reuse => Self::Reused,
            Standing::Pending => Self::Accepted,
            Standing::Unrecognized => Self::Unrecognized,
            Standing::Held(_) => Self::Held,
        }
    }

    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unrecognized => "unrecognized",
            Self::Held => "held",
            Self::Reused => "reused",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}
