//! A deposit or withdrawal. One transaction for each key; facts that contradict each other under one key stand side by side, in no
//! total, until staff decide. Everything else is said field by field, as of a client.

use std::collections::BTreeMap;

use contract::clock::Timestamp;
use contract::events::Transaction as Said;
use contract::ids::{ClientRef, EventId, TransactionRef};
use contract::money::Amount;
use contract::resources::{TransactionKind, TransactionState};
use serde::{Deserialize, Serialize};

use super::client::EARLIEST;
use super::facts::{Facts, Heard, state};
use super::order::OrderKey;
use super::place::Place;

/// A field of a transaction that events state, beside its amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TransactionField {
    Currency,
    AccountId,
    SubaccountId,
    FundType,
    Method,
    Fee,
    ExternalId,
    Reason,
    CompletedAt,
}

impl TransactionField {
    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Currency => "currency",
            Self::AccountId => "accountId",
            Self::SubaccountId => "subaccountId",
            Self::FundType => "fundType",
            Self::Method => "method",
            Self::Fee => "fee",
            Self::ExternalId => "externalId",
            Self::Reason => "reason",
            Self::CompletedAt => "completedAt",
        }
    }
}

/// What a transaction is found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TransactionKey {
    pub(crate) source: String,
    pub(crate) kind: TransactionKind,
    /// `t:` and the platform's id, or `e:` and the event's, where the platform gave none.
    pub(crate) key: String,
}

impl TransactionKey {
    /// The key of what this event tells of.
    pub(crate) fn of(source: &str, kind: TransactionKind, said: &Said, event_id: EventId) -> Self {
        let key = match said.transaction_id.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => format!("t:{id}"),
            None => format!("e:{event_id}"),
        };
        Self { source: source.to_owned(), kind, key }
    }
}

/// One variant of a transaction; the only one, unless facts contradict each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub(crate) id: TransactionRef,
    pub(crate) client: ClientRef,
    pub(crate) key: TransactionKey,
    pub(crate) variant: i32,
    pub(crate) state: TransactionState,
    pub(crate) transaction_id: Option<String>,
    /// The event that told of it first.
    pub(crate) event_id: EventId,
    pub(crate) amount: Amount,
    pub(crate) facts: Facts<TransactionField>,
    /// The earliest time that any event gives it.
    pub(crate) effective_at: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) version: i64,
}

/// What an event brings along to make a transaction of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Telling<'a> {
    pub(crate) said: &'a Said,
    pub(crate) client: ClientRef,
    pub(crate) event_id: EventId,
    pub(crate) order: OrderKey,
    pub(crate) now: Timestamp,
    /// Its id, should it be a new one.
    pub(crate) new_id: TransactionRef,
}

/// What an event did to the transactions under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) heard: Heard,
    /// A transaction, or a variant of one, that was not there before.
    pub(crate) new: bool,
    /// How what it told stands now.
    pub(crate) state: TransactionState,
    /// It contradicts what stood: from now on all of the key is in conflict.
    pub(crate) opens_conflict: bool,
}

/// Takes an event to heart, among the variants under its key. `owner` decides whose a transaction is that one client has and another
/// tells of; nobody's, where they can't be one person. Of a key's variants those with this amount have to be here, and the last.
pub(crate) fn tell(
    variants: &mut BTreeMap<i32, Transaction>,
    key: &TransactionKey,
    telling: Telling<'_>,
    owner: impl Fn(ClientRef, ClientRef) -> Option<ClientRef>,
) -> Told {
    let agreeing = variants.values_mut().filter(|known| known.agrees_with(telling.said));
    let mut fitting = agreeing.filter_map(|known| Some((owner(known.client, telling.client)?, known)));
    if let Some((owner, known)) = fitting.next() {
        let mut heard = known.hear(telling.said, telling.order, telling.now);
        if owner != known.client {
            known.client = owner;
            known.touch(telling.now);
            heard.changes("clientId");
        }
        return Told { heard, new: false, state: known.state, opens_conflict: false };
    }
    let last = variants.last_key_value();
    let (variant, contradicts) = (last.map_or(0, |(last, _)| last.saturating_add(1)), last.is_some());
    let opens_conflict = last.is_some_and(|(_, last)| last.state != TransactionState::Conflict);
    let mut new = Transaction::new(key, variant, telling);
    let heard = new.hear(telling.said, telling.order, telling.now);
    if contradicts {
        new.state = TransactionState::Conflict;
        variants.values_mut().for_each(|known| known.set_state(TransactionState::Conflict, telling.now));
    }
    let state = new.state;
    variants.insert(variant, new);
    Told { heard, new: true, state, opens_conflict }
}

impl Transaction {
    /// A transaction of which nothing is known yet but its key and its amount.
    pub(crate) fn new(key: &TransactionKey, variant: i32, telling: Telling<'_>) -> Self {
        let Telling { said, client, event_id, order, now, new_id } = telling;
        Self {
            id: new_id,
            client,
            key: key.clone(),
            variant,
            state: TransactionState::Completed,
            transaction_id: said.transaction_id.clone().filter(|id| !id.is_empty()),
            event_id,
            amount: said.amount.clone(),
            facts: Facts::new(),
            effective_at: order.effective.max(EARLIEST),
            created_at: now,
            updated_at: now,
            version: 0,
        }
    }

    /// Staff decide a conflict: this one stands, and all others under its key are to be rejected. False if it is in no conflict.
    pub(crate) fn accept(&mut self, now: Timestamp) -> bool {
        let in_conflict = self.state == TransactionState::Conflict;
        if in_conflict {
            self.set_state(TransactionState::Completed, now);
        }
        in_conflict
    }

    /// Where it stands in its client's list.
    pub(crate) fn place(&self) -> Place {
        Place { time: self.effective_at, id: self.id.to_string() }
    }

    /// What the field holds.
    pub(crate) fn value(&self, field: TransactionField) -> Option<&str> {
        self.facts.get(&field).map(|fact| fact.value.as_str())
    }

    /// The same amount in the same currency, as far as both are said.
    pub(crate) fn agrees_with(&self, said: &Said) -> bool {
        let other = match (self.value(TransactionField::Currency), &said.currency) {
            (Some(known), Some(said)) => known != said.as_str(),
            _ => false,
        };
        self.amount == said.amount && !other
    }

    /// Takes a statement to heart. What it does not say stays.
    pub(crate) fn hear(&mut self, said: &Said, order: OrderKey, now: Timestamp) -> Heard {
        let mut heard = Heard::default();
        for (field, value) in statements(said) {
            heard.note(field.name(), state(&mut self.facts, field, &value, order));
        }
        let effective = order.effective.max(EARLIEST);
        if effective < self.effective_at {
            self.effective_at = effective;
            heard.changes("effectiveAt");
        }
        if !heard.changed.is_empty() || self.version == 0 {
            self.touch(now);
        }
        heard
    }

    fn set_state(&mut self, state: TransactionState, now: Timestamp) {
        if self.state != state {
            self.state = state;
            self.touch(now);
        }
    }

    fn touch(&mut self, now: Timestamp) {
        self.updated_at = self.updated_at.max(now);
        self.version = self.version.saturating_add(1);
    }
}

fn statements(said: &Said) -> impl Iterator<Item = (TransactionField, String)> {
    [
        (TransactionField::Currency, said.currency.as_ref().map(ToString::to_string)),
        (TransactionField::AccountId, said.account_id.clone()),
        (TransactionField::SubaccountId, said.subaccount_id.clone()),
        (TransactionField::FundType, said.fund_type.map(|kind| kind.as_str().to_owned())),
        (TransactionField::Method, said.method.clone()),
        (TransactionField::Fee, said.fee.as_ref().map(ToString::to_string)),
        (TransactionField::ExternalId, said.external_id.clone()),
        (TransactionField::Reason, said.reason.clone()),
        (TransactionField::CompletedAt, said.completed_at.map(|at| at.max(EARLIEST).to_string())),
    ]
    .into_iter()
    .filter_map(|(field, value)| Some((field, value?)))
}

#[cfg(test)]
mod tests {
    use TransactionState::{Completed, Conflict, Rejected};
    use serde_json::{Value, json};

    use super::*;

    /// Variants under one key, and how often anything was told.
    #[derive(Default)]
    struct Key {
        variants: BTreeMap<i32, Transaction>,
        told: u8,
    }

    fn client(number: u8) -> ClientRef {
        ClientRef::new(Timestamp::from_micros(0), [number; 10])
    }

    impl Key {
        /// Told at this second. Clients below 10 have clientIds, so no two of them are one person.
        fn tell(&mut self, second: i64, by: u8, said: &Value) -> Told {
            self.told += 1;
            let (now, random) = (Timestamp::from_micros(i64::from(self.told)), [self.told; 10]);
            let said: Said = serde_json::from_value(said.clone()).expect("what an event says");
            let event_id = EventId::new(now, random);
            let key = TransactionKey::of("site", TransactionKind::Deposit, &said, event_id);
            let order = (second * 1_000_000, None, second).into();
            let new_id = TransactionRef::new(now, random);
            let telling = Telling { said: &said, client: client(by), event_id, order, now, new_id };
            tell(&mut self.variants, &key, telling, |holder, teller| {
                match [holder, teller].map(|who| who < client(10)) {
                    [true, true] if holder != teller => None,
                    [false, true] => Some(teller),
                    _ => Some(holder),
                }
            })
        }

        fn states(&self) -> Vec<(String, TransactionState)> {
            self.variants.values().map(|one| (one.amount.to_string(), one.state)).collect()
        }

        fn decide(&mut self, variant: i32) -> Option<Transaction> {
            let now = Timestamp::from_micros(1_000);
            let accepted = self.variants.get_mut(&variant)?;
            let accepted = accepted.accept(now).then(|| accepted.clone())?;
            let others = self.variants.values_mut().filter(|one| one.id != accepted.id);
            others.for_each(|one| one.set_state(Rejected, now));
            Some(accepted)
        }
    }

    fn of(amount: &str) -> Value {
        json!({ "transactionId": "7", "amount": amount })
    }

    #[test]
    fn the_same_amount_in_the_same_currency_is_the_same_transaction() {
        let mut key = Key::default();
        let first = key.tell(5, 1, &of("5"));
        assert_eq!((first.new, first.state), (true, Completed));
        let more = key.tell(
            3,
            1,
            &json!({"transactionId": "7", "amount": "5.00", "currency": "EUR", "method": "card"}),
        );
        assert_eq!((more.new, more.state, more.heard.changed.len()), (false, Completed, 3));
        assert_eq!(key.states(), [("5".to_owned(), Completed)]);
        let one = &key.variants[&0];
        assert_eq!(
            (one.effective_at, one.version),
            (Timestamp::from_micros(3_000_000), 2),
            "the earliest time"
        );
        let again = key.tell(5, 1, &of("5"));
        assert!(again.heard.changed.is_empty() && !again.new);
        assert_eq!(key.variants[&0].version, 2);
        let overtaken = key.tell(2, 1, &json!({"transactionId": "7", "amount": "5", "method": "cash"}));
        assert_eq!(overtaken.heard.changed, ["effectiveAt"]);
        assert!(
            key.tell(2, 1, &json!({"transactionId": "7", "amount": "5", "method": "cash"}))
                .heard
                .is_overtaken()
        );
    }

    #[test]
    fn another_amount_currency_or_client_contradicts() {
        let eur = json!({"transactionId": "7", "amount": "5", "currency": "EUR"});
        let usd = json!({"transactionId": "7", "amount": "5", "currency": "USD"});
        for (by, said) in [(1, of("6")), (1, usd), (2, eur.clone())] {
            let mut key = Key::default();
            key.tell(1, 1, &eur);
            let told = key.tell(2, by, &said);
            assert_eq!((told.new, told.state), (true, Conflict), "{by} {said}");
            assert!(key.variants.values().all(|one| one.state == Conflict));
            for (again, by, said) in [(3, 1, &eur), (4, by, &said)] {
                let told = key.tell(again, by, said);
                assert_eq!((told.new, told.state), (false, Conflict), "said again, it is so still");
            }
            assert_eq!(key.variants.len(), 2);
        }
        let mut key = Key::default();
        key.tell(1, 1, &eur);
        assert!(!key.tell(2, 10, &eur).new, "who is known by an address alone may be the same person");
    }

    #[test]
    fn whoever_has_a_client_id_owns_what_an_address_alone_told_of() {
        for order in [[10, 1], [1, 10]] {
            let mut key = Key::default();
            let told = order.map(|by| key.tell(by.into(), by, &of("5")));
            assert_eq!((told[1].state, key.variants[&0].client), (Completed, client(1)), "{order:?}");
            assert!(!told[1].new && key.tell(1, 1, &of("5")).heard.changed.is_empty(), "once");
        }
    }

    #[test]
    fn staff_decide_once_and_new_facts_open_the_conflict_again() {
        let mut key = Key::default();
        key.tell(1, 1, &of("5"));
        assert_eq!(key.decide(0), None, "nothing to decide");
        key.tell(2, 1, &of("6"));
        let accepted = key.decide(1).expect("decided");
        assert_eq!((accepted.amount.to_string(), accepted.state), ("6".to_owned(), Completed));
        assert_eq!(key.states(), [("5".to_owned(), Rejected), ("6".to_owned(), Completed)]);
        assert_eq!(key.decide(1), None, "it was decided");
        assert_eq!(key.decide(0), None);

        for (said, state) in [("6", Completed), ("5", Rejected)] {
            let told = key.tell(3, 1, &of(said));
            assert_eq!((told.new, told.state), (false, state), "decided is decided: {said}");
        }
        assert_eq!(key.states(), [("5".to_owned(), Rejected), ("6".to_owned(), Completed)]);

        let told = key.tell(4, 1, &of("7"));
        assert_eq!((told.new, told.state), (true, Conflict));
        assert!(key.variants.values().all(|one| one.state == Conflict), "all are to be looked at again");
        assert!(key.decide(0).is_some());
    }

    #[test]
    fn without_an_id_the_event_is_the_key() {
        let event = |n| EventId::new(Timestamp::from_micros(0), [n; 10]);
        let key = |said: Value, n| {
            let said: Said = serde_json::from_value(said).expect("what an event says");
            TransactionKey::of("site", TransactionKind::Deposit, &said, event(n)).key
        };
        assert_eq!(key(of("5"), 1), "t:7");
        let nameless = json!({"amount": "5"});
        assert_eq!(key(nameless.clone(), 1), format!("e:{}", event(1)));
        assert_ne!(key(nameless.clone(), 1), key(nameless, 2));
        assert_eq!(key(json!({"amount": "5", "transactionId": ""}), 1), format!("e:{}", event(1)));
        let looks_so = json!({"amount": "5", "transactionId": event(1)});
        assert_ne!(key(looks_so, 2), format!("e:{}", event(1)), "no id is another event's");
    }
}
