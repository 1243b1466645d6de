//! The law, on real databases and over HTTP: any order, repetition and batching of events without conflicts gives the same answers.

use contract::internal::{ApplyEvent, ApplyResult};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use test_kit::database::{TestDatabase, postgres, sqlite};

use crate::support::{Api, at, told};

/// Persons 0 and 1 have clientIds, 2 is known by addresses alone.
const PERSONS: usize = 3;
/// Used by both clientIds, but never without one: so whose event it is, is never in doubt.
const SHARED: &str = "shared@example.com";

/// One event, as it is drawn. Few values of everything, so that ties and returns are common.
#[derive(Debug, Clone)]
struct Drawn {
    person: usize,
    by: u8,
    address: usize,
    event_type: usize,
    numbers: [Option<u8>; 5],
    effective: i64,
    sequence: Option<i64>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let few = || proptest::option::of(0..3_u8);
    let named = (0..PERSONS, 0..3_u8, 0..3_usize);
    let numbers = [few(), few(), few(), few(), few()];
    (named, 0..5_usize, numbers, 0..5_i64, proptest::option::of(0..3_i64)).prop_map(
        |((person, by, address), event_type, numbers, effective, sequence)| Drawn {
            person,
            by,
            address,
            event_type,
            numbers,
            effective,
            sequence,
        },
    )
}

fn own_address(person: usize, number: usize) -> String {
    format!("person{person}-{number}@example.com")
}

impl Drawn {
    fn event(&self, intake: usize) -> ApplyEvent {
        let client_id = (self.person < 2 && self.by != 0).then(|| format!("c{}", self.person));
        let email = match (&client_id, self.address) {
            (Some(_), _) if self.by == 1 => None,
            (Some(_), 2) => Some(SHARED.to_owned()),
            _ => Some(own_address(self.person, self.address % 2)),
        };
        // Told by clientId, under one address, or in both ways: whose who has the clientId. Under two addresses that nobody connects
        // arrival would decide.
        let owner = format!("p{}n{}", self.person, self.address % 2);
        let (event_type, mut data) = self.data(&owner);
        let named_by = if event_type == "account.updated" { "clientEmail" } else { "email" };
        data[named_by] = json!(email);
        data["clientId"] = json!(client_id);
        let mut event = told(self.effective, event_type, &data);
        event.intake = i64::try_from(intake).expect("few");
        event.sequence = self.sequence;
        event
    }

    fn data(&self, owner: &str) -> (&'static str, Value) {
        let [a, b, c, d, e] = self.numbers;
        let own = |number: Option<u8>| number.map(|number| format!("{owner}-{number}"));
        let word = |number: Option<u8>| number.map(|number| ["A", "B", "C"][usize::from(number)]);
        match self.event_type {
            0 => (
                "client.registered",
                json!({"firstName": word(a), "phone": word(b), "createdAt": c.map(|n| at(n.into()))}),
            ),
            1 => {
                let status = ["pending", "approved", "rejected"][usize::from(a.unwrap_or(0))];
                ("kyc.updated", json!({"kycStatus": status, "kycNotes": word(b)}))
            }
            2 => {
                let server = b.filter(|n| *n > 0).map(|n| format!("S{n}"));
                let parent = c.filter(|n| *n > 0).and_then(|n| own(Some(n)));
                let currency = e.map(|n| ["USD", "EUR", "BTC"][usize::from(n)]);
                let moved = e.filter(|n| *n > 0).map(|n| own_address(self.person, usize::from(n) % 2));
                (
                    "account.updated",
                    json!({"accountId": own(a), "server": server, "parentAccountId": parent, "balance": d, "currency": currency, "firstName": word(d), "email": moved, "createdAt": b.map(|n| at(n.into()))}),
                )
            }
            kind => {
                let amount = u32::from(a.unwrap_or(7)) + 1;
                let data = json!({"transactionId": own(a), "amount": amount, "currency": b.map(|_| "USD"), "accountId": own(c), "method": word(d), "fee": e});
                (if kind == 3 { "deposit.completed" } else { "withdrawal.completed" }, data)
            }
        }
    }
}

/// All answers, but for our own ids, versions and times.
async fn answers(api: &Api) -> Vec<Value> {
    let mut answers = vec![api.call("GET", "/clients?limit=200", &Value::Null).await.json()];
    let own = (0..PERSONS).flat_map(|person| (0..2).map(move |number| own_address(person, number)));
    for email in own.chain([SHARED.to_owned()]) {
        for path in [
            format!("/clients/{email}"),
            format!("/accounts/{email}"),
            format!("/clients/{email}/transactions"),
        ] {
            let answer = api.call("GET", &path, &Value::Null).await;
            assert!(matches!(answer.status, 200 | 404), "{path}: {answer:?}");
            answers.push(if answer.status == 200 { answer.json() } else { json!(404) });
        }
    }
    answers.iter_mut().for_each(stripped);
    answers
}

/// Without what is ours. What stands in an order of ours is sorted anew.
fn stripped(answer: &mut Value) {
    match answer {
        Value::Object(members) => {
            for own in ["id", "eventId", "version", "updatedAt", "nextCursor"] {
                members.remove(own);
            }
            // What no event said is the time at which we heard of it.
            let said = |time: &Value| time.as_str().is_some_and(|time| *time < *at(1_000).to_string());
            if members.get("createdAt").is_some_and(|time| !said(time)) {
                members.remove("createdAt");
            }
            members.values_mut().for_each(stripped);
            for list in ["transactions", "clients"] {
                if let Some(Value::Array(items)) = members.get_mut(list) {
                    items.sort_by_key(Value::to_string);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(stripped),
        _ => {}
    }
}

async fn applied(on: TestDatabase, batches: &[Vec<ApplyEvent>]) -> Vec<Value> {
    let ingest = crate::support::Ingest::start(crate::support::Asked::None).await;
    let api = Api::start(&on, &ingest.url).await;
    for batch in batches {
        for (result, reason) in api.apply(batch).await {
            let fine = matches!(
                result,
                ApplyResult::Applied | ApplyResult::Superseded | ApplyResult::AlreadyApplied
            );
            assert!(fine, "{result:?} {reason:?}");
        }
    }
    let answers = answers(&api).await;
    let mut applied = api.entries("event.apply", 1).await;
    applied.sort_by_key(|entry| entry["details"]["eventId"].to_string());
    applied.dedup_by_key(|entry| entry["details"]["eventId"].clone());
    let events = api.texts("select result as text from applied_events").await;
    assert_eq!(applied.len(), events.len(), "each event has its one entry");
    answers
}

/// The events in another order, some of them twice, in batches.
fn arriving(
    events: &[ApplyEvent],
    (repeated, swaps, cuts): &(Vec<Index>, Vec<(Index, Index)>, Vec<Index>),
) -> Vec<Vec<ApplyEvent>> {
    let mut arriving = events.to_vec();
    arriving.extend(repeated.iter().map(|index| index.get(events).clone()));
    for (one, other) in swaps {
        let (one, other) = (one.index(arriving.len()), other.index(arriving.len()));
        arriving.swap(one, other);
    }
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(arriving.len())).collect();
    cuts.sort_unstable();
    let mut batches: Vec<_> = cuts.into_iter().rev().map(|cut| arriving.split_off(cut)).collect();
    batches.push(arriving);
    batches.reverse();
    batches
}

fn the_law_holds_on(fresh: fn() -> TestDatabase) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(Config {
        cases: 8,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    });
    let index = any::<Index>;
    let disorder = (
        proptest::collection::vec(index(), 0..6),
        proptest::collection::vec((index(), index()), 0..24),
        proptest::collection::vec(index(), 0..4),
    );
    let cases = (proptest::collection::vec(drawn(), 4..13), disorder);
    let law = runner.run(&cases, |(drawn, disorder)| {
        let events: Vec<_> = drawn.iter().enumerate().map(|(intake, one)| one.event(intake)).collect();
        let in_order: Vec<_> = events.iter().map(|event| vec![event.clone()]).collect();
        let expected = runtime.block_on(applied(fresh(), &in_order));
        let answers = runtime.block_on(applied(fresh(), &arriving(&events, &disorder)));
        prop_assert_eq!(answers, expected);
        Ok(())
    });
    law.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn any_order_gives_the_same_answers_on_sqlite() {
    the_law_holds_on(sqlite);
}

#[test]
fn any_order_gives_the_same_answers_on_postgres() {
    the_law_holds_on(postgres);
}
