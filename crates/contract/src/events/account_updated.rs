//! `account.updated`: a trading account changed, or the profile of the person who has it.

use serde::{Deserialize, Serialize};

use super::client_registered::Profile;
use super::fields::{Fields, Found};
use crate::clock::Timestamp;
use crate::json::Json;
use crate::money::{Amount, Currency};

/// The data of `account.updated`. One of `client_id`, `client_email` and `email` is there. What is absent says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountUpdated {
    /// The platform's id of the client.
    pub client_id: Option<String>,
    /// Whom it is about, where no `client_id` says so.
    pub client_email: Option<String>,
    /// The client's address from now on; also whom it is about, where nothing else says so.
    pub email: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Telephone number as sent.
    pub phone: Option<String>,
    /// Country as sent.
    pub country: Option<String>,
    /// Language as sent.
    pub language: Option<String>,
    /// The platform's id of the account; without one it is the client's only account, or the one named `default`.
    pub account_id: Option<String>,
    /// The account this is a part of.
    pub parent_account_id: Option<String>,
    /// What the client logs in with.
    pub login: Option<String>,
    /// The trading platform, as sent: MT4, MT5, cTrader.
    pub platform: Option<String>,
    /// The server; part of the account's key.
    pub server: Option<String>,
    /// What kind of account.
    #[serde(rename = "type")]
    pub account_type: Option<AccountType>,
    /// The group of accounts it belongs to, as sent.
    pub group: Option<String>,
    /// What the account is called.
    pub name: Option<String>,
    /// What its money is in.
    pub currency: Option<Currency>,
    /// How far its money is multiplied.
    pub leverage: Option<Leverage>,
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
    /// When it was opened.
    pub created_at: Option<Timestamp>,
    /// When it changed.
    pub updated_at: Option<Timestamp>,
}

/// What kind of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// Real money.
    Live,
    /// Play money.
    Demo,
    /// Play money, for a prize.
    Contest,
}

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// Everything.
    Active,
    /// Close positions, open none.
    CloseOnly,
    /// Log in, not trade.
    TradingDisabled,
    /// Not even log in.
    LoginDisabled,
    /// Nothing any more.
    Closed,
}

impl AccountType {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::Live, Self::Demo, Self::Contest];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Demo => "demo",
            Self::Contest => "contest",
        }
    }

    /// The one with this word, exactly as [`Self::as_str`] writes it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

impl AccountStatus {
    /// Every one of them.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::CloseOnly, Self::TradingDisabled, Self::LoginDisabled, Self::Closed];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::CloseOnly => "close_only",
            Self::TradingDisabled => "trading_disabled",
            Self::LoginDisabled => "login_disabled",
            Self::Closed => "closed",
        }
    }

    /// The one with this word, exactly as [`Self::as_str`] writes it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

const TYPES: &[(&str, AccountType)] = &[
    ("live", AccountType::Live),
    ("demo", AccountType::Demo),
    ("contest", AccountType::Contest),
    ("real", AccountType::Live),
];

const STATUSES: &[(&str, AccountStatus)] = &[
    ("active", AccountStatus::Active),
    ("close_only", AccountStatus::CloseOnly),
    ("trading_disabled", AccountStatus::TradingDisabled),
    ("login_disabled", AccountStatus::LoginDisabled),
    ("closed", AccountStatus::Closed),
];

/// How far an account's money is multiplied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leverage {
    /// 100 for 1:100; `None` for unlimited.
    pub ratio: Option<u32>,
    /// The same for people: `1:100`, `unlimited`.
    pub text: String,
}

impl Leverage {
    /// The leverage that is written so for people, as this type writes it.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        Self::read(&Json::String(text.to_owned()))
    }

    /// Reads 100, `"100"`, `"1:100"` (whole, from 1) or `"unlimited"` in any case.
    fn read(json: &Json) -> Option<Self> {
        let number = match json {
            Json::String(text) if text.trim().eq_ignore_ascii_case("unlimited") => {
                return Some(Self { ratio: None, text: "unlimited".to_owned() });
            }
            Json::String(text) => match text.split_once(':') {
                Some((one, ratio)) if one.trim() == "1" => Json::Number(ratio.trim().to_owned()),
                Some(_) => return None,
                None => Json::Number(text.trim().to_owned()),
            },
            number => number.clone(),
        };
        let ratio = super::fields::read_integer(&number).and_then(|ratio| u32::try_from(ratio).ok())?;
        (ratio > 0).then(|| Self { ratio: Some(ratio), text: format!("1:{ratio}") })
    }
}

impl AccountUpdated {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let person = fields.person("clientId");
        let Profile { first_name, last_name, phone, country, language } = Profile::read(fields);
        let [account_id, parent_account_id, login, server] =
            fields.all(["accountId", "parentAccountId", "login", "server"], Fields::id);
        let [platform, name] = fields.all(["platform", "name"], Fields::text);
        let group = fields.optional(fields.text_or_integer("group"));
        let account_type = fields.optional(fields.word("type", TYPES));
        let status = fields.optional(fields.word("status", STATUSES));
        let currency = fields.optional(fields.currency("currency"));
        let leverage = fields.optional(leverage(fields, "leverage"));
        let money = ["balance", "equity", "credit", "margin", "freeMargin", "marginLevel"];
        let [balance, equity, credit, margin, free_margin, margin_level] =
            fields.all(money, |fields, name| fields.amount(name, currency.as_ref()));
        let [created_at, updated_at] = fields.all(["createdAt", "updatedAt"], Fields::time);
        fields.errors.is_empty().then_some(Self {
            client_id: person.client_id,
            client_email: person.client_email,
            email: person.email,
            first_name,
            last_name,
            phone,
            country,
            language,
            account_id,
            parent_account_id,
            login,
            platform,
            server,
            account_type,
            group,
            name,
            currency,
            leverage,
            balance,
            equity,
            credit,
            margin,
            free_margin,
            margin_level,
            status,
            created_at,
            updated_at,
        })
    }
}

fn leverage(fields: &Fields<'_>, name: &str) -> Found<Leverage> {
    fields.read(name, "Leverage is a whole number, \"1:100\" or \"unlimited\".", Leverage::read)
}
