//! Staff decide whose an account is. It goes to its new owner with all that was said of it, and with its subaccounts.

use std::collections::BTreeSet;

use contract::ids::ClientRef;

use super::account::{Account, AccountField};
use super::standing::Refusal;

/// An account that went from one client to another, for the activities of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) account_id: String,
    pub(crate) from: ClientRef,
    pub(crate) to: ClientRef,
    /// The names of its subaccounts, which went with it.
    pub(crate) parts: BTreeSet<String>,
}

/// Of these accounts those that go from one client to the other when this one does; none if it is there already. What was said of
/// it without a server goes along, unless it may be about a namesake on another server.
///
/// # Errors
/// [`Refusal::NoAccount`], [`Refusal::SeveralServers`].
pub(crate) fn moving(
    accounts: &[Account],
    account_id: &str,
    server: Option<&str>,
    (from, to): (ClientRef, ClientRef),
) -> Result<Vec<Account>, Refusal> {
    let is_it = |one: &Account| one.account_id == account_id;
    let servers: BTreeSet<&str> = accounts
        .iter()
        .filter(|one| is_it(one) && one.client == from && !one.server.is_empty())
        .map(|one| one.server.as_str())
        .collect();
    let alone = servers.len() <= 1;
    if server.is_none() && !alone {
        return Err(Refusal::SeveralServers);
    }
    let on_it = |one: &Account| match server {
        Some(server) => one.server == server || (alone && one.server.is_empty()),
        None => true,
    };
    if from == to || !accounts.iter().any(|one| is_it(one) && on_it(one) && one.client == from) {
        let there = accounts.iter().any(|one| is_it(one) && on_it(one) && one.client == to);
        return if there { Ok(Vec::new()) } else { Err(Refusal::NoAccount) };
    }
    let belongs = |one: &Account| is_it(one) || one.value(AccountField::ParentAccountId) == Some(account_id);
    Ok(accounts.iter().filter(|one| one.client == from && belongs(one) && on_it(one)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use contract::clock::Timestamp;
    use contract::ids::AccountRef;

    use super::*;
    use crate::domain::account::AccountKey;
    use crate::domain::facts::Fact;

    fn client(n: u8) -> ClientRef {
        ClientRef::new(Timestamp::from_micros(0), [n; 10])
    }

    fn account(of: u8, name: &str, server: &str, parent: Option<&str>) -> Account {
        let (now, id) = (Timestamp::from_micros(0), AccountRef::new(Timestamp::from_micros(0), [1; 10]));
        let (source, server, account_id) = ("site".to_owned(), server.to_owned(), name.to_owned());
        let key = AccountKey { source, server, account_id, nameless_of: None };
        let mut account = Account::new(id, client(of), &key, now);
        if let Some(parent) = parent {
            let fact = Fact { value: parent.to_owned(), order: (0, None, 0).into() };
            account.facts.insert(AccountField::ParentAccountId, fact);
        }
        account
    }

    /// The names and servers of what moves from client 1 to client 2.
    fn moves(accounts: &[Account], server: Option<&str>) -> Result<Vec<(String, String)>, Refusal> {
        let moving = moving(accounts, "50", server, (client(1), client(2)))?;
        Ok(moving.into_iter().map(|one| (one.account_id, one.server)).collect())
    }

    fn named(names: &[(&str, &str)]) -> Result<Vec<(String, String)>, Refusal> {
        Ok(names.iter().map(|(id, server)| ((*id).to_owned(), (*server).to_owned())).collect())
    }

    #[test]
    fn an_account_goes_with_its_own_subaccounts_alone() {
        let accounts = [
            account(1, "50", "s1", None),
            account(1, "50", "", None),
            account(1, "51", "s1", Some("50")),
            account(1, "52", "s1", Some("60")),
            account(1, "60", "s1", None),
            account(2, "53", "s1", Some("50")),
        ];
        let goes = named(&[("50", "s1"), ("50", ""), ("51", "s1")]);
        assert_eq!(moves(&accounts, None), goes);
        assert_eq!(moves(&accounts, Some("s1")), goes);
        assert_eq!(moves(&accounts, Some("s2")), named(&[("50", "")]), "what names no server may be on this");
    }

    #[test]
    fn of_several_servers_one_has_to_be_named() {
        let accounts = [
            account(1, "50", "s1", None),
            account(1, "50", "s2", None),
            account(1, "50", "", None),
            account(1, "51", "s2", Some("50")),
        ];
        assert_eq!(moves(&accounts, None), Err(Refusal::SeveralServers));
        assert_eq!(moves(&accounts, Some("s2")), named(&[("50", "s2"), ("51", "s2")]));
        assert_eq!(moves(&accounts, Some("s3")), Err(Refusal::NoAccount));
    }

    #[test]
    fn what_is_there_already_does_not_move() {
        assert_eq!(moves(&[], None), Err(Refusal::NoAccount));
        assert_eq!(moves(&[account(3, "50", "s1", None)], None), Err(Refusal::NoAccount));
        let there = [account(2, "50", "s1", None), account(1, "51", "s1", Some("50"))];
        assert_eq!(moves(&there, None), Ok(Vec::new()));
        let own = moving(&[account(1, "50", "", None)], "50", None, (client(1), client(1)));
        assert_eq!(own, Ok(Vec::new()));
    }
}
