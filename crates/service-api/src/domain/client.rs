//! A client's record, and how statements of events change it: field by field the greatest order key wins, so that any order of
//! arrival and any repetition end in the same record.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::clock::Timestamp;
use contract::email::EmailKey;
use contract::events::ClientRegistered;
use contract::ids::ClientRef;
use contract::kyc::KycStatus;
use contract::resources::ClientStatus;
use serde::{Deserialize, Serialize};

use super::identity::address;
use super::order::OrderKey;

/// 0001-01-01T00:00:00Z, before which PostgreSQL and SQLite do not agree on times. A senseless `createdAt` refuses no event.
const EARLIEST: Timestamp = Timestamp::from_micros(-62_135_596_800_000_000);

/// The least time between a statement and the change that overrules it.
const STEP: Duration = Duration::from_micros(1);

/// A field of the profile that events state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Field {
    Email,
    FirstName,
    LastName,
    Phone,
    Country,
    Language,
}

/// What a field holds, and the order key of the event that said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) value: String,
    pub(crate) order: OrderKey,
}

/// The identity check. No event that is applied so far changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kyc {
    pub(crate) status: KycStatus,
    pub(crate) notes: Option<String>,
    pub(crate) updated_at: Option<Timestamp>,
}

/// A client's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) id: ClientRef,
    pub(crate) source: String,
    /// The platform's id; `None` while the client is known by an address alone.
    pub(crate) client_id: Option<String>,
    pub(crate) facts: BTreeMap<Field, Fact>,
    pub(crate) status: ClientStatus,
    pub(crate) kyc: Kyc,
    /// The earliest time that any registration gives.
    pub(crate) registered_at: Option<Timestamp>,
    /// Set once this record turned out to be another's: that one has all of it.
    pub(crate) merged_into: Option<ClientRef>,
    /// When we made the record.
    pub(crate) created_at: Timestamp,
    /// When we last changed it.
    pub(crate) updated_at: Timestamp,
    /// Grows by one with every change that an answer shows.
    pub(crate) version: i64,
}

/// What a statement did to the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It stands, or was said already.
    Stands,
    /// All it says had been overtaken.
    Overtaken,
}

impl Client {
    /// A record of which nothing is known yet but its name.
    pub(crate) fn new(id: ClientRef, source: &str, client_id: Option<&str>, now: Timestamp) -> Self {
        Self {
            id,
            source: source.to_owned(),
            client_id: client_id.map(str::to_owned),
            facts: BTreeMap::new(),
            status: ClientStatus::Provisional,
            kyc: Kyc { status: KycStatus::NotStarted, notes: None, updated_at: None },
            registered_at: None,
            merged_into: None,
            created_at: now,
            updated_at: now,
            version: 0,
        }
    }

    /// What the field holds.
    pub(crate) fn value(&self, field: Field) -> Option<&str> {
        self.facts.get(&field).map(|fact| fact.value.as_str())
    }

    /// The present address as a look-up key.
    pub(crate) fn address(&self) -> Option<EmailKey> {
        self.value(Field::Email).and_then(address)
    }

    /// Takes a registration to heart. What it does not say stays; `registered_at` goes to the earliest, and a provisional client
    /// becomes active.
    pub(crate) fn register(&mut self, said: &ClientRegistered, order: OrderKey, now: Timestamp) -> Heard {
        let mut stated = 0_u32;
        let mut overtaken = 0_u32;
        let mut changed = false;
        for (field, value) in statements(said) {
            stated += 1;
            match self.state(field, value, order) {
                Some(differs) => changed |= differs,
                None => overtaken += 1,
            }
        }
        let registered = said.created_at.map_or(order.effective, |at| at.min(order.effective));
        changed |= self.register_at(registered.max(EARLIEST));
        if self.status == ClientStatus::Provisional {
            self.status = ClientStatus::Active;
            changed = true;
        }
        if changed {
            self.touch(now);
        }
        if stated > 0 && overtaken == stated && !changed { Heard::Overtaken } else { Heard::Stands }
    }

    /// Takes over all that another record of the same person says, and leaves it as a pointer to this one.
    pub(crate) fn absorb(&mut self, other: &mut Self, now: Timestamp) {
        for (field, fact) in std::mem::take(&mut other.facts) {
            self.state(field, &fact.value, fact.order);
        }
        if let Some(registered) = other.registered_at {
            self.register_at(registered);
        }
        if self.status == ClientStatus::Provisional {
            self.status = other.status;
        }
        self.created_at = self.created_at.min(other.created_at);
        self.version = self.version.max(other.version);
        self.touch(now);
        other.merged_into = Some(self.id);
        other.touch(now);
    }

    /// Gives a client that was known by an address alone its clientId.
    pub(crate) fn adopt(&mut self, client_id: &str, now: Timestamp) {
        self.client_id = Some(client_id.to_owned());
        self.touch(now);
    }

    /// Sets the identity check from inside the CRM, stamped so that it stands over all that was said before. The stamp; `None` where
    /// it stood so already.
    pub(crate) fn change_kyc(
        &mut self,
        status: KycStatus,
        notes: Option<&str>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if self.kyc.status == status && self.kyc.notes.as_deref() == notes {
            return None;
        }
        let stamp = self.kyc.updated_at.map_or(now, |last| now.max(last.plus(STEP)));
        self.kyc = Kyc { status, notes: notes.map(str::to_owned), updated_at: Some(stamp) };
        self.touch(now);
        Some(stamp)
    }

    /// Sets how the client stands.
    pub(crate) fn change_status(&mut self, status: ClientStatus, now: Timestamp) {
        self.status = status;
        self.touch(now);
    }

    /// One statement about one field. `Some(true)` if the field holds something else now, `Some(false)` if it was so already,
    /// `None` if something newer stands there.
    fn state(&mut self, field: Field, value: &str, order: OrderKey) -> Option<bool> {
        match self.facts.get_mut(&field) {
            Some(fact) if fact.order > order => None,
            Some(fact) => {
                fact.order = order;
                let differs = fact.value != value;
                if differs {
                    value.clone_into(&mut fact.value);
                }
                Some(differs)
            }
            None => {
                self.facts.insert(field, Fact { value: value.to_owned(), order });
                Some(true)
            }
        }
    }

    fn register_at(&mut self, registered: Timestamp) -> bool {
        let earlier = self.registered_at.is_none_or(|known| registered < known);
        if earlier {
            self.registered_at = Some(registered);
        }
        earlier
    }

    fn touch(&mut self, now: Timestamp) {
        self.updated_at = self.updated_at.max(now);
        self.version = self.version.saturating_add(1);
    }
}

/// What a registration says about the profile. An address that nobody could be found by says nothing.
fn statements(said: &ClientRegistered) -> impl Iterator<Item = (Field, &str)> {
    let email = said.email.as_deref().filter(|email| address(email).is_some());
    [
        (Field::Email, email),
        (Field::FirstName, said.first_name.as_deref()),
        (Field::LastName, said.last_name.as_deref()),
        (Field::Phone, said.phone.as_deref()),
        (Field::Country, said.country.as_deref()),
        (Field::Language, said.language.as_deref()),
    ]
    .into_iter()
    .filter_map(|(field, value)| Some((field, value?)))
}
