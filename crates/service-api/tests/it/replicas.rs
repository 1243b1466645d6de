//! Two replicas on one PostgreSQL at once. (SQLite has one process for each service.)

use std::collections::HashMap;

use contract::ids::EventId;
use contract::internal::{ApplyEvent, ApplyResult};
use test_kit::database::postgres;

use crate::support::{Api, NOBODY, apply_at, named, registered};

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
