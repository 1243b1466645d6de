//! A client's record, and how statements of events change it: field by field the greatest order key wins, so that any order of
//! arrival and any repetition end in the same record.

use std::time::Duration;

use contract::clock::Timestamp;
use contract::email::EmailKey;
use contract::events::{AccountUpdated, ClientRegistered, KycUpdated};
use contract::ids::ClientRef;
use contract::kyc::KycStatus;
use contract::resources::ClientStatus;
use serde::{Deserialize, Serialize};

use super::facts::{Facts, Heard, absorb, state};
use super::identity::address;
use super::order::OrderKey;
use super::standing::stricter;

/// 0001-01-01T00:00:00Z, before which PostgreSQL and SQLite do not agree on times. A senseless `createdAt` refuses no event.
pub(crate) const EARLIEST: Timestamp = Timestamp::from_micros(-62_135_596_800_000_000);

/// The least time between a statement and the change that overrules it.
const STEP: Duration = Duration::from_micros(1);

/// A field of the profile that events state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Field {
    /// The address.
    Email,
    /// The address by which events named the client, while none stated it.
    NamedEmail,
    FirstName,
    LastName,
    Phone,
    Country,
    Language,
}

impl Field {
    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Email | Self::NamedEmail => "email",
            Self::FirstName => "firstName",
            Self::LastName => "lastName",
            Self::Phone => "phone",
            Self::Country => "country",
            Self::Language => "language",
        }
    }
}

/// The identity check. Status and notes are one field: who states the one without the other states that there are no notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kyc {
    pub(crate) status: KycStatus,
    pub(crate) notes: Option<String>,
    /// Of what stands; its time is when the check was last stated. `None` while nothing was said.
    pub(crate) order: Option<OrderKey>,
}

/// The identity check went from one status to another, or its notes changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KycChange {
    pub(crate) from: KycStatus,
    pub(crate) to: KycStatus,
    pub(crate) notes: Option<String>,
    /// The time it stands under.
    pub(crate) at: Timestamp,
}

/// A client's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) id: ClientRef,
    pub(crate) source: String,
    /// The platform's id; `None` while the client is known by an address alone.
    pub(crate) client_id: Option<String>,
    pub(crate) facts: Facts<Field>,
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

impl Client {
    /// A record of which nothing is known yet but its name.
    pub(crate) fn new(id: ClientRef, source: &str, client_id: Option<&str>, now: Timestamp) -> Self {
        Self {
            id,
            source: source.to_owned(),
            client_id: client_id.map(str::to_owned),
            facts: Facts::new(),
            status: ClientStatus::Provisional,
            kyc: Kyc { status: KycStatus::NotStarted, notes: None, order: None },
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

    /// The present address, byte for byte as sent: what was stated, else what the client was named by.
    pub(crate) fn email(&self) -> Option<&str> {
        self.value(Field::Email).or_else(|| self.value(Field::NamedEmail))
    }

    /// The present address as a look-up key.
    pub(crate) fn address(&self) -> Option<EmailKey> {
        self.email().and_then(address)
    }

    /// When the identity check last changed or was confirmed.
    pub(crate) fn kyc_updated_at(&self) -> Option<Timestamp> {
        self.kyc.order.map(|order| order.effective.max(EARLIEST))
    }

    /// Takes a registration to heart. What it does not say stays; `registered_at` goes to the earliest, and a provisional client
    /// becomes active.
    pub(crate) fn register(&mut self, said: &ClientRegistered, order: OrderKey, now: Timestamp) -> Heard {
        let ClientRegistered { email, first_name, last_name, phone, country, language, .. } = said;
        let profile = [first_name, last_name, phone, country, language];
        let mut heard = self.hear_profile(email.as_deref(), profile, order);
        let registered = said.created_at.map_or(order.effective, |at| at.min(order.effective));
        if self.register_at(registered.max(EARLIEST)) {
            heard.changes("createdAt");
        }
        if self.status == ClientStatus::Provisional {
            self.status = ClientStatus::Active;
            heard.changes("status");
        }
        self.touch_if(&heard, now);
        heard
    }

    /// Takes to heart what an account's event says about the person.
    pub(crate) fn hear_account(&mut self, said: &AccountUpdated, order: OrderKey, now: Timestamp) -> Heard {
        let AccountUpdated { email, first_name, last_name, phone, country, language, .. } = said;
        let profile = [first_name, last_name, phone, country, language];
        let heard = self.hear_profile(email.as_deref(), profile, order);
        self.touch_if(&heard, now);
        heard
    }

    /// Remembers the address by which an event named the client, for as long as none is stated. Which event that was makes the
    /// difference only among such events, so that the order of arrival makes none. True if there is something to write.
    pub(crate) fn named_by(&mut self, email: &str, order: OrderKey, now: Timestamp) -> bool {
        if self.facts.contains_key(&Field::Email) || address(email).is_none() {
            return false;
        }
        let said = state(&mut self.facts, Field::NamedEmail, email, order);
        if said == Some(true) {
            self.touch(now);
        }
        said.is_some()
    }

    /// Takes a statement about the identity check to heart. The change, if it is one.
    pub(crate) fn hear_kyc(
        &mut self,
        said: &KycUpdated,
        order: OrderKey,
        now: Timestamp,
    ) -> (Heard, Option<KycChange>) {
        let mut heard = Heard::default();
        let stands = self.kyc.order.is_none_or(|known| known <= order);
        let change =
            if stands { self.set_kyc(said.kyc_status, said.kyc_notes.as_deref(), order, now) } else { None };
        heard.note("kycStatus", stands.then_some(change.is_some()));
        (heard, change)
    }

    /// Sets the identity check from inside the CRM, stamped so that it stands over all that was said before: also where it stood so
    /// already, for what is older may still arrive. `None` then, for nothing else stands there now.
    pub(crate) fn change_kyc(
        &mut self,
        status: KycStatus,
        notes: Option<&str>,
        now: Timestamp,
    ) -> Option<KycChange> {
        let effective = self.kyc_updated_at().map_or(now, |last| now.max(last.plus(STEP)));
        self.set_kyc(status, notes, OrderKey { effective, sequence: None, intake: 0 }, now)
    }

    /// Sets how the client stands.
    pub(crate) fn change_status(&mut self, status: ClientStatus, now: Timestamp) {
        self.status = status;
        self.touch(now);
    }

    /// Takes over all that another record of the same person says, and leaves it as a pointer to this one.
    pub(crate) fn absorb(&mut self, other: &mut Self, now: Timestamp) {
        absorb(&mut self.facts, std::mem::take(&mut other.facts));
        self.forget_name();
        if other.kyc.order > self.kyc.order {
            self.kyc = other.kyc.clone();
        }
        if let Some(registered) = other.registered_at {
            self.register_at(registered);
        }
        self.status = stricter(self.status, other.status);
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

    /// Takes statements about the profile to heart. An address that nobody could be found by says nothing.
    fn hear_profile(&mut self, email: Option<&str>, profile: [&Option<String>; 5], order: OrderKey) -> Heard {
        let [first_name, last_name, phone, country, language] = profile.map(Option::as_deref);
        let said = [
            (Field::Email, email.filter(|email| address(email).is_some())),
            (Field::FirstName, first_name),
            (Field::LastName, last_name),
            (Field::Phone, phone),
            (Field::Country, country),
            (Field::Language, language),
        ];
        let mut heard = Heard::default();
        for (field, value) in said {
            if let Some(value) = value {
                heard.note(field.name(), state(&mut self.facts, field, value, order));
            }
        }
        self.forget_name();
        heard
    }

    /// Once an address is stated, what the client was named by makes no difference any more.
    fn forget_name(&mut self) {
        if self.facts.contains_key(&Field::Email) {
            self.facts.remove(&Field::NamedEmail);
        }
    }

    fn set_kyc(
        &mut self,
        status: KycStatus,
        notes: Option<&str>,
        order: OrderKey,
        now: Timestamp,
    ) -> Option<KycChange> {
        let from = self.kyc.status;
        let differs = from != status || self.kyc.notes.as_deref() != notes;
        self.kyc = Kyc { status, notes: notes.map(str::to_owned), order: Some(order) };
        self.touch(now);
        let notes = self.kyc.notes.clone();
        differs.then_some(KycChange { from, to: status, notes, at: order.effective })
    }

    fn touch_if(&mut self, heard: &Heard, now: Timestamp) {
        if !heard.changed.is_empty() {
            self.touch(now);
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
