//! Trading accounts, as `GET /accounts/:clientEmail` answers them.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::events::{AccountStatus, AccountType, Warning};
use crate::money::{Amount, Currency};

/// The answer to `GET /accounts/:clientEmail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountList {
    /// The platform's id of the client.
    pub client_id: Option<String>,
    /// The client's address, byte for byte as the platform last sent it.
    pub email: Option<String>,
    /// The accounts, each with its subaccounts.
    pub accounts: Vec<AccountTree>,
    /// Accounts whose parent can't be: they stand at the top. Absent when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// An account with its subaccounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountTree {
    /// The account.
    #[serde(flatten)]
    pub account: AccountRecord,
    /// Its subaccounts, one level deep.
    pub subaccounts: Vec<AccountRecord>,
}

/// One account or subaccount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountRecord {
    /// The platform's id of the account; `default` where it never named one.
    pub account_id: String,
    /// The account this is a part of. Absent on accounts of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_account_id: Option<String>,
    /// What the client logs in with.
    pub login: Option<String>,
    /// The trading platform as sent.
    pub platform: Option<String>,
    /// The server; part of the account's key.
    pub server: Option<String>,
    /// What kind of account.
    #[serde(rename = "type")]
    pub account_type: Option<AccountType>,
    /// The group of accounts as sent.
    pub group: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// What its money is in.
    pub currency: Option<Currency>,
    /// How far its money is multiplied; `null` where that is no number.
    pub leverage: Option<i64>,
    /// The leverage as people write it: `1:100`, `unlimited`.
    pub leverage_text: Option<String>,
    /// Money in it.
    pub balance: Option<Amount>,
    /// Balance with open positions counted in.
    pub equity: Option<Amount>,
    /// Money lent by the broker.
    pub credit: Option<Amount>,
    /// Money bound by open positions.
    pub margin: Option<Amount>,
    /// Money not bound.
    pub free_margin: Option<Amount>,
    /// Equity over margin, in percent.
    pub margin_level: Option<Amount>,
    /// What the account may do.
    pub status: Option<AccountStatus>,
    /// When it was opened, as far as is known.
    pub created_at: Timestamp,
    /// When it last changed here.
    pub updated_at: Timestamp,
}
