//! What a plan promises: bodies that follow from the seed, events without conflicts, and an expectation that follows from what
//! happened alone.

use std::collections::{BTreeMap, BTreeSet};

use contract::clock::{Clock, Timestamp};
use contract::events::{Envelope, Event, EventType, KycWords, Reading, read};
use serde_json::json;
use trading_sim::check::{of_accounts, of_record, of_transactions};
use trading_sim::platform::{Plan, PlanOptions};

fn rough(seed: u64, events: usize) -> PlanOptions {
    PlanOptions { duplicates: 0.2, shuffle: 0.3, old: 0.1, ..PlanOptions::new(seed, events) }
}

fn understood(body: &str) -> Envelope {
    match read(body.as_bytes(), &KycWords::built_in(), Clock::system().now()) {
        Reading::Known(envelope) => envelope,
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn the_same_seed_gives_the_same_bodies_and_another_gives_others() {
    assert_eq!(Plan::new(&rough(7, 500)), Plan::new(&rough(7, 500)));
    let bodies = |seed| -> BTreeSet<String> {
        Plan::new(&rough(seed, 500)).deliveries.into_iter().map(|delivery| delivery.event.body).collect()
    };
    assert_eq!(bodies(7).intersection(&bodies(8)).count(), 0);
}

/// The network changes neither what happens nor when.
#[test]
fn what_happens_does_not_hang_on_how_it_is_sent() {
    let smooth: BTreeSet<_> =
        Plan::new(&PlanOptions::new(7, 400)).deliveries.into_iter().map(|one| one.event.body).collect();
    let sent =
        Plan::new(&PlanOptions { duplicates: 0.3, shuffle: 0.5, ..PlanOptions::new(7, 400) }).deliveries;
    assert!(sent.len() > 450);
    assert_eq!(sent.into_iter().map(|one| one.event.body).collect::<BTreeSet<_>>(), smooth);
}

#[test]
fn all_kinds_are_read_without_a_warning_and_no_two_events_are_of_one_time() {
    for seed in 0..20 {
        let plan = Plan::new(&rough(seed, 300));
        assert_eq!(plan.events(), 300);
        let mut times: BTreeMap<Timestamp, &str> = BTreeMap::new();
        let mut kinds = BTreeSet::new();
        for delivery in &plan.deliveries {
            let envelope = understood(&delivery.event.body);
            assert_eq!(envelope.warnings, [], "{}", delivery.event.body);
            let other = times.insert(envelope.effective_at, &delivery.event.body);
            assert!(other.is_none_or(|other| other == delivery.event.body), "two events of one time");
            kinds.insert(delivery.event.kind);
        }
        assert_eq!(kinds.len(), EventType::ALL.len(), "seed {seed}");
    }
}

#[test]
fn duplicates_and_disorder_are_there_when_asked_for_and_not_otherwise() {
    let disorder = |plan: &Plan| {
        let times: Vec<_> =
            plan.deliveries.iter().map(|one| understood(&one.event.body).effective_at).collect();
        times.windows(2).filter(|pair| pair[1] <= pair[0]).count()
    };
    let smooth = Plan::new(&PlanOptions::new(3, 400));
    assert_eq!((smooth.deliveries.len(), disorder(&smooth)), (400, 0));
    let rough = Plan::new(&rough(3, 400));
    assert!(rough.deliveries.len() > 440 && disorder(&rough) > 50);
}

/// Ids are never given twice, so no transaction has two amounts and no account two owners.
#[test]
fn nothing_contradicts_anything() {
    for seed in 0..10 {
        let plan = Plan::new(&PlanOptions::new(seed, 400));
        let mut transactions = BTreeSet::new();
        let mut owners = BTreeMap::new();
        let mut addresses = BTreeMap::new();
        for delivery in &plan.deliveries {
            let event = understood(&delivery.event.body).event.expect("known");
            let client = event.identity().client_id.expect("every event names its client").to_owned();
            if let Some(email) = event.identity().email {
                let owner = addresses.entry(email.to_lowercase()).or_insert(client.clone());
                assert_eq!(owner, &client, "{email} is one person's");
            }
            match event {
                Event::DepositCompleted(one) | Event::WithdrawalCompleted(one) => {
                    assert!(transactions.insert(one.transaction_id.expect("keyed")));
                }
                Event::AccountUpdated(one) => {
                    if let Some(account) = one.account_id {
                        let key = (one.server.expect("its server"), account);
                        assert_eq!(owners.entry(key).or_insert(client.clone()), &client);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The last word on each field, in the order of time, is what is expected; memories of a time long gone change nothing.
#[test]
fn the_expectation_is_the_last_word_by_time() {
    for seed in 0..10 {
        let plan = Plan::new(&rough(seed, 600));
        let mut events: Vec<_> =
            plan.deliveries.iter().map(|delivery| understood(&delivery.event.body)).collect();
        events.sort_by_key(|envelope| envelope.effective_at);
        let (mut kyc, mut emails) = (BTreeMap::new(), BTreeMap::new());
        let mut balances = BTreeMap::new();
        for event in events.into_iter().filter_map(|envelope| envelope.event) {
            let client = event.identity().client_id.expect("named").to_owned();
            match event {
                Event::KycUpdated(one) => drop(kyc.insert(client, one.kyc_status.as_str())),
                Event::ClientRegistered(one) => drop(emails.insert(client, one.email.expect("there"))),
                Event::AccountUpdated(one) => {
                    if let Some(email) = one.email {
                        emails.insert(client.clone(), email);
                    }
                    if let (Some(account), Some(balance)) = (one.account_id, one.balance) {
                        balances.insert((client, account), balance);
                    }
                }
                _ => {}
            }
        }
        for (id, client) in &plan.expectation.clients {
            assert_eq!(client.email(), emails[id]);
            assert_eq!(client.record["kycStatus"], *kyc.get(id).unwrap_or(&"not_started"));
            for (account, fields) in &client.accounts {
                let expected = fields["balance"].as_str().and_then(|text| text.parse().ok());
                assert_eq!(expected.as_ref(), balances.get(&(id.clone(), account.clone())));
            }
        }
    }
}

/// The comparison finds what differs, and only that.
#[test]
fn a_wrong_record_is_seen() {
    let plan = Plan::new(&PlanOptions::new(5, 300));
    let client = plan
        .expectation
        .clients
        .values()
        .find(|client| client.accounts.len() > 1 && client.transactions.len() > 1)
        .expect("somebody");
    let mut record = json!(client.record);
    assert_eq!(of_record(client, &record), Vec::<String>::new());
    record["kycStatus"] = json!("expired_long_ago");
    assert_eq!(of_record(client, &record).len(), 1);

    let answered = |account: &serde_json::Value| {
        let mut account = account.clone();
        account["leverageText"] = account["leverage"].clone();
        account
    };
    let mut answer = json!({"accounts": client.accounts.values().map(answered).collect::<Vec<_>>()});
    assert_eq!(of_accounts(client, &answer), Vec::<String>::new());
    answer["accounts"][0]["balance"] = json!("0.01");
    answer["accounts"][1]["leverageText"] = json!("1:7");
    assert_eq!(of_accounts(client, &answer).len(), 2, "{:?}", of_accounts(client, &answer));
    answer["accounts"].as_array_mut().expect("a list").pop();
    assert!(!of_accounts(client, &answer).is_empty());

    let paid = |one: &trading_sim::platform::ExpectedTransaction| {
        let kind = one.kind.as_str().split('.').next();
        json!({"transactionId": one.id, "type": kind, "amount": one.amount(), "currency": one.currency, "accountId": one.account})
    };
    let mut transactions: Vec<_> = client.transactions.iter().map(paid).collect();
    assert_eq!(of_transactions(client, &transactions), Vec::<String>::new());
    transactions[0]["amount"] = json!("0.01");
    assert_eq!(of_transactions(client, &transactions).len(), 1);
    let twice = transactions[1].clone();
    transactions.push(twice);
    assert_eq!(of_transactions(client, &transactions).len(), 3, "one too many, one wrong, one twice");
}
