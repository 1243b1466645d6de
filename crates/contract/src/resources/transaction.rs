//! Deposits and withdrawals, as `GET /clients/:email/transactions` answers them.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::events::FundType;
use crate::ids::{EventId, TransactionRef};
use crate::money::{Amount, Currency, Sum};

/// The answer to `GET /clients/:email/transactions`: newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionPage {
    /// The transactions.
    pub transactions: Vec<TransactionRecord>,
    /// What all completed transactions of the client come to, not only those of this page. What is in conflict or was rejected
    /// is in no total.
    pub totals: Vec<Total>,
    /// Where the next page begins; `null` on the last.
    pub next_cursor: Option<String>,
}

/// One deposit or withdrawal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionRecord {
    /// Our id.
    pub id: TransactionRef,
    /// The platform's id; `null` where the event is its key.
    pub transaction_id: Option<String>,
    /// In or out.
    #[serde(rename = "type")]
    pub kind: TransactionKind,
    /// Whether it counts.
    pub state: TransactionState,
    /// How much: above zero, for withdrawals too.
    pub amount: Amount,
    /// In what.
    pub currency: Currency,
    /// True where the platform did not say the currency: it is the account's, or else the default.
    pub currency_assumed: bool,
    /// Into or out of which account.
    pub account_id: Option<String>,
    /// Which part of it.
    pub subaccount_id: Option<String>,
    /// What kind of money.
    pub fund_type: Option<FundType>,
    /// How it was paid, as sent.
    pub method: Option<String>,
    /// What was charged for it, in the same currency.
    pub fee: Option<Amount>,
    /// An id at a third party.
    pub external_id: Option<String>,
    /// Why, as sent.
    pub reason: Option<String>,
    /// The event that told of it first.
    pub event_id: EventId,
    /// When it was completed, as far as is known.
    pub completed_at: Timestamp,
    /// When we heard of it.
    pub created_at: Timestamp,
    /// When it last changed here.
    pub updated_at: Timestamp,
}

/// In or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionKind {
    /// Money came in.
    Deposit,
    /// Money went out.
    Withdrawal,
}

impl TransactionKind {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Withdrawal => "withdrawal",
        }
    }
}

/// Whether a transaction counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionState {
    /// It does.
    Completed,
    /// Other facts stand under the same key; staff have to decide.
    Conflict,
    /// Staff decided for other facts.
    Rejected,
}

impl TransactionKind {
    /// The kind with this word, exactly as [`Self::as_str`] writes it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Deposit, Self::Withdrawal].into_iter().find(|kind| kind.as_str() == word)
    }
}

impl TransactionState {
    /// The state with this word, exactly as [`Self::as_str`] writes it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Completed, Self::Conflict, Self::Rejected].into_iter().find(|state| state.as_str() == word)
    }

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
        }
    }
}

/// What the completed transactions of one currency and one kind of money come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Total {
    /// In what.
    pub currency: Currency,
    /// What kind of money; `null` for transactions that do not say.
    pub fund_type: Option<FundType>,
    /// All that came in.
    pub deposits: Sum,
    /// All that went out.
    pub withdrawals: Sum,
    /// The first less the second.
    pub net: Sum,
}
