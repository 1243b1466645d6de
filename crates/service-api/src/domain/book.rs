//! Whose record an event is about. A book holds the clients that a batch of events may touch, decides for each event which one it
//! names, and remembers what changed. It is handed all that matters, under locks on the names, and writes nothing itself. What
//! belongs to a client beside its record is [`super::ledger`]'s.
//!
//! - clientId decides over the address. Two clientIds with one address are two clients.
//! - An event with an address alone is about whoever holds that address, else held it, else about a new client.
//! - A client known by an address alone becomes the one of the first clientId that comes with this address.
//!
//! So as long as each address is used by one clientId only, it makes no difference which event comes first.

use std::collections::{BTreeMap, BTreeSet};

use contract::clock::Timestamp;
use contract::email::EmailKey;
use contract::ids::ClientRef;

use super::client::Client;
use super::identity::Identity;
use super::lookup::Rank;
use super::order::OrderKey;

/// Records, the addresses they are found by, and what changed since they were loaded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    clients: BTreeMap<ClientRef, Client>,
    /// Source → clientId → whose it is.
    client_ids: BTreeMap<String, BTreeMap<String, ClientRef>>,
    /// Who has or had which address.
    addresses: BTreeMap<EmailKey, BTreeSet<ClientRef>>,
    /// The addresses that clients had when they were loaded.
    loaded: BTreeMap<ClientRef, Option<EmailKey>>,
    changes: Touched,
}

#[derive(Debug, Clone, Default)]
struct Touched {
    clients: BTreeSet<ClientRef>,
    merged: Vec<Merged>,
}

/// One record turned out to be another's: all that belongs to the first moves to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) from: ClientRef,
    pub(crate) into: ClientRef,
}

/// What is to be written, everything sorted by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Records that were not there, as they are now.
    pub(crate) new: Vec<Client>,
    /// Changed records, as they are now.
    pub(crate) clients: Vec<Client>,
    /// Addresses of theirs that are not the ones in their records; some may be known as such.
    pub(crate) former: Vec<(ClientRef, EmailKey)>,
    /// Those of them whose address now may be among their former ones.
    pub(crate) returned: Vec<ClientRef>,
    /// In the order in which they happened.
    pub(crate) merged: Vec<Merged>,
}

impl Book {
    /// A book of these live clients, and of what addresses they had before their present ones.
    pub(crate) fn new(
        clients: impl IntoIterator<Item = Client>,
        former: impl IntoIterator<Item = (ClientRef, EmailKey)>,
    ) -> Self {
        let mut book = Self::default();
        for client in clients {
            let address = client.address();
            if let Some(key) = address.clone() {
                book.addresses.entry(key).or_default().insert(client.id);
            }
            book.loaded.insert(client.id, address);
            book.open(client);
        }
        for (client, key) in former {
            book.addresses.entry(key).or_default().insert(client);
        }
        book
    }

    /// The same book with live clients beside that no address leads to: they are asked about, and never changed.
    pub(crate) fn beside(mut self, others: impl IntoIterator<Item = Client>) -> Self {
        for client in others {
            self.open(client);
        }
        self
    }

    /// The client that the identity names, and whether deciding so changed anything. `new_id` is the id of the client, should it be
    /// a new one.
    pub(crate) fn whose(
        &mut self,
        identity: &Identity,
        order: OrderKey,
        now: Timestamp,
        new_id: ClientRef,
    ) -> (ClientRef, bool) {
        let (client, mut changed) = self.settle(identity, now, new_id);
        for key in identity.addresses() {
            changed |= self.name(client, key.clone());
        }
        if let (Some(email), Some(record)) = (&identity.email, self.clients.get_mut(&client)) {
            changed |= record.named_by(email, order, now);
        }
        if changed {
            self.changes.clients.insert(client);
        }
        (client, changed)
    }

    /// Changes a client of this book; `change` says whether it did.
    pub(crate) fn change<T>(
        &mut self,
        client: ClientRef,
        change: impl FnOnce(&mut Client) -> (bool, T),
    ) -> Option<T> {
        let (changed, result) = change(self.clients.get_mut(&client)?);
        if changed {
            self.changes.clients.insert(client);
        }
        Some(result)
    }

    /// Whose something is that `holder` has and `teller` speaks of. clientId decides over the address: who has one comes before who
    /// has none, whoever spoke first. `None` if it can't be both's: they have clientIds, and other ones.
    pub(crate) fn owner(&self, holder: ClientRef, teller: ClientRef) -> Option<ClientRef> {
        let has_client_id =
            |id| self.clients.get(&id).is_some_and(|client: &Client| client.client_id.is_some());
        match (has_client_id(holder), has_client_id(teller)) {
            _ if holder == teller => Some(holder),
            (true, true) => None,
            (false, true) => Some(teller),
            (_, false) => Some(holder),
        }
    }

    /// The records that turned out to be another's, so far.
    pub(crate) fn merged(&self) -> &[Merged] {
        &self.changes.merged
    }

    /// What is to be written.
    pub(crate) fn into_changes(mut self) -> Changes {
        let (former, returned) = self.addresses_to_write();
        let Touched { clients, merged } = self.changes;
        let touched = clients.into_iter().filter_map(|id| self.clients.remove(&id));
        let (clients, new) = touched.partition(|client| self.loaded.contains_key(&client.id));
        Changes { new, clients, former, returned, merged }
    }

    /// The former addresses of all who changed, as far as this book knows them, and who may have got one of theirs back: whose
    /// address is another one than before, or who took over another's addresses, which this book need not know.
    fn addresses_to_write(&self) -> (Vec<(ClientRef, EmailKey)>, Vec<ClientRef>) {
        let mut known: BTreeMap<ClientRef, Vec<&EmailKey>> = BTreeMap::new();
        for (key, clients) in &self.addresses {
            for client in clients.intersection(&self.changes.clients) {
                known.entry(*client).or_default().push(key);
            }
        }
        let takers: BTreeSet<ClientRef> = self.changes.merged.iter().map(|merged| merged.into).collect();
        let (mut former, mut returned) = (Vec::new(), Vec::new());
        for (client, keys) in known {
            let now = self.clients.get(&client).and_then(Client::address);
            if takers.contains(&client) || self.loaded.get(&client).is_some_and(|before| *before != now) {
                returned.push(client);
            }
            former.extend(
                keys.into_iter().filter(|key| now.as_ref() != Some(*key)).map(|key| (client, key.clone())),
            );
        }
        (former, returned)
    }

    /// The record that the identity names, and whether deciding so made, adopted or merged one. Records known by one of the addresses
    /// alone are the same person's.
    fn settle(&mut self, identity: &Identity, now: Timestamp, new_id: ClientRef) -> (ClientRef, bool) {
        let Identity { source, client_id, .. } = identity;
        let alone: BTreeSet<ClientRef> =
            identity.addresses().filter_map(|key| self.known_by_address_alone(source, key)).collect();
        let known = match client_id {
            Some(client_id) => self.of_client_id(source, client_id),
            None => self.named_by_address(identity),
        };
        let (client, mut changed) = match known.or_else(|| alone.first().copied()) {
            Some(client) => (client, false),
            None => (self.open(Client::new(new_id, source, client_id.as_deref(), now)), true),
        };
        if let (None, Some(client_id), Some(record)) = (known, client_id, self.clients.get_mut(&client))
            && record.client_id.is_none()
        {
            record.adopt(client_id, now);
            self.client_ids.entry(source.clone()).or_default().insert(client_id.clone(), client);
            changed = true;
        }
        for other in alone.into_iter().filter(|other| *other != client) {
            self.merge(other, client, now);
            changed = true;
        }
        (client, changed)
    }

    /// Whom addresses without a clientId mean: of their holders one who has a clientId, else the first.
    fn named_by_address(&self, identity: &Identity) -> Option<ClientRef> {
        let holders: Vec<ClientRef> =
            identity.addresses().filter_map(|key| self.holder(&identity.source, key)).collect();
        let has_client_id =
            |id: &ClientRef| self.clients.get(id).is_some_and(|client| client.client_id.is_some());
        holders.iter().copied().find(has_client_id).or_else(|| holders.first().copied())
    }

    fn open(&mut self, client: Client) -> ClientRef {
        let id = client.id;
        if let Some(client_id) = &client.client_id {
            self.client_ids.entry(client.source.clone()).or_default().insert(client_id.clone(), id);
        }
        self.clients.insert(id, client);
        id
    }

    fn of_client_id(&self, source: &str, client_id: &str) -> Option<ClientRef> {
        self.client_ids.get(source)?.get(client_id).copied()
    }

    fn known_by_address_alone(&self, source: &str, key: &EmailKey) -> Option<ClientRef> {
        self.having(source, key).find(|client| client.client_id.is_none()).map(|client| client.id)
    }

    /// Whom an address alone means.
    fn holder(&self, source: &str, key: &EmailKey) -> Option<ClientRef> {
        self.having(source, key).min_by_key(|client| Rank::of(client, key)).map(|client| client.id)
    }

    /// The live clients of a source that have or had this address.
    fn having<'a>(&'a self, source: &'a str, key: &'a EmailKey) -> impl Iterator<Item = &'a Client> {
        let ids = self.addresses.get(key).into_iter().flatten();
        ids.filter_map(|id| self.clients.get(id))
            .filter(move |client| client.source == source && client.merged_into.is_none())
    }

    /// Notes that the client has this address; true if that is new.
    fn name(&mut self, client: ClientRef, key: EmailKey) -> bool {
        self.addresses.entry(key).or_default().insert(client)
    }

    fn merge(&mut self, from: ClientRef, into: ClientRef, now: Timestamp) {
        // Taken out for the moment: both records are changed.
        let Some(mut absorbed) = self.clients.remove(&from) else { return };
        if let Some(client) = self.clients.get_mut(&into) {
            client.absorb(&mut absorbed, now);
        }
        self.clients.insert(from, absorbed);
        for clients in self.addresses.values_mut() {
            if clients.remove(&from) {
                clients.insert(into);
            }
        }
        self.changes.clients.extend([from, into]);
        self.changes.merged.push(Merged { from, into });
    }
}
