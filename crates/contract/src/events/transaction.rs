//! `deposit.completed` and `withdrawal.completed`: money came in, or went out. Both carry the same data.

use serde::{Deserialize, Serialize};

use super::fields::{Fields, Found};
use crate::clock::Timestamp;
use crate::money::{Amount, Currency};

/// The data of `deposit.completed` and `withdrawal.completed`. Email or clientId is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    /// The platform's id of the client.
    pub client_id: Option<String>,
    /// The client's address, byte for byte as sent.
    pub email: Option<String>,
    /// The platform's id of the transaction. Without one the event is its key (flagged `unkeyed`).
    pub transaction_id: Option<String>,
    /// How much: above zero, for withdrawals too.
    pub amount: Amount,
    /// In what. Without one it is the account's currency, else the default.
    pub currency: Option<Currency>,
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
    /// An id at a third party: a payment provider's, a bank's.
    pub external_id: Option<String>,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// Why, as sent.
    pub reason: Option<String>,
}

/// What kind of money a transaction moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FundType {
    /// The client's own.
    Real,
    /// Play money.
    Demo,
    /// Given by the broker.
    Bonus,
    /// Lent by the broker.
    Credit,
}

impl FundType {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Real, Self::Demo, Self::Bonus, Self::Credit];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Demo => "demo",
            Self::Bonus => "bonus",
            Self::Credit => "credit",
        }
    }

    /// The one with this word, exactly as [`Self::as_str`] writes it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

const FUND_TYPES: &[(&str, FundType)] = &[
    ("real", FundType::Real),
    ("demo", FundType::Demo),
    ("bonus", FundType::Bonus),
    ("credit", FundType::Credit),
    ("live", FundType::Real),
];

impl Transaction {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut person = fields.person("clientId");
        let email = person.one_email(fields);
        let currency = fields.optional(fields.currency("currency"));
        let amount = fields.needed("amount", positive(fields, "amount", currency.as_ref()));
        let fee = fields.optional(fields.amount("fee", currency.as_ref()));
        let [transaction_id, account_id, subaccount_id, external_id] =
            fields.all(["transactionId", "accountId", "subaccountId", "externalId"], Fields::id);
        if transaction_id.is_none() {
            let detail = "There is no usable transactionId; the event is its own key.";
            fields.warnings.push(fields.fault("transactionId", "unkeyed", detail));
        }
        let [method, reason] = fields.all(["method", "reason"], Fields::text);
        let fund_type = fields.optional(fields.word("fundType", FUND_TYPES));
        let completed_at = fields.optional(fields.time("completedAt"));
        let amount = amount.filter(|_| fields.errors.is_empty())?;
        Some(Self {
            client_id: person.client_id,
            email,
            transaction_id,
            amount,
            currency,
            account_id,
            subaccount_id,
            fund_type,
            method,
            fee,
            external_id,
            completed_at,
            reason,
        })
    }
}

fn positive(fields: &Fields<'_>, name: &str, currency: Option<&Currency>) -> Found<Amount> {
    match fields.amount(name, currency)? {
        Some(amount) if !amount.is_positive() => {
            Err(fields.fault(name, "not_positive", "This has to be above zero."))
        }
        amount => Ok(amount),
    }
}
