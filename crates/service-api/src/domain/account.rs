//! A trading account as statements of events make it. Which account a statement without a name means is not decided here but when
//! the accounts are read: see [`super::account_view`].

use contract::clock::Timestamp;
use contract::events::{AccountStatus, AccountType, AccountUpdated};
use contract::ids::{AccountRef, ClientRef};
use contract::money::Amount;
use serde::{Deserialize, Serialize};

use super::client::EARLIEST;
use super::facts::{Facts, Heard, state};
use super::order::OrderKey;

/// A field of an account that events state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum AccountField {
    ParentAccountId,
    Login,
    Platform,
    Type,
    Group,
    Name,
    Currency,
    Leverage,
    Balance,
    Equity,
    Credit,
    Margin,
    FreeMargin,
    MarginLevel,
    Status,
    CreatedAt,
}

impl AccountField {
    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ParentAccountId => "parentAccountId",
            Self::Login => "login",
            Self::Platform => "platform",
            Self::Type => "type",
            Self::Group => "group",
            Self::Name => "name",
            Self::Currency => "currency",
            Self::Leverage => "leverage",
            Self::Balance => "balance",
            Self::Equity => "equity",
            Self::Credit => "credit",
            Self::Margin => "margin",
            Self::FreeMargin => "freeMargin",
            Self::MarginLevel => "marginLevel",
            Self::Status => "status",
            Self::CreatedAt => "createdAt",
        }
    }
}

/// What an account is found by. `server` is empty where the platform named none, `account_id` where the event named none; then the
/// account is its client's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AccountKey {
    pub(crate) source: String,
    pub(crate) server: String,
    pub(crate) account_id: String,
    /// The client, for an account without a name.
    pub(crate) nameless_of: Option<ClientRef>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: AccountRef,
    pub(crate) client: ClientRef,
    pub(crate) source: String,
    pub(crate) server: String,
    pub(crate) account_id: String,
    pub(crate) facts: Facts<AccountField>,
    /// When we made the record.
    pub(crate) created_at: Timestamp,
    /// When we last changed it.
    pub(crate) updated_at: Timestamp,
    /// Grows by one with every change.
    pub(crate) version: i64,
}

impl AccountKey {
    /// The account that an event of this client is about; `None` if it says nothing of any.
    pub(crate) fn of(source: &str, said: &AccountUpdated, client: ClientRef) -> Option<Self> {
        let name = said.account_id.clone().filter(|id| !id.is_empty());
        if name.is_none() && statements(said).next().is_none() {
            return None;
        }
        Some(Self {
            source: source.to_owned(),
            server: said.server.clone().unwrap_or_default(),
            nameless_of: name.is_none().then_some(client),
            account_id: name.unwrap_or_default(),
        })
    }
}

impl Account {
    /// An account of which nothing is known yet but its key.
    pub(crate) fn new(id: AccountRef, client: ClientRef, key: &AccountKey, now: Timestamp) -> Self {
        Self {
            id,
            client,
            source: key.source.clone(),
            server: key.server.clone(),
            account_id: key.account_id.clone(),
            facts: Facts::new(),
            created_at: now,
            updated_at: now,
            version: 0,
        }
    }

    /// The key it is found by.
    pub(crate) fn key(&self) -> AccountKey {
        AccountKey {
            source: self.source.clone(),
            server: self.server.clone(),
            account_id: self.account_id.clone(),
            nameless_of: self.account_id.is_empty().then_some(self.client),
        }
    }

    /// What the field holds.
    pub(crate) fn value(&self, field: AccountField) -> Option<&str> {
        self.facts.get(&field).map(|fact| fact.value.as_str())
    }

    /// Takes a statement to heart. What it does not say stays.
    pub(crate) fn hear(&mut self, said: &AccountUpdated, order: OrderKey, now: Timestamp) -> Heard {
        let mut heard = Heard::default();
        for (field, value) in statements(said) {
            heard.note(field.name(), state(&mut self.facts, field, &value, order));
        }
        if !heard.changed.is_empty() {
            self.touch(now);
        }
        heard
    }

    /// Takes over all that was said of the same account under another client's record.
    pub(crate) fn absorb(&mut self, other: Facts<AccountField>, now: Timestamp) {
        super::facts::absorb(&mut self.facts, other);
        self.touch(now);
    }

    /// Moves to another record of the same person.
    pub(crate) fn move_to(&mut self, client: ClientRef, now: Timestamp) {
        self.client = client;
        self.touch(now);
    }

    fn touch(&mut self, now: Timestamp) {
        self.updated_at = self.updated_at.max(now);
        self.version = self.version.saturating_add(1);
    }
}

/// What an event says about the account, each value as text: amounts in plain notation, times in RFC 3339, words as the wire has them.
fn statements(said: &AccountUpdated) -> impl Iterator<Item = (AccountField, String)> {
    let word = |value: Option<&'static str>| value.map(str::to_owned);
    let amount = |value: &Option<Amount>| value.as_ref().map(ToString::to_string);
    [
        (AccountField::ParentAccountId, said.parent_account_id.clone().filter(|id| !id.is_empty())),
        (AccountField::Login, said.login.clone()),
        (AccountField::Platform, said.platform.clone()),
        (AccountField::Type, word(said.account_type.map(AccountType::as_str))),
        (AccountField::Group, said.group.clone()),
        (AccountField::Name, said.name.clone()),
        (AccountField::Currency, said.currency.as_ref().map(ToString::to_string)),
        (AccountField::Leverage, said.leverage.as_ref().map(|leverage| leverage.text.clone())),
        (AccountField::Balance, amount(&said.balance)),
        (AccountField::Equity, amount(&said.equity)),
        (AccountField::Credit, amount(&said.credit)),
        (AccountField::Margin, amount(&said.margin)),
        (AccountField::FreeMargin, amount(&said.free_margin)),
        (AccountField::MarginLevel, amount(&said.margin_level)),
        (AccountField::Status, word(said.status.map(AccountStatus::as_str))),
        (AccountField::CreatedAt, said.created_at.map(|at| at.max(EARLIEST).to_string())),
    ]
    .into_iter()
    .filter_map(|(field, value)| Some((field, value?)))
}
