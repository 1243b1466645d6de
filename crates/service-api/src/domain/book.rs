//! Whose record an event is about. A book holds the records that a batch of events may touch, decides for each event which one it
//! names, and remembers what changed. It is handed all that matters, under locks on the names, and writes nothing itself.
//!
//! - clientId decides over the address. Two clientIds with one address are two clients.
//! - An event with an address alone is about whoever holds that address, else held it, else about a new client.
//! - A client known by an address alone becomes the one of the first clientId that comes with this address.
//!
//! So as long as each address is used by one clientId only, it makes no difference which event comes first.

use std::collections::{BTreeMap, BTreeSet};

use contract::clock::Timestamp;
use contract::email::EmailKey;
use contract::events::ClientRegistered;
use contract::ids::ClientRef;

use super::client::{Client, Heard};
use super::identity::Identity;
use super::lookup::Rank;
use super::order::OrderKey;

/// Records, the addresses they are found by, and what changed since they were loaded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    clients: BTreeMap<ClientRef, Client>,
    addresses: BTreeMap<EmailKey, BTreeSet<ClientRef>>,
    changes: Touched,
}

#[derive(Debug, Clone, Default)]
struct Touched {
    clients: BTreeSet<ClientRef>,
    addresses: BTreeSet<(ClientRef, EmailKey)>,
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
    /// New and changed records, as they are now.
    pub(crate) clients: Vec<Client>,
    /// Addresses that clients have now and had not; those of a merged client are still under its own id.
    pub(crate) addresses: Vec<(ClientRef, EmailKey)>,
    /// In the order in which they happened.
    pub(crate) merged: Vec<Merged>,
}

/// What an event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Whose record it is about.
    pub(crate) client: ClientRef,
    /// True if nothing changed because newer events had said it all.
    pub(crate) superseded: bool,
}

impl Book {
    /// A book of these live clients, and of who has or had which address.
    pub(crate) fn new(
        clients: impl IntoIterator<Item = Client>,
        addresses: impl IntoIterator<Item = (ClientRef, EmailKey)>,
    ) -> Self {
        let mut book = Self {
            clients: clients.into_iter().map(|client| (client.id, client)).collect(),
            ..Self::default()
        };
        for (client, key) in addresses {
            book.addresses.entry(key).or_default().insert(client);
        }
        book
    }

    /// Applies one registration. `new_id` is the id of the client, should it be a new one.
    pub(crate) fn register(
        &mut self,
        identity: &Identity,
        said: &ClientRegistered,
        order: OrderKey,
        now: Timestamp,
        new_id: ClientRef,
    ) -> Effect {
        let (client, settled) = self.settle(identity, now, new_id);
        let named = identity.address.clone().is_some_and(|key| self.name(client, key));
        let heard = self.clients.get_mut(&client).map(|record| record.register(said, order, now));
        let superseded = heard == Some(Heard::Overtaken) && !settled && !named;
        if !superseded {
            self.changes.clients.insert(client);
        }
        Effect { client, superseded }
    }

    /// The live records.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Client> {
        self.clients.values().filter(|client| client.merged_into.is_none())
    }

    /// What is to be written.
    pub(crate) fn into_changes(mut self) -> Changes {
        let Touched { clients, addresses, merged } = self.changes;
        let clients = clients.into_iter().filter_map(|id| self.clients.remove(&id)).collect();
        Changes { clients, addresses: addresses.into_iter().collect(), merged }
    }

    /// The record that the identity names, and whether deciding so changed anything.
    fn settle(&mut self, identity: &Identity, now: Timestamp, new_id: ClientRef) -> (ClientRef, bool) {
        let Identity { source, client_id, address } = identity;
        let Some(client_id) = client_id else {
            let holder = address.as_ref().and_then(|key| self.holder(source, key));
            return match holder {
                Some(known) => (known, false),
                None => (self.open(Client::new(new_id, source, None, now)), true),
            };
        };
        let alone = address.as_ref().and_then(|key| self.known_by_address_alone(source, key));
        match (self.of_client_id(source, client_id), alone) {
            (Some(known), Some(alone)) => {
                self.merge(alone, known, now);
                (known, true)
            }
            (Some(known), None) => (known, false),
            (None, Some(alone)) => {
                if let Some(client) = self.clients.get_mut(&alone) {
                    client.adopt(client_id, now);
                }
                (alone, true)
            }
            (None, None) => (self.open(Client::new(new_id, source, Some(client_id), now)), true),
        }
    }

    fn open(&mut self, client: Client) -> ClientRef {
        let id = client.id;
        self.clients.insert(id, client);
        id
    }

    fn of_client_id(&self, source: &str, client_id: &str) -> Option<ClientRef> {
        let mut live = self.live();
        live.find(|client| client.source == source && client.client_id.as_deref() == Some(client_id))
            .map(|client| client.id)
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
        let new = self.addresses.entry(key.clone()).or_default().insert(client);
        if new {
            self.changes.addresses.insert((client, key));
        }
        new
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
