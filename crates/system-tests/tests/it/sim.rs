//! A platform's life against the whole system, while the services are killed one after the other: whatever was acknowledged is applied
//! once, and the record is what it must be.

use std::collections::{BTreeMap, BTreeSet};

use auth::secret::Secret;
use test_kit::database::{both, postgres};
use trading_sim::check;
use trading_sim::crm::{ServiceApi, Webhooks};
use trading_sim::platform::{Delivery, Expectation, Plan, PlanOptions};
use trading_sim::traffic::Sending;

use crate::calls::Caller;
use crate::cluster::{Cluster, SERVICES};
use crate::harness::{AllInOne, SERVICE_API_TOKEN, WEBHOOK_SECRET, wait_for};

/// A sender that repeats what is not answered with success, and does not give up.
const TRIES: u32 = 100;

/// How often each service is killed.
const KILLS: usize = 2;

fn plan(events: usize) -> Plan {
    Plan::new(&PlanOptions { duplicates: 0.05, shuffle: 0.2, old: 0.02, ..PlanOptions::new(11, events) })
}

fn sending(gateway: &str) -> Sending {
    Sending::by(Webhooks::new(gateway, Secret::new(WEBHOOK_SECRET), TRIES).expect("a URL"))
}

async fn send(sending: &mut Sending, deliveries: &[Delivery]) {
    for delivery in deliveries {
        sending.send(delivery.event.body.clone()).await;
    }
}

/// Everything the CRM answers about every client is what it must be.
async fn assert_as_expected(expectation: &Expectation, gateway: &str) {
    let crm = ServiceApi::new(gateway, Secret::new(SERVICE_API_TOKEN), TRIES).expect("a URL");
    let differences = check::compare(expectation, &crm).await.expect("answers");
    assert_eq!(differences, Vec::<String>::new());
    for client in expectation.clients.values() {
        let payments = crm.transactions(client.email()).await.expect("answers");
        assert!(payments.iter().all(|one| one["state"] == "completed"), "{payments:?}");
    }
}

/// By event: how often the trail says that it was accepted, and how often that it was applied.
async fn on_trail(caller: &Caller) -> (BTreeMap<String, usize>, BTreeMap<String, usize>) {
    let (mut accepted, mut applied) = (BTreeMap::new(), BTreeMap::new());
    for entry in caller.whole_trail("action=webhook.receive").await {
        if entry["details"]["status"] == "accepted" {
            *accepted.entry(entry["target"]["id"].as_str().expect("an event").to_owned()).or_default() += 1;
        }
    }
    for entry in caller.whole_trail("action=event.apply").await {
        *applied.entry(entry["details"]["eventId"].as_str().expect("an event").to_owned()).or_default() += 1;
    }
    (accepted, applied)
}

#[tokio::test]
async fn five_thousand_events_outlive_the_kill_of_every_service() {
    let plan = plan(5_000);
    let unlimited = vec![("SERVICE_API_RATE_LIMIT", "0".to_owned())];
    let mut cluster = Cluster::start_with(postgres(), unlimited).await;
    let gateway = cluster.url("gateway");
    let mut sending = sending(&gateway);
    let round = plan.deliveries.len().div_ceil(KILLS * SERVICES.len());
    let mut killed = Vec::new();
    for (deliveries, victim) in plan.deliveries.chunks(round).zip(SERVICES.into_iter().cycle()) {
        let (before, during) = deliveries.split_at(deliveries.len() / 2);
        send(&mut sending, before).await;
        // With many of its answers on their way, or still to come.
        cluster.kill(victim);
        killed.push(victim);
        let back = async {
            cluster.launch(victim);
            cluster.ready(victim).await;
        };
        tokio::join!(send(&mut sending, during), back);
    }
    assert_eq!(killed.len(), KILLS * SERVICES.len(), "{killed:?}");
    let tally = sending.end().await;
    assert!(tally.is_good() && tally.unrecognized == 0, "{tally:?}");
    assert_eq!(tally.sent, plan.deliveries.len() as u64);
    assert!(tally.retries > 0, "no sender noticed a kill: {tally:?}");

    assert_as_expected(&plan.expectation, &gateway).await;
    let caller = Caller::of(gateway);
    wait_for("every event on the trail", async || {
        let (accepted, applied) = on_trail(&caller).await;
        accepted.len() >= plan.events() && applied.len() >= plan.events()
    })
    .await;
    let (accepted, applied) = on_trail(&caller).await;
    let more_than_once = |counts: &BTreeMap<String, usize>| -> BTreeSet<String> {
        counts.iter().filter(|(_, count)| **count != 1).map(|(id, _)| id.clone()).collect()
    };
    assert_eq!(more_than_once(&accepted), BTreeSet::new(), "accepted more than once");
    assert_eq!(more_than_once(&applied), BTreeSet::new(), "applied more than once");
    assert_eq!(accepted.len(), plan.events());
    assert!(accepted.keys().eq(applied.keys()), "what was accepted is what was applied");
}

/// The same life without any trouble, on both databases, in one process.
#[tokio::test]
async fn the_record_is_what_the_platform_s_life_makes_of_it() {
    for database in both() {
        let plan = plan(400);
        let system = AllInOne::start(database).await;
        let mut sending = sending(&system.gateway);
        send(&mut sending, &plan.deliveries).await;
        let tally = sending.end().await;
        assert!(tally.is_good() && tally.accepted == plan.events() as u64, "{tally:?}");
        assert_as_expected(&plan.expectation, &system.gateway).await;
    }
}
