//! The accounts and transactions that a batch of events may touch. A ledger is handed those that are there, under locks, applies
//! what events say, and remembers what changed. Whose they are is [`super::book`]'s to decide.
//!
//! Under one key there may be any number of transactions, where a platform uses it for all. So a ledger needs of each key only those
//! with the amounts that are told, and the last one: where that stands in conflict, they all do.

use std::collections::{BTreeMap, BTreeSet};

use contract::clock::Timestamp;
use contract::events::AccountUpdated;
use contract::ids::{AccountRef, ClientRef, TransactionRef};

use super::account::{Account, AccountKey};
use super::book::{Book, Merged};
use super::facts::Heard;
use super::order::OrderKey;
use super::transaction::{self, Telling, Told, Transaction, TransactionKey};

/// Accounts and transactions, and what changed since they were loaded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    accounts: BTreeMap<AccountKey, Account>,
    transactions: BTreeMap<TransactionKey, BTreeMap<i32, Transaction>>,
    changed_accounts: BTreeSet<AccountKey>,
    /// Transactions as they were loaded.
    loaded: BTreeMap<TransactionRef, Transaction>,
    /// Keys under which a conflict began.
    in_conflict: BTreeSet<TransactionKey>,
    /// Accounts that were folded into another.
    gone: BTreeSet<AccountRef>,
}

/// What is to be written, everything sorted by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LedgerChanges {
    pub(crate) accounts: Vec<Account>,
    pub(crate) gone: Vec<AccountRef>,
    /// Keys whose transactions all stand in conflict from now on, also those that are not in the ledger.
    pub(crate) in_conflict: Vec<TransactionKey>,
    pub(crate) transactions: Vec<Transaction>,
}

/// The account is another client's, who can't be the same person, and stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AnothersAccount;

impl Ledger {
    /// A ledger of these.
    pub(crate) fn new(
        accounts: impl IntoIterator<Item = Account>,
        transactions: impl IntoIterator<Item = Transaction>,
    ) -> Self {
        let mut ledger = Self::default();
        for account in accounts {
            ledger.accounts.insert(account.key(), account);
        }
        for one in transactions {
            ledger.loaded.insert(one.id, one.clone());
            ledger.transactions.entry(one.key.clone()).or_default().insert(one.variant, one);
        }
        ledger
    }

    /// Applies what an event says about an account of this client. `None` where it says nothing of any.
    ///
    /// # Errors
    /// [`AnothersAccount`]; nothing changed.
    pub(crate) fn hear_account(
        &mut self,
        key: &AccountKey,
        said: &AccountUpdated,
        client: ClientRef,
        order: OrderKey,
        (now, new_id): (Timestamp, AccountRef),
        book: &Book,
    ) -> Result<(Heard, bool), AnothersAccount> {
        let new = !self.accounts.contains_key(key);
        let account =
            self.accounts.entry(key.clone()).or_insert_with(|| Account::new(new_id, client, key, now));
        let owner = book.owner(account.client, client).ok_or(AnothersAccount)?;
        let mut heard = account.hear(said, order, now);
        if owner != account.client {
            account.move_to(owner, now);
            heard.changes("clientId");
        }
        if new || !heard.is_overtaken() {
            self.changed_accounts.insert(key.clone());
        }
        Ok((heard, new))
    }

    /// Applies what an event tells of a transaction.
    pub(crate) fn tell(&mut self, key: &TransactionKey, telling: Telling<'_>, book: &Book) -> Told {
        let variants = self.transactions.entry(key.clone()).or_default();
        let told = transaction::tell(variants, key, telling, |holder, teller| book.owner(holder, teller));
        if told.opens_conflict {
            self.in_conflict.insert(key.clone());
        }
        told
    }

    /// What belonged to the first record belongs to the second from now on, as far as it is in this ledger.
    pub(crate) fn hand_over(&mut self, merged: Merged, now: Timestamp) {
        let Merged { from, into } = merged;
        let theirs: Vec<AccountKey> =
            self.accounts.values().filter(|account| account.client == from).map(Account::key).collect();
        for key in theirs {
            let Some(mut account) = self.accounts.remove(&key) else { continue };
            self.changed_accounts.remove(&key);
            account.move_to(into, now);
            let key = account.key();
            match self.accounts.get_mut(&key) {
                Some(known) => {
                    known.absorb(account.facts, now);
                    self.gone.insert(account.id);
                }
                None => _ = self.accounts.insert(key.clone(), account),
            }
            self.changed_accounts.insert(key);
        }
        let transactions = self.transactions.values_mut().flat_map(BTreeMap::values_mut);
        transactions.filter(|one| one.client == from).for_each(|one| one.client = into);
    }

    /// What is to be written.
    pub(crate) fn into_changes(mut self) -> LedgerChanges {
        let accounts = self.changed_accounts.iter().filter_map(|key| self.accounts.remove(key)).collect();
        let told = self.transactions.into_values().flat_map(BTreeMap::into_values);
        let transactions = told.filter(|one| self.loaded.get(&one.id) != Some(one)).collect();
        let (gone, in_conflict) = (self.gone.into_iter().collect(), self.in_conflict.into_iter().collect());
        LedgerChanges { accounts, gone, in_conflict, transactions }
    }
}
