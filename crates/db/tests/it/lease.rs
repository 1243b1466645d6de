//! Leases: one holder at a time, and a fence for two who both believe it.

use chrono::{DateTime, Utc};
use db::lease::{self, Lease};
use db::{Conn, Database, DbResult};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use std::time::Duration;
use test_kit::database::{TestDatabase, both, postgres};

const TTL: Duration = Duration::from_secs(10);

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_900_000_000 + second, 0).unwrap()
}

fn with_leases(on: &TestDatabase) -> Database {
    on.run(
        "svc",
        "CREATE SCHEMA svc; CREATE TABLE leases (name text COLLATE \"C\" NOT NULL PRIMARY KEY,
         owner text COLLATE \"C\" NOT NULL, fence bigint NOT NULL, held_until timestamptz NOT NULL)",
        "CREATE TABLE leases (name text NOT NULL PRIMARY KEY, owner text NOT NULL, fence bigint NOT NULL,
         held_until text NOT NULL)",
    );
    on.open("svc")
}

async fn acquire(database: &Database, owner: &'static str, now: DateTime<Utc>) -> Option<Lease> {
    database.write(move |conn| lease::acquire(conn, "outbox", owner, now, TTL)).await.unwrap()
}

async fn renew(database: &Database, held: &Lease, now: DateTime<Utc>) -> bool {
    let held = held.clone();
    database.write(move |conn| lease::renew(conn, &held, now, TTL)).await.unwrap()
}

async fn holds(database: &Database, held: &Lease) -> bool {
    let held = held.clone();
    let name = held.name.clone();
    let among = database.write(move |conn| lease::held_among(conn, std::slice::from_ref(&held)));
    among.await.unwrap().contains(&name)
}

#[tokio::test]
async fn a_lease_has_one_owner_until_its_time_is_over() {
    for on in both() {
        let database = with_leases(&on);
        let first = acquire(&database, "one", at(0)).await.unwrap();
        assert_eq!(first, Lease { name: "outbox".to_owned(), fence: 1 });
        assert_eq!(acquire(&database, "two", at(9)).await, None);
        assert!(renew(&database, &first, at(9)).await);
        assert_eq!(acquire(&database, "two", at(18)).await, None, "renewed until 19");
        let second = acquire(&database, "two", at(19)).await.unwrap();
        assert_eq!(second.fence, 2);
        // The first owner comes back from a pause.
        assert!(!holds(&database, &first).await);
        assert!(!renew(&database, &first, at(20)).await);
        assert!(holds(&database, &second).await);
    }
}

#[tokio::test]
async fn other_names_are_other_leases() {
    for on in both() {
        let database = with_leases(&on);
        acquire(&database, "one", at(0)).await.unwrap();
        let lane = database.write(|conn| lease::acquire(conn, "lane-07", "two", at(0), TTL)).await.unwrap();
        assert_eq!(lane.unwrap().fence, 1);
    }
}

#[tokio::test]
async fn an_owner_that_takes_it_again_fences_its_former_self() {
    for on in both() {
        let database = with_leases(&on);
        let before = acquire(&database, "one", at(0)).await.unwrap();
        let after = acquire(&database, "one", at(1)).await.unwrap();
        assert_eq!(after.fence, before.fence + 1);
        assert!(!holds(&database, &before).await);
    }
}

#[tokio::test]
async fn a_lease_given_back_is_free_at_once_and_its_fence_goes_on() {
    for on in both() {
        let database = with_leases(&on);
        let first = acquire(&database, "one", at(0)).await.unwrap();
        let giving = first.clone();
        database.write(move |conn| lease::release(conn, &giving, at(1))).await.unwrap();
        let second = acquire(&database, "two", at(1)).await.unwrap();
        assert_eq!(second.fence, 2);
        // Giving back what another has now changes nothing.
        database.write(move |conn| lease::release(conn, &first, at(2))).await.unwrap();
        assert_eq!(acquire(&database, "three", at(3)).await, None);
        assert!(holds(&database, &second).await);
    }
}

#[tokio::test]
async fn a_lease_nobody_took_is_not_held() {
    for on in both() {
        let database = with_leases(&on);
        let imagined = Lease { name: "outbox".to_owned(), fence: 1 };
        assert!(!holds(&database, &imagined).await);
        assert!(!renew(&database, &imagined, at(0)).await);
    }
}

#[tokio::test]
async fn of_many_who_want_it_at_once_one_gets_it() {
    for on in both() {
        let database = with_leases(&on);
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..16 {
            let replica = on.open("svc");
            tasks.spawn(async move {
                let owner = format!("replica {number}");
                replica.write(move |conn| lease::acquire(conn, "outbox", &owner, at(0), TTL)).await.unwrap()
            });
        }
        let got: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(got.len(), 1);
        assert!(holds(&database, &got[0]).await);
    }
}

/// Between `held_among` and the commit nobody takes the lease: a taker waits, and the work's marks are in before it.
#[tokio::test]
async fn who_checks_the_fence_keeps_takers_out_until_the_commit() {
    let on = postgres();
    let database = with_leases(&on);
    let first = acquire(&database, "one", at(0)).await.unwrap();
    let (checked, wait_checked) = tokio::sync::oneshot::channel();
    let marking = tokio::spawn({
        let (database, mut checked) = (database.clone(), Some(checked));
        async move {
            let mark = move |conn: &mut Conn| {
                assert_eq!(lease::held_among(conn, std::slice::from_ref(&first))?.len(), 1);
                checked.take().unwrap().send(()).unwrap();
                while !someone_waits_for_us(conn)? {
                    std::thread::yield_now();
                }
                lease::renew(conn, &first, at(100), TTL)
            };
            database.write(mark).await.unwrap()
        }
    });
    wait_checked.await.unwrap();
    // The first owner's time is over at 10, but it renews to 110 in the transaction that holds the row.
    assert_eq!(acquire(&on.open("svc"), "two", at(50)).await, None);
    assert!(marking.await.unwrap());
}

fn someone_waits_for_us(conn: &mut Conn) -> DbResult<bool> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        waits: bool,
    }
    let Conn::Postgres(c) = conn else { panic!("not PostgreSQL") };
    let row: Row = diesel::sql_query(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))) AS waits",
    )
    .get_result(c)?;
    Ok(row.waits)
}

#[tokio::test]
async fn of_many_leases_those_are_told_that_nobody_took() {
    for on in both() {
        let database = with_leases(&on);
        let taken = |name: &'static str, owner: &'static str, seconds| {
            let take = database.write(move |conn| lease::acquire(conn, name, owner, at(seconds), TTL));
            async move { take.await.unwrap().unwrap() }
        };
        let (a, b, c) = (taken("a", "one", 0).await, taken("b", "one", 0).await, taken("c", "one", 0).await);
        let _stolen = taken("b", "two", 20).await;
        let absent = Lease { name: "d".to_owned(), fence: 1 };
        let asked = vec![c, absent, b, a];
        let held = database.write(move |conn| lease::held_among(conn, &asked)).await.unwrap();
        assert_eq!(held, ["a", "c"].map(str::to_owned).into());
    }
}

#[tokio::test]
async fn holders_of_names_that_begin_alike_are_counted_and_long_gone_ones_forgotten() {
    for on in both() {
        let database = with_leases(&on);
        for (name, seconds) in [("replica-a", 0), ("replica-b", 5), ("lane-00", 5), ("replica-c", 100)] {
            database
                .write(move |conn| lease::acquire(conn, name, "one", at(seconds), TTL))
                .await
                .unwrap()
                .expect("it is free");
        }
        let count = |seconds| {
            database
                .write(move |conn| lease::count_held(conn, "replica-", at(seconds), Duration::from_secs(60)))
        };
        assert_eq!(count(9).await.unwrap(), 3);
        assert_eq!(count(12).await.unwrap(), 2, "one has ended");
        assert_eq!(count(105).await.unwrap(), 1);
        // Ended more than a minute ago: the next owner of the name begins anew.
        let again = database.write(|conn| lease::acquire(conn, "replica-a", "one", at(105), TTL));
        assert_eq!(again.await.unwrap().expect("it is free").fence, 1);
        let lane = database.write(|conn| lease::acquire(conn, "lane-00", "two", at(105), TTL));
        assert_eq!(lane.await.unwrap().expect("it has ended").fence, 2, "another name is left alone");
    }
}
