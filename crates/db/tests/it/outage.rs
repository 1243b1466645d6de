//! The database goes away and comes back; nobody restarts us.

use crate::things::{all, insert, keys, thing, with_things};
use db::{BatchOptions, BatchWriter, Class, Database, SubmitError};
use std::time::Duration;
use test_kit::database::{Cluster, both, postgres, postgres_on};

/// Tries until it works; a test that waits for ever is stopped by its runner.
async fn until_it_works(database: &Database) {
    while database.ping().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_stopped_server_is_unavailable_and_a_started_one_works_again() {
    let server = Cluster::start();
    let on = postgres_on(server.url());
    crate::things::create(&on);
    let database =
        on.open_with("svc", &db::Options { checkout: Duration::from_millis(200), ..db::Options::default() });
    let options = BatchOptions { name: "outage", capacity: 10, batch: 10, threads: 1 };
    let writer = BatchWriter::start(
        &database,
        &options,
        |thing: &crate::things::Thing| thing.key.clone(),
        |conn, rows| insert(conn, rows).map(|_| vec![(); rows.len()]),
    )
    .unwrap();
    database.write(|conn| insert(conn, &[thing("a", 1)])).await.unwrap();
    writer.submit(thing("b", 2)).await.unwrap();

    server.stop();
    for _ in 0..3 {
        let error = database.write(|conn| insert(conn, &[thing("x", 9)])).await.unwrap_err();
        assert_eq!(error.class(), Class::Unavailable, "{error:?}");
        assert_eq!(database.read(all).await.unwrap_err().class(), Class::Unavailable);
        assert!(matches!(writer.submit(thing("y", 8)).await, Err(SubmitError::Unavailable)));
    }

    server.start_again();
    until_it_works(&database).await;
    database.write(|conn| insert(conn, &[thing("c", 3)])).await.unwrap();
    writer.submit(thing("d", 4)).await.unwrap();
    assert_eq!(keys(&database).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn sessions_that_were_ended_while_idle_are_replaced_unnoticed() {
    let on = postgres();
    let database = with_things(&on);
    let (one, two) = tokio::join!(database.ping(), database.ping());
    one.and(two).unwrap();
    on.end_sessions();
    database.write(|conn| insert(conn, &[thing("a", 1)])).await.unwrap();
    on.end_sessions();
    assert_eq!(keys(&database).await, ["a"]);
}

#[tokio::test]
async fn a_session_that_dies_in_mid_transaction_is_unavailable() {
    let on = std::sync::Arc::new(postgres());
    let database = with_things(&on);
    let killer = std::sync::Arc::clone(&on);
    let dying = database.write(move |conn| {
        insert(conn, &[thing("a", 1)])?;
        killer.end_sessions();
        insert(conn, &[thing("b", 2)])
    });
    assert_eq!(dying.await.unwrap_err().class(), Class::Unavailable);
    let killer = std::sync::Arc::clone(&on);
    let dying_in_commit = database.write(move |conn| {
        insert(conn, &[thing("a", 1)])?;
        killer.end_sessions();
        Ok(())
    });
    assert_eq!(dying_in_commit.await.unwrap_err().class(), Class::Unavailable);
    assert_eq!(keys(&database).await, Vec::<String>::new());
}

#[tokio::test]
async fn opening_needs_no_database_and_finds_it_once_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later").join("svc.db");
    let options = db::Options { connections: 2, checkout: Duration::from_millis(200) };
    let database = Database::open(db::DatabaseUrl::sqlite(&path), "svc", &options).unwrap();
    assert_eq!(database.ping().await.unwrap_err().class(), Class::Unavailable);
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    until_it_works(&database).await;
}

#[tokio::test]
async fn a_full_disk_is_unavailable() {
    for on in both() {
        let database = with_things(&on);
        // The limit of the file's size stands in for the disk's; PostgreSQL has none, so there the text is raised.
        let full = database.write(|conn| match conn {
            db::Conn::Sqlite(_) => {
                conn.execute_batch("PRAGMA max_page_count = 1")?;
                let rows: Vec<_> = (1..=200).map(|number| thing(&"k".repeat(4000 + number), 0)).collect();
                insert(conn, &rows)
            }
            db::Conn::Postgres(_) => {
                let raise = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100',
                    MESSAGE = 'could not extend file \"base/1/2\": No space left on device'; END $$";
                conn.execute_batch(raise).map(|()| 0)
            }
        });
        assert_eq!(full.await.unwrap_err().class(), Class::Unavailable);
    }
}
