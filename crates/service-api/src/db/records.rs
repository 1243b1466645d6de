//! All records that a batch of events may touch: loaded under locks, and written as they are in the end. Locks are taken in one order
//! by everybody: names, then clients, then accounts, then transactions, each sorted.

use std::collections::{BTreeMap, BTreeSet};

use contract::clock::Timestamp;
use contract::email::EmailKey;
use contract::events::Event;
use contract::ids::ClientRef;
use contract::internal::ApplyEvent;
use contract::money::Amount;
use contract::resources::TransactionKind;
use db::types::Uid;
use db::{Conn, DbError, DbResult};

use super::{accounts, client_emails, clients, merging, transactions};
use crate::domain::account::{Account, AccountKey};
use crate::domain::book::Book;
use crate::domain::client::Client;
use crate::domain::effects::Records;
use crate::domain::identity::Identity;
use crate::domain::ledger::Ledger;
use crate::domain::transaction::{Transaction, TransactionKey};

/// An event that is to be applied, and whom it names.
pub(crate) type Due<'a> = (&'a ApplyEvent, &'a Identity);

/// What these events may touch. The names are locked already.
pub(crate) fn load(conn: &mut Conn, due: &[Due<'_>]) -> DbResult<Records> {
    let ids = client_ids(conn, due)?;
    let keys: BTreeSet<EmailKey> =
        due.iter().flat_map(|(_, identity)| identity.addresses()).cloned().collect();
    let clients = clients::load_locked(conn, &ids)?;
    if clients.len() < ids.len() {
        // One was merged away while we waited for its row: who these events name is to be asked anew.
        return Err(DbError::Busy("a client was merged into another meanwhile".into()));
    }
    // Under the locks of their clients, who have no others now than these and those in their records.
    let former = client_emails::among(conn, &ids, &keys.into_iter().collect::<Vec<_>>())?;
    let accounts = load_accounts(conn, due, &clients)?;
    let transactions = load_transactions(conn, due)?;
    let others = other_holders(conn, &clients, &accounts, &transactions)?;
    Ok(Records {
        book: Book::new(clients, former).beside(others),
        ledger: Ledger::new(accounts, transactions),
    })
}

/// Those beside these clients whose accounts and transactions these are. No event names them, so nothing of their records changes and
/// they are not locked (who merges one of them away waits for its accounts and transactions, which we hold); but who they are decides
/// whether an event contradicts what is theirs, or takes it over.
fn other_holders(
    conn: &mut Conn,
    clients: &[Client],
    accounts: &[Account],
    transactions: &[Transaction],
) -> DbResult<Vec<Client>> {
    let known: BTreeSet<ClientRef> = clients.iter().map(|client| client.id).collect();
    let holders = accounts.iter().map(|one| one.client).chain(transactions.iter().map(|one| one.client));
    let unknown: BTreeSet<Uid> = holders.filter(|id| !known.contains(id)).map(Uid::of).collect();
    if unknown.is_empty() {
        return Ok(Vec::new());
    }
    clients::load(conn, &unknown.into_iter().collect::<Vec<_>>())
}

/// Writes what changed.
pub(crate) fn save(conn: &mut Conn, records: Records, now: Timestamp) -> DbResult<()> {
    let Records { book, ledger } = records;
    let (people, money) = (book.into_changes(), ledger.into_changes());
    // An address that moves on must be free before a new client has it.
    clients::save(conn, &people.clients)?;
    clients::add(conn, &people.new)?;
    client_emails::add(conn, &people.former)?;
    accounts::remove(conn, &money.gone)?;
    merging::hand_over(conn, &people.merged)?;
    client_emails::remove_present(conn, &people.returned)?;
    accounts::save(conn, &money.accounts)?;
    transactions::put_in_conflict(conn, &money.in_conflict, now)?;
    transactions::save(conn, &money.transactions)
}

/// The ids of all clients that these identities may name.
fn client_ids(conn: &mut Conn, due: &[Due<'_>]) -> DbResult<Vec<Uid>> {
    let mut ids = BTreeSet::new();
    let mut of_source: BTreeMap<&str, Vec<&Identity>> = BTreeMap::new();
    for (_, identity) in due {
        of_source.entry(&identity.source).or_default().push(identity);
    }
    for (source, identities) in of_source {
        let client_ids: BTreeSet<&str> =
            identities.iter().filter_map(|one| one.client_id.as_deref()).collect();
        ids.extend(clients::ids_of_client_ids(conn, source, &client_ids.into_iter().collect::<Vec<_>>())?);

        let keys: BTreeSet<&EmailKey> = identities.iter().flat_map(|one| one.addresses()).collect();
        let texts: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
        ids.extend(clients::known_by_address_alone(conn, source, &texts)?);

        let by_address = identities.iter().filter(|one| one.client_id.is_none());
        let asked: BTreeSet<&EmailKey> = by_address.flat_map(|one| one.addresses()).collect();
        let texts: Vec<&str> = asked.iter().map(|key| key.as_str()).collect();
        ids.extend(clients::ids_of_holders(conn, source, &texts)?);
    }
    Ok(ids.into_iter().collect())
}

/// The accounts that these events name, and the nameless ones of clients who may get or lose one.
fn load_accounts(conn: &mut Conn, due: &[Due<'_>], clients: &[Client]) -> DbResult<Vec<Account>> {
    // Whose an account without a name is, is known only later: the id here stands for any client.
    let anyone = ClientRef::new(Timestamp::from_micros(0), [0; 10]);
    let mut named: BTreeMap<&str, BTreeSet<AccountKey>> = BTreeMap::new();
    let mut nameless = false;
    for (event, _) in due {
        if let Event::AccountUpdated(said) = &event.event {
            match AccountKey::of(&event.source, said, anyone) {
                Some(key) if key.nameless_of.is_none() => {
                    named.entry(&event.source).or_default().insert(key);
                }
                Some(_) => nameless = true,
                None => {}
            }
        }
    }
    let mut loaded = Vec::new();
    for (source, keys) in named {
        loaded.extend(accounts::named_locked(conn, source, &keys.iter().collect::<Vec<_>>())?);
    }
    let merging = clients.iter().any(|client| client.client_id.is_none());
    if nameless || merging {
        let ids: Vec<Uid> = clients.iter().map(|client| Uid::of(client.id)).collect();
        loaded.extend(accounts::nameless_locked(conn, &ids)?);
    }
    Ok(loaded)
}

/// What events tell of transactions of one source and kind.
#[derive(Default)]
struct Asked {
    keys: BTreeSet<String>,
    amounts: BTreeSet<Amount>,
}

fn load_transactions(conn: &mut Conn, due: &[Due<'_>]) -> DbResult<Vec<Transaction>> {
    let mut asked: BTreeMap<(&str, TransactionKind), Asked> = BTreeMap::new();
    for (event, _) in due {
        let (kind, said) = match &event.event {
            Event::DepositCompleted(said) => (TransactionKind::Deposit, said),
            Event::WithdrawalCompleted(said) => (TransactionKind::Withdrawal, said),
            _ => continue,
        };
        let key = TransactionKey::of(&event.source, kind, said, event.event_id);
        let Asked { keys, amounts } = asked.entry((&event.source, kind)).or_default();
        keys.insert(key.key);
        amounts.insert(said.amount.clone());
    }
    let mut loaded = Vec::new();
    for ((source, kind), Asked { keys, amounts }) in asked {
        loaded.extend(transactions::told_locked(conn, source, kind, &keys, &amounts)?);
    }
    Ok(loaded)
}
