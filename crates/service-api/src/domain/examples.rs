//! The rules by example, on a shelf of records that stands for the database. For tests only.

use std::collections::{BTreeMap, BTreeSet};

use contract::clock::Timestamp;
use contract::email::EmailKey;
use contract::events::{ClientRegistered, Event};
use contract::ids::{AccountRef, ClientRef, EventId, TransactionRef};
use contract::internal::ApplyEvent;
use contract::resources::{ClientRecord, ClientStatus};

use super::account::Account;
use super::book::{Book, Changes, Merged};
use super::client::Client;
use super::effects::{Effect, NewIds, Outcome, Records};
use super::identity::{Identity, Unfit, address};
use super::ledger::{Ledger, LedgerChanges};
use super::lookup;
use super::order::OrderKey;
use super::transaction::Transaction;

/// An event with its order key.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) event: Event,
    pub(super) order: OrderKey,
}

impl Told {
    /// As webhook-ingest hands it over. Its id follows from its intake number: told again, it is the same event.
    fn handed_over(&self) -> ApplyEvent {
        let OrderKey { effective, sequence, intake } = self.order;
        let mut random = [0; 10];
        random[..8].copy_from_slice(&intake.to_be_bytes());
        ApplyEvent {
            event_id: EventId::new(Timestamp::from_micros(0), random),
            source: "site".to_owned(),
            intake,
            sequence,
            effective_at: effective,
            received_at: effective,
            event: self.event.clone(),
        }
    }
}

pub(super) fn registration(client_id: Option<&str>, email: Option<&str>) -> ClientRegistered {
    ClientRegistered {
        client_id: client_id.map(str::to_owned),
        email: email.map(str::to_owned),
        first_name: None,
        last_name: None,
        phone: None,
        country: None,
        language: None,
        created_at: None,
    }
}

/// What the database would hold.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) clients: BTreeMap<ClientRef, Client>,
    /// Those that are not in the records now.
    pub(super) former: BTreeSet<(ClientRef, EmailKey)>,
    pub(super) accounts: BTreeMap<AccountRef, Account>,
    pub(super) transactions: BTreeMap<TransactionRef, Transaction>,
    made: u8,
}

impl Shelf {
    /// Applies a batch as one transaction would.
    pub(super) fn apply(&mut self, batch: &[Told]) -> Vec<Effect> {
        let live = self.clients.values().filter(|client| client.merged_into.is_none()).cloned();
        let book = Book::new(live.collect::<Vec<_>>(), self.former.iter().cloned());
        let ledger = Ledger::new(self.accounts.values().cloned(), self.transactions.values().cloned());
        let mut records = Records { book, ledger };
        let effects = batch.iter().map(|told| self.hear(&mut records, told)).collect();
        let Changes { new, clients, former, returned, merged } = records.book.into_changes();
        let LedgerChanges { accounts, gone, transactions, .. } = records.ledger.into_changes();
        self.clients.extend(new.into_iter().chain(clients).map(|client| (client.id, client)));
        self.former.extend(former);
        self.accounts.retain(|id, _| !gone.contains(id));
        merged.iter().for_each(|merged| self.hand_over(*merged));
        let now = |client: &ClientRef| self.clients[client].address();
        self.former.retain(|(client, key)| !(returned.contains(client) && now(client).as_ref() == Some(key)));
        self.accounts.extend(accounts.into_iter().map(|account| (account.id, account)));
        self.transactions.extend(transactions.into_iter().map(|one| (one.id, one)));
        effects
    }

    fn hand_over(&mut self, Merged { from, into }: Merged) {
        let moved = std::mem::take(&mut self.former).into_iter();
        self.former = moved.map(|(client, key)| (if client == from { into } else { client }, key)).collect();
        let accounts = self.accounts.values_mut().filter(|account| account.client == from);
        accounts.for_each(|account| account.client = into);
        let transactions = self.transactions.values_mut().filter(|one| one.client == from);
        transactions.for_each(|one| one.client = into);
    }

    fn hear(&mut self, records: &mut Records, told: &Told) -> Effect {
        self.made += 1;
        let now = Timestamp::from_micros(1_000_000 + i64::from(self.made));
        let identity = Identity::of("site", &told.event).expect("names somebody");
        let random = [self.made; 10];
        let ids = NewIds {
            client: ClientRef::new(now, random),
            account: AccountRef::new(now, random),
            transaction: TransactionRef::new(now, random),
        };
        records.apply(&told.handed_over(), &identity, now, ids).0
    }

    /// The answer to a look-up.
    pub(super) fn find(&self, email: &str) -> Option<ClientRecord> {
        let asked = address(email)?;
        let had = |client: &Client| self.former.contains(&(client.id, asked.clone()));
        let live = self.clients.values().filter(|client| client.merged_into.is_none());
        let having = live.filter(|client| client.address().as_ref() == Some(&asked) || had(client)).cloned();
        let client = lookup::meant(having.collect(), &asked)?;
        let live = self.clients.values().filter(|other| other.merged_into.is_none() && other.id != client.id);
        let others = live.filter(|other| other.address().is_some() && other.address() == client.address());
        let mut others: Vec<String> = others.filter_map(|other| other.client_id.clone()).collect();
        others.sort();
        Some(lookup::record(client, others))
    }
}

/// A registration at second `at`, its intake number `at` too.
fn told(at: i64, client_id: Option<&str>, email: Option<&str>) -> Told {
    let event = Event::ClientRegistered(registration(client_id, email));
    Told { event, order: (at * 1_000_000, None, at).into() }
}

fn named(mut told: Told, first_name: &str) -> Told {
    if let Event::ClientRegistered(said) = &mut told.event {
        said.first_name = Some(first_name.to_owned());
    }
    told
}

fn is_superseded(effect: &Effect) -> bool {
    effect.outcome == Outcome::Superseded
}

fn client_ids(shelf: &Shelf) -> Vec<Option<&str>> {
    let live = shelf.clients.values().filter(|client| client.merged_into.is_none());
    live.map(|client| client.client_id.as_deref()).collect()
}

#[test]
fn a_registration_makes_an_active_client() {
    let mut shelf = Shelf::default();
    let effects = shelf.apply(&[named(told(5, Some("1001"), Some("Ann@Example.com")), "Ann")]);
    assert!(!is_superseded(&effects[0]));
    let record = shelf.find("ann@example.com").expect("found");
    assert_eq!(record.id, effects[0].client);
    assert_eq!(
        (record.client_id.as_deref(), record.email.as_deref()),
        (Some("1001"), Some("Ann@Example.com"))
    );
    assert_eq!((record.first_name.as_deref(), record.phone), (Some("Ann"), None));
    assert_eq!((record.status, record.version), (ClientStatus::Active, 1));
    assert_eq!(record.created_at, Timestamp::from_micros(5_000_000));
}

#[test]
fn the_newer_statement_stands_and_an_absent_one_says_nothing() {
    let mut shelf = Shelf::default();
    shelf.apply(&[named(told(5, Some("1"), Some("a@x.org")), "New")]);
    let older = shelf.apply(&[
        named(told(6, Some("1"), None), "Newer"),
        named(told(3, Some("1"), Some("old@x.org")), "Old"),
    ]);
    assert_eq!(older.iter().map(is_superseded).collect::<Vec<_>>(), [false, false]);
    let record = shelf.find("a@x.org").expect("found");
    assert_eq!((record.first_name.as_deref(), record.email.as_deref()), (Some("Newer"), Some("a@x.org")));
    assert_eq!(
        record.created_at,
        Timestamp::from_micros(3_000_000),
        "the older one still says when it began"
    );
    assert_eq!(shelf.find("old@x.org").expect("a former address finds too").id, record.id);
}

#[test]
fn what_was_overtaken_in_all_it_says_is_superseded_and_leaves_the_version() {
    let mut shelf = Shelf::default();
    shelf.apply(&[
        named(told(1, Some("1"), Some("a@x.org")), "First"),
        named(told(9, Some("1"), Some("a@x.org")), "Last"),
    ]);
    let version = shelf.find("a@x.org").expect("found").version;
    let effect = shelf.apply(&[named(told(5, Some("1"), Some("a@x.org")), "Between")]);
    assert!(is_superseded(&effect[0]));
    let again = shelf.apply(&[named(told(10, Some("1"), None), "Last")]);
    assert!(!is_superseded(&again[0]), "said again, it stands");
    assert_eq!(shelf.find("a@x.org").expect("found").version, version, "the answer is the same");
}

#[test]
fn a_client_known_by_address_alone_takes_the_first_client_id() {
    let mut shelf = Shelf::default();
    let alone = shelf.apply(&[named(told(1, None, Some("a@x.org")), "Ann")]);
    let both = shelf.apply(&[told(2, Some("1"), Some("A@X.org"))]);
    assert_eq!(alone[0].client, both[0].client, "the same record");
    assert_eq!(client_ids(&shelf), [Some("1")]);
    assert_eq!(shelf.find("a@x.org").expect("found").first_name.as_deref(), Some("Ann"));
}

#[test]
fn a_client_known_by_address_alone_is_merged_into_the_one_it_turns_out_to_be() {
    let mut shelf = Shelf::default();
    let first = shelf.apply(&[told(1, Some("1"), None), named(told(3, None, Some("a@x.org")), "Ann")]);
    assert_ne!(first[0].client, first[1].client);
    shelf.apply(&[named(told(2, Some("1"), Some("a@x.org")), "Older")]);
    assert_eq!(client_ids(&shelf), [Some("1")]);
    let record = shelf.find("a@x.org").expect("found");
    assert_eq!((record.id, record.first_name.as_deref()), (first[0].client, Some("Ann")));
    assert_eq!(shelf.clients[&first[1].client].merged_into, Some(first[0].client));
    shelf.apply(&[named(told(4, None, Some("a@x.org")), "By address")]);
    assert_eq!(shelf.find("a@x.org").expect("found").first_name.as_deref(), Some("By address"));
    assert_eq!(client_ids(&shelf).len(), 1);
}

#[test]
fn two_client_ids_with_one_address_are_two_clients() {
    let mut shelf = Shelf::default();
    shelf.apply(&[
        told(2, Some("2"), Some("a@x.org")),
        told(1, Some("1"), Some("a@x.org")),
        told(3, Some("3"), Some("a@x.org")),
    ]);
    let record = shelf.find("a@x.org").expect("found");
    assert_eq!(record.client_id.as_deref(), Some("1"), "the earliest registered");
    assert_eq!(record.other_client_ids, ["2", "3"]);
}

#[test]
fn a_former_address_finds_its_client_until_another_takes_it() {
    let mut shelf = Shelf::default();
    shelf.apply(&[told(1, Some("1"), Some("a@x.org")), told(2, Some("1"), Some("new@x.org"))]);
    assert_eq!(shelf.find("a@x.org").expect("found").email.as_deref(), Some("new@x.org"));
    shelf.apply(&[told(3, Some("2"), Some("a@x.org"))]);
    let taken = shelf.find("a@x.org").expect("found");
    assert_eq!((taken.client_id.as_deref(), taken.other_client_ids.len()), (Some("2"), 0));
    assert_eq!(shelf.find("new@x.org").expect("found").client_id.as_deref(), Some("1"));
}

#[test]
fn clients_of_different_sources_are_different() {
    let said = Event::ClientRegistered(registration(Some("1"), None));
    let keys: Vec<Vec<String>> = ["site", "other"]
        .iter()
        .map(|source| Identity::of(source, &said).expect("fit").lock_keys().collect())
        .collect();
    assert_eq!(keys, [["site:c:1"], ["other:c:1"]]);
}

#[test]
fn what_can_never_be_applied_is_refused_with_its_reason() {
    let refused = |client_id: Option<&str>, email| {
        Identity::of("site", &Event::ClientRegistered(registration(client_id, email))).map(|_| ())
    };
    assert_eq!(refused(None, None), Err(Unfit::NoIdentity));
    assert_eq!(refused(Some(""), Some("nobody")), Err(Unfit::NoIdentity));
    assert_eq!(refused(Some("a\0"), None), Err(Unfit::UnstorableText));
    assert_eq!(refused(Some(&"1".repeat(2_001)), Some("a@x.org")), Err(Unfit::ClientIdTooLong));
    assert_eq!(refused(Some(&"1".repeat(2_000)), Some("nobody")), Ok(()));
    assert_eq!(Unfit::ClientIdTooLong.to_string(), "client_id_too_long");
}

#[test]
fn an_address_nobody_could_be_found_by_says_nothing() {
    let mut shelf = Shelf::default();
    let effect = shelf.apply(&[told(1, Some("1"), Some("nobody"))]);
    assert_eq!(shelf.clients[&effect[0].client].address(), None);
    assert!(shelf.former.is_empty());
}
