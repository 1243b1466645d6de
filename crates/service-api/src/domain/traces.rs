//! What an event that was applied left behind: what it states, and whether that still stands. What it states is found out by the very
//! rules that apply it, on a record of which nothing else is known, so the two can't differ.

use std::collections::BTreeMap;

use contract::clock::Timestamp;
use contract::events::Event;
use contract::history::{Change, Standing, Subject};
use contract::ids::TransactionRef;
use contract::internal::ApplyEvent;
use contract::internal::trace::TracedField;
use contract::resources::{Activity, ActivityType};
use serde_json::Value;

use super::account::{Account, AccountKey};
use super::client::Client;
use super::facts::{Fact, Facts};
use super::order::OrderKey;
use super::transaction::{Telling, Transaction};

/// What an event states of its client, beside the client as it is.
pub(crate) fn of_client(event: &ApplyEvent, client: &Client) -> Vec<TracedField> {
    let (order, at) = (OrderKey::of(event), event.received_at);
    let mut stated = Client::new(client.id, &event.source, None, at);
    match &event.event {
        Event::ClientRegistered(said) => _ = stated.register(said, order, at),
        Event::KycUpdated(said) => _ = stated.hear_kyc(said, order, at),
        Event::AccountUpdated(said) => _ = stated.hear_account(said, order, at),
        Event::DepositCompleted(_) | Event::WithdrawalCompleted(_) => {}
    }
    let mut fields = of_facts(Subject::Client, &stated.facts, &client.facts, |field| field.name());
    if let (Some(order), Some(known)) = (stated.kyc.order, client.kyc.order) {
        let same = (stated.kyc.status, &stated.kyc.notes) == (client.kyc.status, &client.kyc.notes);
        fields.extend(traced("kycStatus", Subject::Client, order, known, same));
    }
    fields
}

/// What an event states of an account, beside the account as it is.
pub(crate) fn of_account(event: &ApplyEvent, key: &AccountKey, account: &Account) -> Vec<TracedField> {
    let Event::AccountUpdated(said) = &event.event else { return Vec::new() };
    let mut stated = Account::new(account.id, account.client, key, event.received_at);
    stated.hear(said, OrderKey::of(event), event.received_at);
    of_facts(Subject::Account, &stated.facts, &account.facts, |field| field.name())
}

/// What an event states of a transaction, beside the transaction as it is.
pub(crate) fn of_transaction(event: &ApplyEvent, known: &Transaction) -> Vec<TracedField> {
    let (Event::DepositCompleted(said) | Event::WithdrawalCompleted(said)) = &event.event else {
        return Vec::new();
    };
    let (order, now) = (OrderKey::of(event), event.received_at);
    let new_id = TransactionRef::new(Timestamp::from_micros(0), [0; 10]);
    let telling = Telling { said, client: known.client, event_id: event.event_id, order, now, new_id };
    let mut stated = Transaction::new(&known.key, known.variant, telling);
    stated.hear(said, order, now);
    of_facts(Subject::Transaction, &stated.facts, &known.facts, |field| field.name())
}

fn of_facts<F: Ord>(
    of: Subject,
    stated: &Facts<F>,
    known: &BTreeMap<F, Fact>,
    name: impl Fn(&F) -> &'static str,
) -> Vec<TracedField> {
    let both = stated.iter().filter_map(|(field, said)| Some((field, said, known.get(field)?)));
    both.filter_map(|(field, said, known)| {
        traced(name(field), of, said.order, known.order, said.value == known.value)
    })
    .collect()
}

/// How a statement of this order stands beside what is known. `None` if it has not reached the record.
fn traced(field: &str, of: Subject, said: OrderKey, known: OrderKey, same: bool) -> Option<TracedField> {
    let standing = match (known.cmp(&said), same) {
        (std::cmp::Ordering::Less, _) => return None,
        (std::cmp::Ordering::Equal, _) => Standing::Stands,
        (std::cmp::Ordering::Greater, true) => Standing::Confirmed,
        (std::cmp::Ordering::Greater, false) => Standing::Overtaken,
    };
    Some(TracedField { field: field.to_owned(), of, standing, intake: known.intake })
}

/// What an activity says that changed.
pub(crate) fn change(activity: &Activity) -> Change {
    let changed = activity.metadata.get("changed").and_then(Value::as_array);
    let names = changed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let fields = match activity.activity_type {
        ActivityType::KycChanged => vec!["kycStatus".to_owned()],
        _ => names.collect(),
    };
    let new = activity.metadata.get("new").and_then(Value::as_bool).unwrap_or_default();
    Change { activity_type: activity.activity_type, fields, new }
}
