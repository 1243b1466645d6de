//! The law that everything else leans on: any order of arrival and any repetition of events without conflicts end in the same
//! records. For tests only.

use std::collections::{BTreeMap, BTreeSet};

use contract::clock::Timestamp;
use contract::events::{AccountUpdated, ClientRegistered, Event, KycStatus, KycUpdated, Transaction};
use contract::resources::AccountTree;
use proptest::prelude::*;
use proptest::sample::Index;

use super::account_view;
use super::client::{Client, Field};
use super::examples::{Shelf, Told, registration};
use super::facts::Facts;
use super::transaction::TransactionField;

/// Persons 0 and 1 have clientIds, the others are known by addresses alone.
const PERSONS: usize = 4;
const ADDRESSES: usize = 3;

/// An address of this person alone. Its case varies: the record has the bytes of the newest.
fn own_address(person: usize, number: usize, upper: bool) -> String {
    let address = format!("person{person}-{number}@example.com");
    if upper { address.to_uppercase() } else { address }
}

/// Used by both clientIds, but never without one: so whose event it is, is never in doubt.
const SHARED: &str = "shared@example.com";

fn words() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(prop_oneof![Just("A".to_owned()), Just("B".to_owned()), Just("C".to_owned())])
}

/// What an event says, before it is known whom it names. Few values of everything, so that ties and returns are common.
#[derive(Debug, Clone)]
enum Saying {
    Registration(Option<String>, Option<String>, Option<i64>),
    Kyc(KycStatus, Option<String>),
    /// Account, server, parent, balance, currency, name of the person, the number of the address that is moved to.
    Account([Option<u8>; 5], Option<String>, Option<usize>),
    /// Number of the transaction, whether its currency is said, account, method; true for a deposit.
    Transaction(Option<u8>, bool, Option<u8>, Option<String>, bool),
}

fn saying() -> impl Strategy<Value = Saying> {
    let few = || proptest::option::of(0..3_u8);
    let status = prop_oneof![Just(KycStatus::Pending), Just(KycStatus::Approved), Just(KycStatus::Rejected)];
    prop_oneof![
        (words(), words(), proptest::option::of(0..6_i64))
            .prop_map(|(first, phone, at)| Saying::Registration(first, phone, at)),
        (status, words()).prop_map(|(status, notes)| Saying::Kyc(status, notes)),
        ([few(), few(), few(), few(), few()], words(), proptest::option::of(0..ADDRESSES))
            .prop_map(|(said, name, moved)| Saying::Account(said, name, moved)),
        (few(), any::<bool>(), few(), words(), any::<bool>()).prop_map(
            |(number, said, account, method, deposit)| {
                Saying::Transaction(number, said, account, method, deposit)
            }
        ),
    ]
}

/// One event, its effective time and sequence.
fn event() -> impl Strategy<Value = (ClientEvent, i64, Option<i64>)> {
    let named = (0..PERSONS, 0..3_u8, 0..ADDRESSES + 1, any::<bool>());
    (named, saying(), 0..5_i64, proptest::option::of(0..3_i64))
        .prop_map(|(named, saying, effective, sequence)| (ClientEvent { named, saying }, effective, sequence))
}

#[derive(Debug, Clone)]
struct ClientEvent {
    named: (usize, u8, usize, bool),
    saying: Saying,
}

impl ClientEvent {
    fn told(&self, effective: i64, sequence: Option<i64>, intake: usize) -> Told {
        let (person, by, number, upper) = self.named;
        let client_id = (person < 2 && by != 0).then(|| format!("c{person}"));
        let email = match (&client_id, number) {
            (Some(_), _) if by == 1 => None,
            (Some(_), ADDRESSES) => Some(SHARED.to_owned()),
            _ => Some(own_address(person, number % ADDRESSES, upper)),
        };
        // What belongs to a person is told by clientId, under one address, or in both ways, though nobody may ever say that they name
        // one person: then it is whose who has the clientId. Under two addresses that nobody connects arrival would decide.
        let owner = format!("p{person}n{}", number % ADDRESSES);
        let event = match self.saying.clone() {
            Saying::Registration(first_name, phone, created_at) => {
                Event::ClientRegistered(ClientRegistered {
                    first_name,
                    phone,
                    created_at: created_at.map(Timestamp::from_micros),
                    ..registration(client_id.as_deref(), email.as_deref())
                })
            }
            Saying::Kyc(kyc_status, kyc_notes) => Event::KycUpdated(KycUpdated {
                client_id,
                email,
                kyc_status,
                kyc_notes,
                previous_kyc_status: None,
                updated_at: None,
            }),
            Saying::Account(said, first_name, moved) => {
                let moved = moved.map(|number| own_address(person, number, upper));
                Event::AccountUpdated(Box::new(account(said, &owner, client_id, email, moved, first_name)))
            }
            Saying::Transaction(number, said, account, method, deposit) => {
                let transaction = transaction(number, said, account, method, &owner, client_id, email);
                if deposit {
                    Event::DepositCompleted(transaction)
                } else {
                    Event::WithdrawalCompleted(transaction)
                }
            }
        };
        let intake = i64::try_from(intake).expect("few events");
        Told { event, order: (effective, sequence, intake).into() }
    }
}

fn account(
    [name, server, parent, balance, currency]: [Option<u8>; 5],
    owner: &str,
    client_id: Option<String>,
    client_email: Option<String>,
    email: Option<String>,
    first_name: Option<String>,
) -> AccountUpdated {
    AccountUpdated {
        client_id,
        client_email,
        email,
        first_name,
        last_name: None,
        phone: None,
        country: None,
        language: None,
        account_id: name.map(|name| if name == 2 { format!("{owner}-x") } else { format!("{owner}-{name}") }),
        parent_account_id: parent.filter(|parent| *parent > 0).map(|parent| format!("{owner}-{parent}")),
        login: None,
        platform: None,
        server: server.filter(|server| *server > 0).map(|server| format!("S{server}")),
        account_type: None,
        group: None,
        name: None,
        currency: currency
            .map(|currency| ["USD", "EUR", "BTC"][usize::from(currency)].parse().expect("a currency")),
        leverage: None,
        balance: balance.map(|balance| balance.to_string().parse().expect("an amount")),
        equity: None,
        credit: None,
        margin: None,
        free_margin: None,
        margin_level: None,
        status: None,
        created_at: None,
        updated_at: None,
    }
}

/// Amount and currency follow from the number, so that no two contradict each other.
fn transaction(
    number: Option<u8>,
    says_currency: bool,
    account: Option<u8>,
    method: Option<String>,
    owner: &str,
    client_id: Option<String>,
    email: Option<String>,
) -> Transaction {
    Transaction {
        client_id,
        email,
        transaction_id: number.map(|number| format!("{owner}-{number}")),
        amount: (number.unwrap_or(7) + 1).to_string().parse().expect("an amount"),
        currency: says_currency.then(|| "USD".parse().expect("a currency")),
        account_id: account.map(|account| format!("{owner}-{account}")),
        subaccount_id: None,
        fund_type: None,
        method,
        fee: None,
        external_id: None,
        completed_at: None,
        reason: None,
    }
}

/// All that must be the same: everything but our own ids, versions and times.
type Whole =
    (BTreeMap<String, Record>, BTreeMap<String, Option<(Option<String>, Option<String>, Vec<String>)>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    facts: Facts<Field>,
    kyc: super::client::Kyc,
    status: &'static str,
    registered_at: Option<Timestamp>,
    former: BTreeSet<String>,
    accounts: Vec<AccountTree>,
    warnings: usize,
    transactions: BTreeMap<String, (String, Facts<TransactionField>, Timestamp, Option<String>)>,
}

fn record(shelf: &Shelf, client: &Client) -> (String, Record) {
    let had = shelf.former.iter().filter(|(id, _)| *id == client.id);
    let former: BTreeSet<String> = had.map(|(_, key)| key.as_str().to_owned()).collect();
    let own: Vec<_> =
        shelf.accounts.values().filter(|account| account.client == client.id).cloned().collect();
    let resolved = account_view::resolved(own.clone());
    let mut view = account_view::view(own);
    for tree in &mut view.accounts {
        for account in std::iter::once(&mut tree.account).chain(&mut tree.subaccounts) {
            (account.created_at, account.updated_at) = (Timestamp::MIN, Timestamp::MIN);
        }
    }
    let transactions = shelf.transactions.values().filter(|one| one.client == client.id).map(|one| {
        let account = account_view::meant(&resolved, one.value(TransactionField::AccountId));
        let currency = account.and_then(|account| account.value(super::account::AccountField::Currency));
        let currency = one.value(TransactionField::Currency).or(currency).map(str::to_owned);
        assert_eq!(one.variant, 0, "no conflict");
        (format!("{:?}", one.key), (one.amount.to_string(), one.facts.clone(), one.effective_at, currency))
    });
    let name = client.client_id.clone().unwrap_or_else(|| format!("{:?} {former:?}", client.email()));
    let record = Record {
        facts: client.facts.clone(),
        kyc: client.kyc.clone(),
        status: client.status.as_str(),
        registered_at: client.registered_at,
        transactions: transactions.collect(),
        accounts: view.accounts,
        warnings: view.warnings.len(),
        former,
    };
    (name, record)
}

fn whole(shelf: &Shelf) -> Whole {
    let live = shelf.clients.values().filter(|client| client.merged_into.is_none());
    let records = live.map(|client| record(shelf, client));
    let mut asked = vec![SHARED.to_owned()];
    asked.extend(
        (0..PERSONS).flat_map(|person| (0..ADDRESSES).map(move |number| own_address(person, number, false))),
    );
    let found = asked.into_iter().map(|email| {
        let record =
            shelf.find(&email).map(|record| (record.client_id, record.email, record.other_client_ids));
        (email, record)
    });
    (records.collect(), found.collect())
}

fn applied(batches: &[Vec<Told>]) -> Whole {
    let mut shelf = Shelf::default();
    for batch in batches {
        shelf.apply(batch);
    }
    whole(&shelf)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_any_repetition_end_the_same(
        events in proptest::collection::vec(event(), 1..12),
        repeated in proptest::collection::vec(any::<Index>(), 0..6),
        swaps in proptest::collection::vec((any::<Index>(), any::<Index>()), 0..24),
        cuts in proptest::collection::vec(any::<Index>(), 0..4),
    ) {
        let events: Vec<Told> =
            events.iter().enumerate().map(|(intake, (event, at, sequence))| event.told(*at, *sequence, intake)).collect();
        let in_order = applied(&events.iter().map(|told| vec![told.clone()]).collect::<Vec<_>>());

        let mut arriving = events.clone();
        arriving.extend(repeated.iter().map(|index| index.get(&events).clone()));
        for (one, other) in &swaps {
            let (one, other) = (one.index(arriving.len()), other.index(arriving.len()));
            arriving.swap(one, other);
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(arriving.len() + 1)).collect();
        cuts.sort_unstable();
        let mut batches = Vec::new();
        for cut in cuts.into_iter().rev() {
            batches.push(arriving.split_off(cut));
        }
        batches.push(arriving);
        batches.reverse();
        prop_assert_eq!(applied(&batches), in_order);
    }
}
