//! Several at once, and a database that goes away.

use contract::audit::{Entry, Sealed};
use db::on_backend;
use diesel::RunQueryDsl as _;
use futures_util::future::join_all;
use reqwest::header::RETRY_AFTER;
use test_kit::database::{Cluster, both, postgres, postgres_on};
use test_kit::waiting::wait_for;

use crate::world::{ENTRIES, World, body, entry, problem, seal, sealed};

/// Each world appends all entries, in many calls at once, each in an order of its own. The sum of what was new.
async fn append_at_once(worlds: &[&World], entries: &[Sealed]) -> u64 {
    let calls =
        worlds.iter().flat_map(|world| (0..8).map(move |nth| (world, nth))).map(async |(world, nth)| {
            let mut own = entries.to_vec();
            own.rotate_left(nth * entries.len() / 8);
            if nth % 2 == 1 {
                own.reverse();
            }
            let answer = body(world.append(&own).await, 200).await;
            let (new, there) = (answer["appended"].as_u64(), answer["alreadyThere"].as_u64());
            assert_eq!(
                new.zip(there).map(|(new, there)| new + there),
                Some(entries.len() as u64),
                "{answer}"
            );
            assert_eq!(answer["conflicts"], 0, "{answer}");
            new.expect("a number")
        });
    join_all(calls).await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_append_the_same_entries_at_once() {
    let database = postgres();
    let (one, two) = (World::start(&database).await, World::start(&database).await);
    let entries = sealed(150);
    assert_eq!(append_at_once(&[&one, &two], &entries).await, 150);
    let expected: Vec<String> = entries.iter().rev().map(|entry| entry.id.to_string()).collect();
    assert_eq!(two.ids("limit=200").await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_told_two_entries_of_one_id_at_once_keep_one_of_them() {
    let database = postgres();
    let (one, two) = (World::start(&database).await, World::start(&database).await);
    let first = entry(1);
    let other = Entry { action: "client.forge".to_owned(), ..first.clone() };
    let (first, other) = (seal(&first), seal(&other));
    let calls = [(&one, &first), (&two, &other)].into_iter().cycle().take(32);
    let answers = join_all(
        calls.map(async |(world, entry)| body(world.append(std::slice::from_ref(entry)).await, 200).await),
    )
    .await;
    let sum =
        |name: &str| -> u64 { answers.iter().map(|answer| answer[name].as_u64().expect("a number")).sum() };
    assert_eq!((sum("appended"), sum("alreadyThere"), sum("conflicts")), (1, 31, 16));
    let kept = body(one.get(&format!("{ENTRIES}/{}", first.id)).await, 200).await;
    assert!([&first, &other].iter().any(|sent| kept["payload"] == sent.payload), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_is_told_the_same_many_times_at_once() {
    for database in both() {
        let world = World::start(&database).await;
        assert_eq!(append_at_once(&[&world], &sealed(150)).await, 150);
        assert_eq!(world.ids("limit=200").await.len(), 150);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_nothing_is_acknowledged_and_afterwards_nothing_is_missing() {
    let cluster = Cluster::start();
    let database = postgres_on(cluster.url());
    let world = World::start(&database).await;
    let entries = sealed(6);
    world.appends(&entries[..2], [2, 0, 0]).await;

    cluster.stop();
    for path in ["/api/audit/entries", "/readyz"] {
        let refused = world.get(path).await;
        assert_eq!(
            refused.headers().get(RETRY_AFTER).map(|value| value.as_bytes()),
            Some(&b"1"[..]),
            "{path}"
        );
        problem(refused, 503, "unavailable").await;
    }
    problem(world.append(&entries).await, 503, "unavailable").await;

    cluster.start_again();
    // No restart of ours: the first call that gets through finds all that was acknowledged.
    let recovered = async {
        loop {
            let answer = world.append(&entries).await;
            if answer.status() == 200 {
                return body(answer, 200).await;
            }
            problem(answer, 503, "unavailable").await;
        }
    };
    let answer =
        tokio::time::timeout(std::time::Duration::from_secs(20), recovered).await.expect("it recovers");
    assert_eq!((answer["appended"].as_u64(), answer["alreadyThere"].as_u64()), (Some(4), Some(2)));
    assert_eq!(world.ids("").await.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_the_server_ends_cost_no_acknowledged_entry() {
    let database = postgres();
    let world = World::start(&database).await;
    let entries = sealed(4);
    world.appends(&entries[..2], [2, 0, 0]).await;
    database.end_sessions();
    let answer = world.append(&entries).await;
    // The writer notices before it has sent anything, and connects again.
    assert_eq!(body(answer, 200).await["appended"], 2);
    assert_eq!(world.ids("").await.len(), 4);
}

#[tokio::test]
async fn a_service_without_its_schema_is_not_ready() {
    for database in both() {
        // The schema itself is there, empty.
        drop(database.open(audit_log::SCHEMA));
        let world = World::start_unmigrated(&database).await;
        let unready = problem(world.get("/readyz").await, 503, "unavailable").await;
        assert_eq!(unready["detail"], "not ready: database");
        assert_eq!(world.get("/livez").await.status(), 200);
        audit_log::MIGRATIONS.run(&database.open(audit_log::SCHEMA)).await.expect("migrates");
        assert_eq!(world.get("/readyz").await.status(), 200);
        world.appends(&sealed(1), [1, 0, 0]).await;
    }
}

/// What was recorded but not shipped when a process died, the next one ships, once; also when it was shipped and the process died
/// before it heard so.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_process_recorded_arrives_once() {
    for database in both() {
        let world = World::start(&database).await;
        let one = seal(&entry(1));
        world.appends(std::slice::from_ref(&one), [1, 0, 0]).await;
        let asked = format!("{ENTRIES}/{}", one.id);
        body(world.get(&asked).await, 200).await;
        let of_one = format!("action=entries.read&target={}", one.id);
        let read = world.own_entries(&of_one, |entries| entries.len() == 1).await;
        // As if the acknowledgement had been lost: the row is in the outbox again, with the bytes it had.
        let id = read[0]["id"].as_str().expect("an id");
        let stored = body(world.get(&format!("{ENTRIES}/{id}")).await, 200).await;
        let again = format!(
            "insert into outbox (entry_id, payload, disclosures, created_at) \
             values ('{id}', '{}', '{}', '2026-01-01 00:00:00.000000+00:00')",
            stored["payload"].as_str().expect("a text"),
            stored["disclosures"]
        );
        database.run(audit_log::SCHEMA, &again, &again);
        drop(world);

        let world = World::start(&database).await;
        body(world.get(&asked).await, 200).await;
        let entries = world.own_entries(&of_one, |entries| entries.len() >= 2).await;
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1], read[0]);
        let direct = database.open(audit_log::SCHEMA);
        let emptied = async || {
            let waiting = direct.read(|conn| {
                let sql = "select count(*) as waiting from outbox";
                Ok(on_backend!(conn, |c| diesel::sql_query(sql).get_result::<Waiting>(c))?)
            });
            waiting.await.expect("a count").waiting == 0
        };
        wait_for("the outbox to be empty", emptied).await;
    }
}

#[derive(diesel::QueryableByName)]
struct Waiting {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    waiting: i64,
}

/// A replica that is told to stop, stops: its own shipper's connection to it does not hold it up to the deadline.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_stops_when_told_to_and_loses_nothing() {
    for database in both() {
        let world = World::start(&database).await;
        let entries = sealed(3);
        world.appends(&entries, [3, 0, 0]).await;
        world.own_entries("action=entries.read", |entries| !entries.is_empty()).await;
        let World { running, http, .. } = world;
        drop(http);
        running.stop().await.expect("a clean stop");
        let world = World::start_unmigrated(&database).await;
        assert_eq!(world.ids("").await.len(), 3);
    }
}
