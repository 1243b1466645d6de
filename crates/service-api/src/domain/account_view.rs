//! A client's accounts as an answer shows them. Statements that name no server or no account are kept by themselves; which account
//! they mean is found out here, from all that is known now, so that it makes no difference which came first.
//!
//! - A statement that names an account and no server means the client's one account of that name, if there is exactly one.
//! - A statement that names no account means the client's only account (of that server, where it names one), else the account
//!   named `default`; while there is none of these, it stands as an account `default` of its own.
//! - Subaccounts stand under their account, one level deep. One whose parent is not there, or is itself a subaccount, stands at
//!   the top, with a warning.

use std::collections::BTreeMap;

use contract::clock::Timestamp;
use contract::events::{AccountStatus, AccountType, Leverage, Warning};
use contract::money::{Amount, Currency};
use contract::resources::{AccountRecord, AccountTree};

use super::account::{Account, AccountField};
use super::facts;

/// What an account is called that no statement names.
const DEFAULT: &str = "default";

/// The accounts as they are shown, and what is wrong with their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AccountView {
    pub(crate) accounts: Vec<AccountTree>,
    pub(crate) warnings: Vec<Warning>,
}

/// All statements about each of a client's accounts, put together; least key first.
pub(crate) fn resolved(accounts: Vec<Account>) -> Vec<Account> {
    let mut sorted: BTreeMap<(String, String), Account> = BTreeMap::new();
    let (mut nameless, mut serverless) = (Vec::new(), Vec::new());
    for account in accounts {
        match (account.account_id.is_empty(), account.server.is_empty()) {
            (true, _) => nameless.push(account),
            (false, true) => serverless.push(account),
            (false, false) => add(&mut sorted, account),
        }
    }
    for account in serverless {
        let namesakes: Vec<_> = sorted
            .keys()
            .filter(|(id, server)| *id == account.account_id && !server.is_empty())
            .cloned()
            .collect();
        place(&mut sorted, &namesakes, account);
    }
    nameless.sort_by(|one, other| one.server.cmp(&other.server));
    let named: Vec<_> = sorted
        .values()
        .map(|account| (key(account), account.value(AccountField::ParentAccountId).is_none()))
        .collect();
    for mut account in nameless {
        let of_server = |key: &(String, String)| account.server.is_empty() || key.1 == account.server;
        let tops: Vec<_> =
            named.iter().filter(|(key, top)| *top && of_server(key)).map(|(key, _)| key.clone()).collect();
        let meant = match tops.as_slice() {
            [_] => tops,
            _ => tops.into_iter().filter(|(id, _)| id == DEFAULT).collect(),
        };
        DEFAULT.clone_into(&mut account.account_id);
        place(&mut sorted, &meant, account);
    }
    sorted.into_values().collect()
}

/// The client's accounts, nested.
pub(crate) fn view(accounts: Vec<Account>) -> AccountView {
    let accounts = resolved(accounts);
    let parents: Vec<Option<usize>> = accounts.iter().map(|account| parent_of(account, &accounts)).collect();
    let mut view = AccountView::default();
    let mut trees: BTreeMap<usize, AccountTree> = BTreeMap::new();
    let mut below: Vec<(usize, AccountRecord)> = Vec::new();
    for (index, account) in accounts.iter().enumerate() {
        let is_part = account.value(AccountField::ParentAccountId).is_some();
        match parents.get(index).copied().flatten() {
            Some(parent) => below.push((parent, record(account))),
            None => {
                if is_part {
                    view.warnings.push(misplaced(trees.len()));
                }
                trees.insert(index, AccountTree { account: record(account), subaccounts: Vec::new() });
            }
        }
    }
    for (parent, record) in below {
        if let Some(tree) = trees.get_mut(&parent) {
            tree.subaccounts.push(record);
        }
    }
    view.accounts = trees.into_values().collect();
    view
}

/// The client's one account that is meant where a transaction names this one, or none.
pub(crate) fn meant<'a>(resolved: &'a [Account], account_id: Option<&str>) -> Option<&'a Account> {
    let candidates: Vec<&Account> = match account_id {
        Some(id) => resolved.iter().filter(|account| account.account_id == id).collect(),
        None => resolved.iter().filter(|one| one.value(AccountField::ParentAccountId).is_none()).collect(),
    };
    match candidates.as_slice() {
        [one] => Some(one),
        several => several.iter().find(|account| account.account_id == DEFAULT).copied(),
    }
}

fn key(account: &Account) -> (String, String) {
    (account.account_id.clone(), account.server.clone())
}

/// Puts a statement to the one account that it means, or by itself if that is not exactly one.
fn place(sorted: &mut BTreeMap<(String, String), Account>, meant: &[(String, String)], account: Account) {
    match meant {
        [one] => {
            if let Some(known) = sorted.get_mut(one) {
                fold(known, account);
            }
        }
        _ => add(sorted, account),
    }
}

fn add(sorted: &mut BTreeMap<(String, String), Account>, account: Account) {
    match sorted.get_mut(&key(&account)) {
        Some(known) => fold(known, account),
        None => _ = sorted.insert(key(&account), account),
    }
}

fn fold(known: &mut Account, other: Account) {
    known.created_at = known.created_at.min(other.created_at);
    known.updated_at = known.updated_at.max(other.updated_at);
    facts::absorb(&mut known.facts, other.facts);
}

/// The account that this one is a part of: one of the same server before others, and never one that is a part itself.
fn parent_of(account: &Account, all: &[Account]) -> Option<usize> {
    let name = account.value(AccountField::ParentAccountId)?;
    let tops = all
        .iter()
        .enumerate()
        .filter(|(_, one)| one.account_id == name && one.value(AccountField::ParentAccountId).is_none());
    tops.min_by_key(|(index, one)| (one.server != account.server, *index)).map(|(index, _)| index)
}

fn misplaced(index: usize) -> Warning {
    let detail = "The account that this one is a part of is not there, or is itself a part of another.";
    Warning::new(format!("/accounts/{index}/parentAccountId"), "parent_not_found", detail)
}

/// One account as the answer has it. What can't be read back, though we wrote it, is absent rather than wrong.
fn record(account: &Account) -> AccountRecord {
    let text = |field| account.value(field).map(str::to_owned);
    let amount = |field| account.value(field).and_then(|value| value.parse::<Amount>().ok());
    let leverage = account.value(AccountField::Leverage).and_then(Leverage::of_text);
    let opened = account.value(AccountField::CreatedAt).and_then(|at| Timestamp::parse_rfc3339(at).ok());
    AccountRecord {
        account_id: account.account_id.clone(),
        parent_account_id: text(AccountField::ParentAccountId),
        login: text(AccountField::Login),
        platform: text(AccountField::Platform),
        server: Some(account.server.clone()).filter(|server| !server.is_empty()),
        account_type: account.value(AccountField::Type).and_then(AccountType::parse),
        group: text(AccountField::Group),
        name: text(AccountField::Name),
        currency: account.value(AccountField::Currency).and_then(|code| code.parse::<Currency>().ok()),
        leverage: leverage.as_ref().and_then(|leverage| leverage.ratio).map(i64::from),
        leverage_text: leverage.map(|leverage| leverage.text),
        balance: amount(AccountField::Balance),
        equity: amount(AccountField::Equity),
        credit: amount(AccountField::Credit),
        margin: amount(AccountField::Margin),
        free_margin: amount(AccountField::FreeMargin),
        margin_level: amount(AccountField::MarginLevel),
        status: account.value(AccountField::Status).and_then(AccountStatus::parse),
        created_at: opened.unwrap_or(account.created_at),
        updated_at: account.updated_at,
    }
}
