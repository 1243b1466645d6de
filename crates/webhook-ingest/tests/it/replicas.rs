//! Several copies at once: abuse case W8, on two replicas where the database allows them.

use std::collections::BTreeSet;

use contract::internal::ApplyResult;
use test_kit::database::{both, postgres, sqlite};
use test_kit::waiting::eventually;

use crate::http::{Answer, post};
use crate::support::{Ingest, SECRET, ServiceApi, all, config, registration, sign, start, states};

/// Posts each body to the replica beside it, all at once.
async fn at_once(deliveries: Vec<(&Ingest, Vec<u8>)>) -> Vec<Answer> {
    let mut running = tokio::task::JoinSet::new();
    for (number, (ingest, body)) in deliveries.into_iter().enumerate() {
        let address = ingest.address;
        running.spawn(async move {
            let signature = sign(SECRET, &body);
            (number, post(address, "/api/webhooks/site", &[("x-webhook-signature", &signature)], &body).await)
        });
    }
    let mut answers = running.join_all().await;
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn count(answers: &[Answer], status: &str) -> usize {
    answers.iter().filter(|answer| answer.status == 200 && answer.text("status") == status).count()
}

/// 64 copies over the replicas: one is accepted, 63 are duplicates of it, one effect.
async fn copies(replicas: &[&Ingest], service_api: &ServiceApi) {
    let body = registration("same", "c1");
    let deliveries = (0..64).map(|number| (replicas[number % replicas.len()], body.clone()));
    let answers = at_once(deliveries.collect()).await;
    assert_eq!((count(&answers, "accepted"), count(&answers, "duplicate")), (1, 63), "{answers:?}");
    let ids: BTreeSet<String> = answers.iter().map(|answer| answer.text("eventId")).collect();
    assert_eq!(ids.len(), 1, "all name the first");
    eventually(|| replicas[0].inbox(), |rows| states(rows) == ["applied"]).await;
    assert_eq!(service_api.events().len(), 1);
    assert_eq!(replicas[0].attempts().await.len(), 64, "an entry for each attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn w8_64_copies_over_two_replicas() {
    let on = postgres();
    let service_api = ServiceApi::start().await;
    let (one, two) = (
        start(&on, config(&on, &service_api.url())).await,
        start(&on, config(&on, &service_api.url())).await,
    );
    copies(&[&one, &two], &service_api).await;
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w8_64_copies_to_one_process() {
    let on = sqlite();
    let service_api = ServiceApi::start().await;
    let ingest = start(&on, config(&on, &service_api.url())).await;
    copies(&[&ingest], &service_api).await;
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_events_reuses_and_copies_in_any_order_over_two_replicas() {
    let on = postgres();
    let service_api = ServiceApi::start().await;
    let (one, two) = (
        start(&on, config(&on, &service_api.url())).await,
        start(&on, config(&on, &service_api.url())).await,
    );
    // 40 ids, each with two different facts, each sent twice to both replicas, the second replica in reverse.
    let bodies: Vec<Vec<u8>> = (0..40)
        .flat_map(|id| ["a", "b"].map(|client| registration(&format!("id{id}"), &format!("{client}{id}"))))
        .collect();
    let forth = bodies.iter().map(|body| (&one, body.clone()));
    let back = bodies.iter().rev().map(|body| (&two, body.clone()));
    let answers = at_once(forth.clone().chain(back.clone()).chain(forth).chain(back).collect()).await;
    let reused = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((count(&answers, "accepted"), count(&answers, "duplicate"), reused), (40, 120, 160));
    let rows = eventually(|| one.inbox(), |rows| !states(rows).contains(&"pending")).await;
    let of = |state: &str| rows.iter().filter(|row| row.state == state).count();
    assert_eq!((of("applied"), of("held")), (40, 40));
    assert_eq!(one.seen().await, 80);
    assert_eq!(one.attempts().await.len(), 320);
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_replica_stops_the_other_takes_its_lanes() {
    let on = postgres();
    let service_api = ServiceApi::start().await;
    let one = start(&on, config(&on, &service_api.url())).await;
    one.deliver(&registration("first", "c0")).await;
    eventually(|| one.inbox(), |rows| states(rows) == ["applied"]).await;
    let two = start(&on, config(&on, &service_api.url())).await;
    two.deliver(&registration("second", "c1")).await;
    eventually(|| two.inbox(), |rows| states(rows) == ["applied"; 2]).await;
    one.stop().await;
    for number in 0..20 {
        two.deliver(&registration(&format!("later{number}"), &format!("d{number}"))).await;
    }
    eventually(|| two.inbox(), |rows| states(rows) == ["applied"; 22]).await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_restart_is_applied_after_it() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|_| wiremock::ResponseTemplate::new(503));
        let before = start(&on, config(&on, &service_api.url())).await;
        assert_eq!(before.deliver(&registration("a", "c1")).await.text("status"), "accepted");
        before.stop().await;
        service_api.behave(|batch| all(batch, ApplyResult::Applied, None));
        let after = start(&on, config(&on, &service_api.url())).await;
        eventually(|| after.inbox(), |rows| states(rows) == ["applied"]).await;
        assert_eq!(after.deliver(&registration("a", "c1")).await.text("status"), "duplicate");
        after.stop().await;
    }
}
