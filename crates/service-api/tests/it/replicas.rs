//! Two replicas on one PostgreSQL at once. (SQLite has one process for each service.)

use std::collections::HashMap;
use std::sync::mpsc;

use contract::ids::EventId;
use contract::internal::{ApplyEvent, ApplyResult};
use db::on_backend;
use diesel::RunQueryDsl as _;
use serde_json::{Value, json};
use test_kit::database::postgres;
use test_kit::waiting::wait_for;

use crate::support::{Api, NOBODY, apply_at, named, registered, told};

/// Applies `events` in batches through the replica, and counts the effects of each.
async fn effects(api: &Api, events: Vec<ApplyEvent>, batch: usize) -> HashMap<EventId, usize> {
    let mut applied = HashMap::new();
    for batch in events.chunks(batch) {
        for (event, (result, reason)) in batch.iter().zip(apply_at(api.running.address(), batch).await) {
            assert!(!matches!(result, ApplyResult::Failed | ApplyResult::Refused), "{result:?} {reason:?}");
            *applied.entry(event.event_id).or_default() += usize::from(result == ApplyResult::Applied);
        }
    }
    applied
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_events_through_both_at_once_take_effect_once() {
    let on = postgres();
    let (one, other) = (Api::start(&on, NOBODY).await, Api::start(&on, NOBODY).await);
    let events: Vec<ApplyEvent> = (1..=300)
        .map(|n| {
            named(
                registered(n, Some(&format!("c{}", n % 60)), Some(&format!("c{}@x.org", n % 60))),
                &format!("n{n}"),
            )
        })
        .collect();
    let mut reversed = events.clone();
    reversed.reverse();
    let (by_one, by_other) = tokio::join!(effects(&one, events.clone(), 25), effects(&other, reversed, 40));
    for event in &events {
        let applied = by_one[&event.event_id] + by_other[&event.event_id];
        assert!(applied <= 1, "{} was applied {applied} times", event.event_id);
    }
    let entries = one.entries("event.apply", events.len()).await;
    assert_eq!(entries.len(), events.len(), "one entry each");
    assert_eq!(one.whole().await.len(), 60);
    for n in 241..=300 {
        let record = other.record(&format!("c{}@x.org", n % 60)).await;
        assert_eq!(record["firstName"], format!("n{n}"), "the greatest order key stands");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_named_in_two_ways_at_once_is_one_record() {
    let on = postgres();
    let (one, other) = (Api::start(&on, NOBODY).await, Api::start(&on, NOBODY).await);
    for round in 0..40 {
        let (client_id, email) = (format!("c{round}"), format!("p{round}@x.org"));
        let by_address = [named(registered(2, None, Some(&email)), "Ann"), registered(3, None, Some(&email))];
        let by_both = [registered(4, Some(&client_id), Some(&email)), registered(5, Some(&client_id), None)];
        let (by_address, by_both) = (by_address.map(|event| vec![event]), by_both.map(|event| vec![event]));
        tokio::join!(
            apply_at(one.running.address(), &by_address[0]),
            apply_at(other.running.address(), &by_both[0]),
            apply_at(one.running.address(), &by_both[1]),
            apply_at(other.running.address(), &by_address[1]),
        );
        let record = one.record(&email).await;
        assert_eq!((&record["clientId"], &record["firstName"]), (&client_id.into(), &"Ann".into()));
        assert_eq!(one.whole().await.len(), round + 1, "round {round}: {:#?}", one.whole().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_in_two_batches_at_once_loses_no_field() {
    let on = postgres();
    let (one, other) = (Api::start(&on, NOBODY).await, Api::start(&on, NOBODY).await);
    one.applies(&[
        registered(1, Some("1"), Some("former@x.org")),
        registered(2, Some("1"), Some("now@x.org")),
    ])
    .await;
    for round in 10..40 {
        // One names the client by its former address alone, the other by clientId: they lock different names, and one record.
        let by_address = [named(registered(round, None, Some("former@x.org")), &format!("n{round}"))];
        let mut by_id = registered(round, Some("1"), None);
        if let contract::events::Event::ClientRegistered(said) = &mut by_id.event {
            said.phone = Some(format!("p{round}"));
        }
        let by_id = [by_id];
        tokio::join!(apply_at(one.running.address(), &by_address), apply_at(other.running.address(), &by_id));
        let record = one.record("former@x.org").await;
        assert_eq!(
            (&record["firstName"], &record["phone"]),
            (&format!("n{round}").into(), &format!("p{round}").into())
        );
    }
}

/// Applies the batch, of which nothing may be in conflict or fail.
async fn takes_effect(api: &Api, batch: Vec<ApplyEvent>) {
    for (result, reason) in apply_at(api.running.address(), &batch).await {
        assert!(matches!(result, ApplyResult::Applied | ApplyResult::Superseded), "{result:?} {reason:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_of_accounts_and_transactions_in_both_at_once_are_one_row_each() {
    const KEYS: i64 = 12;
    const ROUNDS: i64 = 12;
    let on = postgres();
    let (one, other) = (Api::start(&on, NOBODY).await, Api::start(&on, NOBODY).await);
    for round in 0..ROUNDS {
        // Two names that share no lock: that they are one person's turns out later.
        let batch = |second: i64, name: &str, named: &str| -> Vec<ApplyEvent> {
            let mut batch = Vec::new();
            for key in 0..KEYS {
                let key = format!("{round}-{key}");
                let account = json!({name: named, "accountId": key, "server": "s", "balance": second});
                batch.push(told(second, "account.updated", &account));
                let money = json!({name: named, "transactionId": key, "amount": 5});
                batch.push(told(second, "deposit.completed", &money));
                batch.push(told(second, "withdrawal.completed", &money));
            }
            batch
        };
        let (client_id, email) = (format!("c{round}"), format!("p{round}@x.org"));
        let by_id = batch(1, "clientId", &client_id);
        let mut by_address = batch(2, "email", &email);
        by_address.reverse();
        let mut again = batch(3, "clientId", &client_id);
        again.rotate_left(7);
        tokio::join!(takes_effect(&one, by_id), takes_effect(&other, by_address), takes_effect(&one, again));

        let both =
            told(9, "kyc.updated", &json!({"clientId": client_id, "email": email, "kycStatus": "approved"}));
        one.applies(&[both]).await;
        let accounts = other.call("GET", &format!("/accounts/{email}"), &Value::Null).await.json();
        let balances: Vec<_> =
            accounts["accounts"].as_array().expect("a list").iter().map(|one| &one["balance"]).collect();
        assert_eq!(balances, vec!["3"; 12], "{accounts}");
        let page = other.call("GET", &format!("/clients/{email}/transactions"), &Value::Null).await.json();
        assert_eq!(page["totals"][0]["deposits"], (KEYS * 5).to_string(), "{page}");
        assert_eq!(page["totals"][0]["net"], "0");
        assert_eq!(page["transactions"].as_array().map(Vec::len), Some(24));
    }
    let count = async |query| one.texts(query).await;
    assert_eq!(
        count("select cast(count(*) as text) as text from accounts").await,
        [(KEYS * ROUNDS).to_string()]
    );
    assert_eq!(
        count("select cast(count(*) as text) as text from transactions").await,
        [(KEYS * ROUNDS * 2).to_string()]
    );
    let events = usize::try_from(ROUNDS * (KEYS * 9 + 1)).expect("few");
    assert_eq!(one.entries("event.apply", events).await.len(), events, "every event took effect once");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_with_one_new_key_at_once_are_one_applied_and_one_in_conflict() {
    let on = postgres();
    let (one, other) = (Api::start(&on, NOBODY).await, Api::start(&on, NOBODY).await);
    for round in 0..20 {
        let batch = |client: &str| -> Vec<ApplyEvent> {
            let client = format!("{client}{round}");
            let account = json!({"clientId": client, "accountId": round, "balance": 1});
            let money = json!({"clientId": client, "transactionId": round, "amount": 5});
            vec![told(1, "account.updated", &account), told(2, "deposit.completed", &money)]
        };
        let (anns, bobs) = (batch("ann"), batch("bob"));
        let (anns, bobs) =
            tokio::join!(apply_at(one.running.address(), &anns), apply_at(other.running.address(), &bobs));
        for (ann, bob) in anns.iter().zip(&bobs) {
            let mut results = [ann.0, bob.0];
            results.sort_by_key(|result| *result != ApplyResult::Applied);
            assert_eq!(
                results,
                [ApplyResult::Applied, ApplyResult::Conflict],
                "round {round}: {ann:?} {bob:?}"
            );
        }
    }
    assert_eq!(one.texts("select cast(count(*) as text) as text from accounts").await, ["20"]);
    let states = one
        .texts(
            "select distinct state || ' ' || cast(count(*) as text) as text from transactions group by state",
        )
        .await;
    assert_eq!(states, ["conflict 40"], "both are kept");
}

/// A decision locks the clients of all variants; batches about the same transactions lock them the other way round.
#[tokio::test(flavor = "multi_thread")]
async fn decisions_and_events_about_one_transaction_do_not_stop_each_other() {
    let on = postgres();
    let (one, other) = (Api::start(&on, NOBODY).await, Api::start(&on, NOBODY).await);
    let deposit = |second: i64, client: &str, amount: i64| {
        told(
            second,
            "deposit.completed",
            &json!({"clientId": client, "transactionId": "7", "amount": amount}),
        )
    };
    one.apply(&[deposit(1, "ann", 1), deposit(2, "bob", 2)]).await;
    let page = one.as_staff("admin", "GET", "/api/clients/ann/transactions", &Value::Null).await.json();
    let id = page["transactions"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/clients/ann/transactions/{id}/accept");
    for round in 10..25 {
        // New facts each time, so that there is something to decide.
        let batch = [deposit(round, "bob", round), deposit(round, "ann", round)];
        let (decided, verdicts) = tokio::join!(
            one.as_staff("admin", "POST", &path, &Value::Null),
            apply_at(other.running.address(), &batch)
        );
        assert!(matches!(decided.status, 200 | 409), "{decided:?}");
        for (result, reason) in verdicts {
            assert_eq!(result, ApplyResult::Conflict, "{reason:?}");
        }
    }
}

/// Waits until so many sessions wait for others' locks.
async fn wait_for_waiters(api: &Api, count: &str) {
    let waiting = "select cast(count(*) as text) as text from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock'";
    wait_for(&format!("{count} to wait"), async || api.texts(waiting).await == [count]).await;
}

/// The event names the person by an address that the merge does not, so they share no name, only the row that is merged away.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_waits_for_a_merge_of_its_client_goes_to_the_merged_one() {
    let on = postgres();
    let (one, other) = (Api::start(&on, NOBODY).await, Api::start(&on, NOBODY).await);
    one.applies(&[
        told(1, "account.updated", &json!({"clientEmail": "e1@x.org", "email": "e2@x.org"})),
        registered(2, Some("q"), Some("e3@x.org")),
    ])
    .await;
    let (locked, is_locked) = tokio::sync::oneshot::channel();
    let (release, released) = mpsc::channel::<()>();
    let mut locked = Some(locked);
    let holding = one.database.write(move |conn| {
        // Of the two rows that the merge locks the second.
        let lock = "select id from clients order by id desc limit 1 for update";
        on_backend!(conn, |c| diesel::sql_query(lock).execute(c))?;
        locked.take().expect("run once").send(()).expect("waited for");
        released.recv().expect("released");
        Ok(())
    });
    let merge =
        [told(3, "kyc.updated", &json!({"clientId": "q", "email": "e2@x.org", "kycStatus": "approved"}))];
    let deposit =
        [told(4, "deposit.completed", &json!({"email": "e1@x.org", "transactionId": "t", "amount": 5}))];
    let race = async {
        is_locked.await.expect("locked");
        let merging = takes_effect(&one, merge.to_vec());
        let depositing = async {
            wait_for_waiters(&one, "1").await;
            let deposited = takes_effect(&other, deposit.to_vec());
            let releasing = async {
                wait_for_waiters(&one, "2").await;
                release.send(()).expect("held");
            };
            tokio::join!(deposited, releasing);
        };
        tokio::join!(merging, depositing);
    };
    let (held, ()) = tokio::join!(holding, race);
    held.expect("the row was locked");
    assert_eq!(one.whole().await.len(), 1, "{:#?}", one.whole().await);
    for email in ["e1@x.org", "e2@x.org", "e3@x.org"] {
        assert_eq!(one.record(email).await["clientId"], "q", "{email}");
    }
    let page = other.call("GET", "/clients/e1@x.org/transactions", &Value::Null).await.json();
    assert_eq!(page["totals"][0]["deposits"], "5", "{page}");
}

/// The first numbers of names' locks, and of those of large transactions' turns.
const NAMES: i32 = 0x6372_6d01;
const TURNS: i32 = 0x6372_6d02;

/// The digests of these two addresses, as names of the source `site`, begin with the same 32 bits: this number.
const OF_ONE_NUMBER: ([&str; 2], i32) = (["b9909@x.org", "b18946@x.org"], -86_696_112);

#[tokio::test(flavor = "multi_thread")]
async fn two_names_of_one_number_wait_for_each_other_and_are_two_clients() {
    let on = postgres();
    let (one, other) = (Api::start(&on, NOBODY).await, Api::start(&on, NOBODY).await);
    let ([ann, bob], number) = OF_ONE_NUMBER;
    one.applies(&[registered(1, None, Some(ann)), registered(2, None, Some(bob))]).await;
    let (locked, is_locked) = tokio::sync::oneshot::channel();
    let (release, released) = mpsc::channel::<()>();
    let mut locked = Some(locked);
    let holding = one.database.write(move |conn| {
        let lock = format!("select pg_advisory_xact_lock({NAMES}, {number})");
        on_backend!(conn, |c| diesel::sql_query(&lock).execute(c))?;
        locked.take().expect("run once").send(()).expect("waited for");
        released.recv().expect("released");
        Ok(())
    });
    let (anns, bobs) =
        ([named(registered(3, None, Some(ann)), "Ann")], [named(registered(4, None, Some(bob)), "Bob")]);
    let race = async {
        is_locked.await.expect("locked");
        let releasing = async {
            wait_for_waiters(&one, "2").await;
            release.send(()).expect("held");
        };
        tokio::join!(takes_effect(&one, anns.to_vec()), takes_effect(&other, bobs.to_vec()), releasing);
    };
    let (held, ()) = tokio::join!(holding, race);
    held.expect("the number was locked");
    assert_eq!(one.record(ann).await["firstName"], "Ann");
    assert_eq!(one.record(bob).await["firstName"], "Bob");
    assert_eq!(one.whole().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_names_wait_for_a_turn_and_few_do_not() {
    let on = postgres();
    let (one, other) = (Api::start(&on, NOBODY).await, Api::start(&on, NOBODY).await);
    let (locked, is_locked) = tokio::sync::oneshot::channel();
    let (release, released) = mpsc::channel::<()>();
    let mut locked = Some(locked);
    let holding = one.database.write(move |conn| {
        let lock = format!("select pg_advisory_xact_lock({TURNS}, turn) from generate_series(0, 3) as turn");
        on_backend!(conn, |c| diesel::sql_query(&lock).execute(c))?;
        locked.take().expect("run once").send(()).expect("waited for");
        released.recv().expect("released");
        Ok(())
    });
    let many: Vec<ApplyEvent> = (0..40).map(|n| registered(n, Some(&format!("many-{n}")), None)).collect();
    let race = async {
        is_locked.await.expect("locked");
        let beside = async {
            wait_for_waiters(&one, "1").await;
            takes_effect(&other, vec![registered(50, Some("few"), Some("few@x.org"))]).await;
            assert_eq!(other.record("few@x.org").await["clientId"], "few");
            assert_eq!(other.whole().await.len(), 1, "the many wait");
            release.send(()).expect("held");
        };
        tokio::join!(takes_effect(&one, many), beside);
    };
    let (held, ()) = tokio::join!(holding, race);
    held.expect("the turns were locked");
    assert_eq!(one.whole().await.len(), 41);
}
