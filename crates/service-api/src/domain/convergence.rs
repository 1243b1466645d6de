//! The law that everything else leans on: any order of arrival and any repetition of events without conflicts end in the same
//! records. For tests only.

use std::collections::{BTreeMap, BTreeSet};

use contract::clock::Timestamp;
use contract::resources::ClientStatus;
use proptest::prelude::*;
use proptest::sample::Index;

use super::client::{Fact, Field};
use super::examples::{Shelf, Told, registration};

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

/// One event; few values of everything, so that ties and returns to a former value are common.
fn event() -> impl Strategy<Value = (ClientEvent, i64, Option<i64>)> {
    let named = (0..PERSONS, 0..3_u8, 0..ADDRESSES + 1, any::<bool>());
    let said = (words(), words(), proptest::option::of(0..6_i64));
    (named, said, 0..5_i64, proptest::option::of(0..3_i64))
        .prop_map(|(named, said, effective, sequence)| (ClientEvent { named, said }, effective, sequence))
}

#[derive(Debug, Clone)]
struct ClientEvent {
    named: (usize, u8, usize, bool),
    said: (Option<String>, Option<String>, Option<i64>),
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
        let mut said = registration(client_id.as_deref(), email.as_deref());
        said.first_name.clone_from(&self.said.0);
        said.phone.clone_from(&self.said.1);
        said.created_at = self.said.2.map(Timestamp::from_micros);
        let intake = i64::try_from(intake).expect("few events");
        Told { said, order: (effective, sequence, intake).into() }
    }
}

/// All that must be the same: everything but our own ids, versions and times.
type Whole = (BTreeSet<Record>, BTreeMap<String, Option<(Option<String>, Option<String>, Vec<String>)>>);
type Record = (
    Option<String>,
    Vec<(Field, String, (i64, Option<i64>, i64))>,
    &'static str,
    Option<Timestamp>,
    Vec<String>,
);

fn whole(shelf: &Shelf) -> Whole {
    let live = shelf.clients.values().filter(|client| client.merged_into.is_none());
    let records = live.map(|client| {
        let facts = client
            .facts
            .iter()
            .map(|(field, Fact { value, order })| (*field, value.clone(), (*order).into()));
        let having = shelf.addresses.iter().filter(|(id, _)| *id == client.id);
        let addresses = having.map(|(_, key)| key.as_str().to_owned()).collect();
        assert_eq!(client.status, ClientStatus::Active);
        (client.client_id.clone(), facts.collect(), client.status.as_str(), client.registered_at, addresses)
    });
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
