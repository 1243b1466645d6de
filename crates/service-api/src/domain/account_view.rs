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

/// Account and server: what tells a client's accounts apart.
type Key = (String, String);

/// The accounts as they are shown, and what is wrong with their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AccountView {
    pub(crate) accounts: Vec<AccountTree>,
    pub(crate) warnings: Vec<Warning>,
}

/// All statements about each of a client's accounts, put together; least key first.
pub(crate) fn resolved(accounts: Vec<Account>) -> Vec<Account> {
    let mut sorted: BTreeMap<Key, Account> = BTreeMap::new();
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
    let named = tops(&sorted);
    // Those that name no server come last: where no account has a name, they mean what the others stand as.
    nameless.sort_by_key(|account| (account.server.is_empty(), account.server.clone()));
    for mut account in nameless {
        let candidates = if named.is_empty() { tops(&sorted) } else { named.clone() };
        let of_server = |(_, server): &Key| account.server.is_empty() || *server == account.server;
        let candidates: Vec<Key> = candidates.into_iter().filter(of_server).collect();
        let meant = match candidates.as_slice() {
            [_] => candidates,
            _ => candidates.into_iter().filter(|(id, _)| id == DEFAULT).collect(),
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

/// The client's account that is meant where a transaction names this one, or none. Of several with one name none is.
pub(crate) fn meant<'a>(resolved: &'a [Account], account_id: Option<&str>) -> Option<&'a Account> {
    let named = |id| only(resolved.iter().filter(move |account| account.account_id == id));
    match account_id {
        Some(id) => named(id),
        None => only(resolved.iter().filter(|one| one.value(AccountField::ParentAccountId).is_none()))
            .or_else(|| named(DEFAULT)),
    }
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    found.next().filter(|_| found.next().is_none())
}

fn key(account: &Account) -> Key {
    (account.account_id.clone(), account.server.clone())
}

/// The accounts that are no part of another.
fn tops(sorted: &BTreeMap<Key, Account>) -> Vec<Key> {
    let is_top = |account: &&Account| account.value(AccountField::ParentAccountId).is_none();
    sorted.values().filter(is_top).map(key).collect()
}

/// Puts a statement to the one account that it means, or by itself if that is not exactly one.
fn place(sorted: &mut BTreeMap<Key, Account>, meant: &[Key], account: Account) {
    match meant {
        [one] => {
            if let Some(known) = sorted.get_mut(one) {
                fold(known, account);
            }
        }
        _ => add(sorted, account),
    }
}

fn add(sorted: &mut BTreeMap<Key, Account>, account: Account) {
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

#[cfg(test)]
mod tests {
    use contract::ids::{AccountRef, ClientRef};
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::account::AccountKey;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    /// The row that holds what was said at this second of an account; '' for a name that was not said.
    fn row(second: i64, server: &str, account_id: &str, said: &Value) -> Account {
        let client = ClientRef::new(time(0), [0; 10]);
        let random = [u8::try_from(second).expect("few"); 10];
        let nameless_of = account_id.is_empty().then_some(client);
        let (server, account_id) = (server.to_owned(), account_id.to_owned());
        let key = AccountKey { source: "site".to_owned(), server, account_id, nameless_of };
        let mut account = Account::new(AccountRef::new(time(second), random), client, &key, time(second));
        let said = serde_json::from_value(said.clone()).expect("what an event says");
        account.hear(&said, (second * 1_000_000, None, second).into(), time(second));
        account
    }

    /// Each account as `server/name balance currency`, its subaccounts behind it; and where the warnings point.
    fn shown(rows: &[Account]) -> (Vec<String>, Vec<String>) {
        let view = view(rows.to_vec());
        let mut reversed = rows.to_vec();
        reversed.reverse();
        assert_eq!(super::view(reversed), view, "the order of the rows makes no difference");
        let text = |one: &AccountRecord| {
            let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
            let balance = or_none(one.balance.as_ref().map(ToString::to_string));
            let currency = or_none(one.currency.as_ref().map(ToString::to_string));
            format!("{}/{} {balance} {currency}", one.server.as_deref().unwrap_or("-"), one.account_id)
        };
        let tree = |tree: &AccountTree| {
            let parts: Vec<_> = tree.subaccounts.iter().map(text).collect();
            [vec![text(&tree.account)], parts].concat().join(" > ")
        };
        let pointers = view.warnings.iter().map(|warning| warning.pointer.clone()).collect();
        (view.accounts.iter().map(tree).collect(), pointers)
    }

    fn balance(amount: &str) -> Value {
        json!({ "balance": amount })
    }

    #[test]
    fn a_nameless_statement_means_the_only_account() {
        let only = row(1, "S", "50", &json!({"balance": "1", "currency": "EUR"}));
        let newer = row(2, "", "", &balance("2"));
        assert_eq!(shown(&[only.clone(), newer]).0, ["S/50 2 EUR"]);
        let older = row(0, "S", "", &json!({"balance": "0", "currency": "USD"}));
        assert_eq!(
            shown(&[only.clone(), older]).0,
            ["S/50 1 EUR"],
            "the newer statement stands, field by field"
        );
        let part = row(3, "S", "51", &json!({"parentAccountId": "50"}));
        let nameless = row(4, "", "", &balance("4"));
        assert_eq!(
            shown(&[only.clone(), part, nameless]).0,
            ["S/50 4 EUR > S/51 - -"],
            "a part is not counted"
        );
        let elsewhere = row(5, "T", "", &balance("5"));
        assert_eq!(
            shown(&[only.clone(), elsewhere.clone()]).0,
            ["S/50 1 EUR", "T/default 5 -"],
            "another server's is another"
        );
        let bare = row(6, "", "", &balance("6"));
        assert_eq!(
            shown(&[only, elsewhere, bare]).0,
            ["S/50 6 EUR", "T/default 5 -"],
            "one with a name comes first"
        );
    }

    #[test]
    fn a_nameless_statement_means_default_among_several_or_stands_by_itself() {
        let (one, other) = (row(1, "", "50", &balance("1")), row(2, "", "60", &balance("2")));
        let nameless = row(4, "", "", &balance("4"));
        assert_eq!(
            shown(&[one.clone(), other.clone(), nameless.clone()]).0,
            ["-/50 1 -", "-/60 2 -", "-/default 4 -"]
        );
        let default = row(3, "S", "default", &json!({"balance": "3", "currency": "EUR"}));
        assert_eq!(
            shown(&[one, other, default, nameless.clone()]).0,
            ["-/50 1 -", "-/60 2 -", "S/default 4 EUR"]
        );
        assert_eq!(shown(&[nameless]).0, ["-/default 4 -"]);
    }

    #[test]
    fn nameless_statements_with_and_without_a_server_are_about_one_account_where_they_can_be() {
        let (here, none) =
            (row(1, "S", "", &json!({"leverage": null, "currency": "EUR"})), row(2, "", "", &balance("2")));
        assert_eq!(shown(&[here.clone(), none.clone()]).0, ["S/default 2 EUR"]);
        let there = row(3, "T", "", &balance("3"));
        assert_eq!(
            shown(&[here, there, none]).0,
            ["-/default 2 -", "S/default - EUR", "T/default 3 -"],
            "which is unknown"
        );
    }

    #[test]
    fn a_statement_without_a_server_means_the_one_account_of_its_name() {
        let (named, bare) = (row(1, "S", "50", &json!({"currency": "EUR"})), row(2, "", "50", &balance("2")));
        assert_eq!(shown(&[named.clone(), bare.clone()]).0, ["S/50 2 EUR"]);
        let twin = row(3, "T", "50", &balance("3"));
        assert_eq!(
            shown(&[named, twin, bare.clone()]).0,
            ["-/50 2 -", "S/50 - EUR", "T/50 3 -"],
            "which is unknown"
        );
        assert_eq!(shown(&[bare]).0, ["-/50 2 -"]);
    }

    #[test]
    fn what_is_no_part_of_a_top_account_stands_at_the_top_with_a_warning() {
        let part = |second, name: &str, of: &str| row(second, "S", name, &json!({"parentAccountId": of}));
        let orphan = shown(&[part(1, "51", "50"), row(2, "S", "60", &balance("2"))]);
        assert_eq!(
            orphan,
            (vec!["S/51 - -".into(), "S/60 2 -".into()], vec!["/accounts/0/parentAccountId".into()])
        );
        let own = shown(&[part(1, "50", "50")]);
        assert_eq!(own, (vec!["S/50 - -".into()], vec!["/accounts/0/parentAccountId".into()]));
        let cycle = shown(&[part(1, "50", "51"), part(2, "51", "50")]);
        assert_eq!(cycle.0, ["S/50 - -", "S/51 - -"]);
        assert_eq!(cycle.1, ["/accounts/0/parentAccountId", "/accounts/1/parentAccountId"]);
        let grandchild = shown(&[row(1, "S", "50", &balance("1")), part(2, "51", "50"), part(3, "52", "51")]);
        assert_eq!(grandchild.0, ["S/50 1 - > S/51 - -", "S/52 - -"]);
        assert_eq!(grandchild.1, ["/accounts/1/parentAccountId"]);
    }

    #[test]
    fn a_part_belongs_to_the_account_of_its_own_server_before_others() {
        let (here, there) = (row(1, "S", "50", &balance("1")), row(2, "T", "50", &balance("2")));
        let part = row(3, "T", "51", &json!({"parentAccountId": "50"}));
        assert_eq!(shown(&[here.clone(), there, part.clone()]).0, ["S/50 1 -", "T/50 2 - > T/51 - -"]);
        assert_eq!(shown(&[here, part]), (vec!["S/50 1 - > T/51 - -".to_owned()], Vec::new()));
    }

    #[test]
    fn a_transaction_means_the_account_it_names_or_the_only_one_or_default() {
        let is = |rows: &[Account], named: Option<&str>| {
            let resolved = resolved(rows.to_vec());
            meant(&resolved, named).map(|account| format!("{}/{}", account.server, account.account_id))
        };
        let (one, twin) = (row(1, "S", "50", &balance("1")), row(2, "T", "50", &balance("2")));
        let default = row(3, "", "default", &balance("3"));
        let part = row(4, "S", "51", &json!({"parentAccountId": "50"}));
        let alone = [one.clone(), part];
        assert_eq!(is(&alone, None).as_deref(), Some("S/50"));
        assert_eq!(is(&alone, Some("51")).as_deref(), Some("S/51"));
        assert_eq!(is(&alone, Some("60")), None);
        let three = [one.clone(), twin.clone(), default.clone()];
        assert_eq!((is(&three, Some("50")), is(&three, None).as_deref()), (None, Some("/default")));
        assert_eq!(is(&[one, twin], None), None);
        let elsewhere = row(5, "T", "default", &balance("5"));
        let more = row(6, "S", "default", &balance("6"));
        assert_eq!(
            is(&[elsewhere, more], Some("default")),
            None,
            "never the one of them that happens to be first"
        );
    }
}
