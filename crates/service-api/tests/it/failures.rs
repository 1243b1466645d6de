//! What happens when the database, or the trail, is not there.

use auth::random::Random;
use contract::clock::Clock;
use contract::internal::{ApplyEvent, ApplyResult};
use http_kit::kit::Seams;
use service_api::{MIGRATIONS, SCHEMA};
use test_kit::database::{Cluster, both, postgres, postgres_on};
use test_kit::waiting::wait_for;

use crate::http::send;
use crate::support::{Api, NOBODY, config, registered};

#[tokio::test]
async fn it_is_not_ready_until_its_schema_is_current() {
    for on in both() {
        let database = on.open(SCHEMA);
        let seams = Seams { clock: Clock::system(), random: Random::system() };
        let running = service_api::start(config(&on, NOBODY), seams).expect("it starts");
        let ask = async |path: &str| send(running.address(), "GET", path, &[], b"").await;
        assert_eq!(ask("/livez").await.status, 200);
        let problem = ask("/readyz").await.problem(503, "unavailable");
        assert_eq!(problem["detail"], "not ready: database");
        MIGRATIONS.run(&database).await.expect("the migrations run");
        assert_eq!(ask("/readyz").await.status, 200);
    }
}

#[tokio::test]
async fn without_a_trail_nothing_is_applied_and_nothing_answered() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        api.applies(&[registered(1, Some("1"), Some("a@x.org"))]).await;
        on.run(SCHEMA, "alter table outbox rename to elsewhere", "alter table outbox rename to elsewhere");
        let answer = api.get("a@x.org").await;
        answer.problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        let event = registered(2, Some("2"), Some("b@x.org"));
        assert_eq!(api.apply(std::slice::from_ref(&event)).await[0].0, ApplyResult::Failed);
        assert_eq!(api.whole().await.len(), 1, "no record without its entry");
        assert_eq!(api.texts("select result as text from applied_events").await.len(), 1);
        on.run(SCHEMA, "alter table elsewhere rename to outbox", "alter table elsewhere rename to outbox");
        api.applies(&[event]).await;
        assert_eq!(api.record("b@x.org").await["clientId"], "2");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stops_costs_503_and_no_restart() {
    let cluster = Cluster::start();
    let on = postgres_on(cluster.url());
    let api = Api::start(&on, NOBODY).await;
    api.applies(&[registered(1, Some("1"), Some("a@x.org"))]).await;
    api.record("a@x.org").await;
    cluster.stop();
    let answer = api.get("a@x.org").await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    let event = registered(2, Some("2"), Some("b@x.org"));
    let batch = serde_json::json!({"events": [event]}).to_string();
    let answer = api.apply_raw(batch.as_bytes()).await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    cluster.start_again();
    wait_for("an answer again", async || api.get("a@x.org").await.status == 200).await;
    wait_for("an answer again", async || api.apply_raw(batch.as_bytes()).await.status == 200).await;
    assert_eq!(api.record("b@x.org").await["clientId"], "2");
}

/// Connections die anywhere, in COMMIT too, and every call is made again until it is answered: as webhook-ingest does.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_cut_off_takes_effect_once() {
    let on = postgres();
    let api = Api::start(&on, NOBODY).await;
    let applying = async {
        let (mut events, mut cut_off) = (0, 0);
        while cut_off < 8 {
            let batch: Vec<ApplyEvent> = (events + 1..=events + 3)
                .map(|n| registered(n, Some(&format!("c{}", n % 30)), Some(&format!("c{n}@x.org"))))
                .collect();
            let body = serde_json::json!({"events": batch}).to_string();
            while api.apply_raw(body.as_bytes()).await.status != 200 {
                cut_off += 1;
            }
            events += 3;
        }
        usize::try_from(events).expect("few")
    };
    let cutting = async {
        loop {
            tokio::task::block_in_place(|| on.end_sessions());
            tokio::time::sleep(std::time::Duration::from_millis(40)).await;
        }
    };
    let events = tokio::select! {
        events = applying => events,
        () = cutting => unreachable!("it never ends"),
    };
    // The last cut may have hit the connection of the next look.
    wait_for("an answer again", async || api.get("c1@x.org").await.status == 200).await;
    assert_eq!(api.texts("select result as text from applied_events").await.len(), events);
    assert_eq!(
        api.entries("event.apply", events).await.len(),
        events,
        "one entry each, whatever was said again"
    );
    let addresses = api
        .texts("select email_key as text from client_emails union select email_key from clients where email_key is not null")
        .await;
    assert_eq!(addresses.len(), events, "no effect is lost");
}
