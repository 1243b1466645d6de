//! Webhook events: what platforms send, read tolerantly, and the one form of it that the rest of the system sees.
//!
//! [`read`] takes any bytes and never panics. A bad optional field costs a warning; only a needed one that is
//! missing or senseless makes an event unreadable. Nothing is lost either way: the raw body is stored beside.

mod account_updated;
mod client_registered;
mod fields;
mod kyc_updated;
mod reader;
mod transaction;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use account_updated::{AccountStatus, AccountType, AccountUpdated, Leverage};
pub use client_registered::ClientRegistered;
pub use fields::MAX_ID_CHARS;
pub use kyc_updated::KycUpdated;
pub use reader::{Envelope, Reading, Unreadable, effective_time, read};
pub use transaction::{FundType, Transaction};

pub use crate::kyc::{KycStatus, KycWords};

use fields::Fields;

/// Something about an event that is not as it should be, but does not stop it. The same shape as a field error.
pub type Warning = crate::problems::FieldError;

/// The event types we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventType {
    /// `client.registered`
    ClientRegistered,
    /// `deposit.completed`
    DepositCompleted,
    /// `withdrawal.completed`
    WithdrawalCompleted,
    /// `kyc.updated`
    KycUpdated,
    /// `account.updated`
    AccountUpdated,
}

impl EventType {
    /// Every type, in the order of the contract.
    pub const ALL: [Self; 5] = [
        Self::ClientRegistered,
        Self::DepositCompleted,
        Self::WithdrawalCompleted,
        Self::KycUpdated,
        Self::AccountUpdated,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientRegistered => "client.registered",
            Self::DepositCompleted => "deposit.completed",
            Self::WithdrawalCompleted => "withdrawal.completed",
            Self::KycUpdated => "kyc.updated",
            Self::AccountUpdated => "account.updated",
        }
    }

    /// The type with this word, exactly.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event of a known type, normalised. Its JSON is our own (`{"type", "data"}`), for storage and internal calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// A client signed up.
    #[serde(rename = "client.registered")]
    ClientRegistered(ClientRegistered),
    /// Money came in.
    #[serde(rename = "deposit.completed")]
    DepositCompleted(Transaction),
    /// Money went out.
    #[serde(rename = "withdrawal.completed")]
    WithdrawalCompleted(Transaction),
    /// An identity check moved on.
    #[serde(rename = "kyc.updated")]
    KycUpdated(KycUpdated),
    /// An account, or the client's profile, changed.
    #[serde(rename = "account.updated")]
    AccountUpdated(Box<AccountUpdated>),
}

/// Whom an event is about. At least one of the two is there; `client_id` decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The platform's id.
    pub client_id: Option<String>,
    /// The address, byte for byte as sent; it has an [`crate::email::EmailKey`].
    pub email: Option<String>,
}

impl Event {
    /// Reads `data` as an event of this type. `None` if a needed field is missing or senseless: `fields` knows which.
    fn read(event_type: EventType, fields: &mut Fields<'_>, kyc_words: &KycWords) -> Option<Self> {
        match event_type {
            EventType::ClientRegistered => ClientRegistered::read(fields).map(Self::ClientRegistered),
            EventType::DepositCompleted => Transaction::read(fields).map(Self::DepositCompleted),
            EventType::WithdrawalCompleted => Transaction::read(fields).map(Self::WithdrawalCompleted),
            EventType::KycUpdated => KycUpdated::read(fields, kyc_words).map(Self::KycUpdated),
            EventType::AccountUpdated => {
                AccountUpdated::read(fields).map(|account| Self::AccountUpdated(Box::new(account)))
            }
        }
    }

    /// Which type it is of.
    #[must_use]
    pub const fn event_type(&self) -> EventType {
        match self {
            Self::ClientRegistered(_) => EventType::ClientRegistered,
            Self::DepositCompleted(_) => EventType::DepositCompleted,
            Self::WithdrawalCompleted(_) => EventType::WithdrawalCompleted,
            Self::KycUpdated(_) => EventType::KycUpdated,
            Self::AccountUpdated(_) => EventType::AccountUpdated,
        }
    }

    /// Whom it is about.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let (client_id, email) = match self {
            Self::ClientRegistered(client) => (&client.client_id, &client.email),
            Self::DepositCompleted(transaction) | Self::WithdrawalCompleted(transaction) => {
                (&transaction.client_id, &transaction.email)
            }
            Self::KycUpdated(kyc) => (&kyc.client_id, &kyc.email),
            Self::AccountUpdated(account) => (
                &account.client_id,
                if account.client_email.is_some() { &account.client_email } else { &account.email },
            ),
        };
        Identity { client_id: client_id.clone(), email: email.clone() }
    }

    /// Every address by which someone may ask for its client once it is applied: that of [`Event::identity`], and the one that an
    /// `account.updated` moves the client to.
    pub fn addresses(&self) -> impl Iterator<Item = String> {
        let moved_to = match self {
            Self::AccountUpdated(account) if account.client_email.is_some() => account.email.clone(),
            _ => None,
        };
        self.identity().email.into_iter().chain(moved_to)
    }
}
