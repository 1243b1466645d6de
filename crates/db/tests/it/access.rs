//! `read`, `write`, savepoints, the pool.

use crate::things::{Thing, all, insert, keys, set, thing, things, with_things};
use db::{Backend, Class, Conn, Database, DatabaseUrl, DbError, DbResult, Options, on_backend};
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;
use test_kit::database::{both, postgres, sqlite};

#[tokio::test]
async fn an_upsert_returns_what_it_inserted_and_no_more() {
    for on in both() {
        let database = with_things(&on);
        let insert_new = |rows: Vec<Thing>| {
            database.write(move |conn| {
                Ok(on_backend!(conn, |c| diesel::insert_into(things::table)
                    .values(&rows)
                    .on_conflict(things::key)
                    .do_nothing()
                    .returning(things::key)
                    .get_results::<String>(c))?)
            })
        };
        assert_eq!(insert_new(vec![thing("a", 1), thing("b", 2)]).await.unwrap(), ["a", "b"]);
        assert_eq!(insert_new(vec![thing("b", 3), thing("c", 4)]).await.unwrap(), ["c"]);
        assert_eq!(insert_new(vec![thing("a", 5)]).await.unwrap(), Vec::<String>::new());
        let rows = database.read(all).await.unwrap();
        assert_eq!(rows, [thing("a", 1), thing("b", 2), thing("c", 4)]);
    }
}

#[tokio::test]
async fn an_upsert_that_updates_returns_the_new_row() {
    for on in both() {
        let database = with_things(&on);
        database.write(|conn| insert(conn, &[thing("a", 1)])).await.unwrap();
        let row = database.write(|conn| {
            Ok(on_backend!(conn, |c| diesel::insert_into(things::table)
                .values(thing("a", 7))
                .on_conflict(things::key)
                .do_update()
                .set(things::number.eq(diesel::upsert::excluded(things::number)))
                .returning(Thing::as_returning())
                .get_result(c))?)
        });
        assert_eq!(row.await.unwrap(), thing("a", 7));
    }
}

#[tokio::test]
async fn what_fails_leaves_nothing_and_the_connection_works_on() {
    for on in both() {
        let database = on_one_connection(&on);
        let failed = database
            .write(|conn| {
                insert(conn, &[thing("a", 1)])?;
                Err::<(), _>(DbError::broken("changed my mind"))
            })
            .await;
        assert_eq!(failed.unwrap_err().class(), Class::Broken);
        assert_eq!(keys(&database).await, Vec::<String>::new());
        database.write(|conn| insert(conn, &[thing("b", 1)])).await.unwrap();
        assert_eq!(keys(&database).await, ["b"]);
    }
}

fn on_one_connection(on: &test_kit::database::TestDatabase) -> Database {
    crate::things::create(on);
    on.open_with("svc", &Options { connections: 1, checkout: Duration::from_secs(5) })
}

#[tokio::test]
async fn a_read_sees_one_snapshot() {
    for on in both() {
        let database = with_things(&on);
        database.write(|conn| insert(conn, &[thing("a", 1)])).await.unwrap();
        let (seen, wait_seen) = mpsc::channel();
        let (go_on, wait_go_on) = mpsc::channel();
        let reading = tokio::spawn({
            let database = database.clone();
            async move {
                let twice = move |conn: &mut Conn| {
                    let before = all(conn)?.len();
                    seen.send(()).unwrap();
                    wait_go_on.recv().unwrap();
                    Ok((before, all(conn)?.len()))
                };
                database.read(twice).await.unwrap()
            }
        });
        on_thread(move || wait_seen.recv().unwrap()).await;
        database.write(|conn| insert(conn, &[thing("b", 2)])).await.unwrap();
        go_on.send(()).unwrap();
        assert_eq!(reading.await.unwrap(), (1, 1));
        assert_eq!(keys(&database).await, ["a", "b"]);
    }
}

/// Waits for something that blocks.
async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, heard) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || drop(done.send(work())));
    heard.await.unwrap()
}

#[tokio::test]
async fn postgres_refuses_a_write_in_a_read() {
    let on = postgres();
    let database = with_things(&on);
    let refused = database.read(|conn| insert(conn, &[thing("a", 1)])).await.unwrap_err();
    assert!(format!("{refused:?}").contains("read-only transaction"), "{refused:?}");
    assert_eq!(keys(&database).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_swallowed_error_is_never_acknowledged() {
    let on = postgres();
    let database = with_things(&on);
    let swallowed = database.write(|conn| {
        insert(conn, &[thing("a", 1)])?;
        drop(insert(conn, &[thing("a", 1)]));
        Ok(())
    });
    // COMMIT itself would say yes here, and store nothing.
    assert_eq!(swallowed.await.unwrap_err().class(), Class::Broken);
    assert_eq!(keys(&database).await, Vec::<String>::new());
    database.write(|conn| insert(conn, &[thing("b", 1)])).await.unwrap();
}

#[tokio::test]
async fn a_savepoint_undoes_its_own_work_alone() {
    for on in both() {
        let database = with_things(&on);
        let tried = database.write(|conn| {
            insert(conn, &[thing("a", 1)])?;
            let inner = conn.savepoint(|conn| {
                insert(conn, &[thing("b", 2)])?;
                insert(conn, &[thing("a", 3)])
            });
            conn.savepoint(|conn| insert(conn, &[thing("c", 4)]))?;
            Ok(inner.unwrap_err().class())
        });
        assert_eq!(tried.await.unwrap(), Class::Conflict);
        assert_eq!(keys(&database).await, ["a", "c"]);
    }
}

#[tokio::test]
async fn a_deadlock_is_run_again_until_both_succeed() {
    let on = postgres();
    let database = with_things(&on);
    database.write(|conn| insert(conn, &[thing("a", 0), thing("b", 0)])).await.unwrap();
    let both_hold_one = Arc::new(Barrier::new(2));
    let runs = Arc::new(AtomicU32::new(0));
    let one = |first: &'static str, second: &'static str| {
        let (database, barrier, runs) = (database.clone(), Arc::clone(&both_hold_one), Arc::clone(&runs));
        let mut first_run = true;
        tokio::spawn(async move {
            let crossing = move |conn: &mut Conn| {
                runs.fetch_add(1, Ordering::SeqCst);
                lock(conn, first)?;
                if std::mem::take(&mut first_run) {
                    barrier.wait();
                }
                lock(conn, second)
            };
            database.write(crossing).await
        })
    };
    let (left, right) = (one("a", "b"), one("b", "a"));
    left.await.unwrap().unwrap();
    right.await.unwrap().unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 3, "one of the two ran twice");
}

fn lock(conn: &mut Conn, key: &str) -> DbResult<()> {
    set(conn, key, 0).map(drop)
}

/// A transaction that reads before it writes must hold the write lock from its beginning: else another's commit in
/// between fails it half-way.
#[tokio::test]
async fn two_processes_that_read_then_write_one_sqlite_file_lose_and_repeat_nothing() {
    let on = sqlite();
    let (one, other) = (with_things(&on), on.open("svc"));
    one.write(|conn| insert(conn, &[thing("count", 0)])).await.unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for database in std::iter::repeat_n([one.clone(), other], 20).flatten() {
        let runs = Arc::clone(&runs);
        let add_one = move |conn: &mut Conn| {
            runs.fetch_add(1, Ordering::SeqCst);
            let number = all(conn)?[0].number;
            set(conn, "count", number + 1)
        };
        tasks.spawn(async move { database.write(add_one).await.unwrap() });
    }
    tasks.join_all().await;
    assert_eq!(one.read(all).await.unwrap(), [thing("count", 40)]);
    assert_eq!(runs.load(Ordering::SeqCst), 40);
}

#[tokio::test]
async fn a_caller_that_finds_all_connections_taken_hears_unavailable() {
    for on in both() {
        crate::things::create(&on);
        let database = on.open_with("svc", &Options { connections: 1, checkout: Duration::from_millis(300) });
        let (holds, wait_holds) = mpsc::channel();
        let (let_go, wait_let_go) = mpsc::channel::<()>();
        let holder = tokio::spawn({
            let database = database.clone();
            async move {
                let hold = move |_: &mut Conn| {
                    holds.send(()).unwrap();
                    wait_let_go.recv().unwrap();
                    Ok(())
                };
                database.read(hold).await
            }
        });
        on_thread(move || wait_holds.recv().unwrap()).await;
        // The holder lets go only afterwards: were there no time limit, these would never end.
        assert_eq!(database.read(all).await.unwrap_err().class(), Class::Unavailable);
        assert_eq!(database.write(|conn| set(conn, "a", 1)).await.unwrap_err().class(), Class::Unavailable);
        assert_eq!(database.ping().await.unwrap_err().class(), Class::Unavailable);
        let_go.send(()).unwrap();
        holder.await.unwrap().unwrap();
        database.ping().await.unwrap();
    }
}

#[tokio::test]
async fn a_panic_in_the_work_costs_one_connection_and_no_more() {
    for on in both() {
        let database = on_one_connection(&on);
        let panicking = database.write(|conn| {
            insert(conn, &[thing("a", 1)])?;
            assert!(conn.backend() == Backend::Postgres && conn.backend() == Backend::Sqlite, "on purpose");
            Ok(())
        });
        assert_eq!(panicking.await.unwrap_err().class(), Class::Broken);
        assert_eq!(keys(&database).await, Vec::<String>::new());
    }
}

#[derive(QueryableByName, Debug, PartialEq, Eq)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

fn ask(conn: &mut Conn, sql: &str) -> DbResult<String> {
    let setting: Setting = on_backend!(conn, |c| diesel::sql_query(sql).get_result(c))?;
    Ok(setting.value)
}

#[tokio::test]
async fn a_postgres_session_is_in_its_schema_and_under_limits() {
    let on = postgres();
    let database = with_things(&on);
    for (name, value) in [
        ("search_path", "svc"),
        ("synchronous_commit", "on"),
        ("statement_timeout", "10s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "15s"),
        ("jit", "off"),
        ("application_name", "crm-bridge/svc"),
    ] {
        let sql = format!("SELECT current_setting('{name}') AS value");
        assert_eq!(database.read(move |conn| ask(conn, &sql)).await.unwrap(), value, "{name}");
    }
}

#[tokio::test]
async fn sessions_that_would_lose_what_they_acknowledge_serve_nobody() {
    let on = postgres();
    let url = on.url_text("svc");
    let separator = if url.contains('?') { '&' } else { '?' };
    let url: DatabaseUrl =
        format!("{url}{separator}options=-csynchronous_commit%3Doff").parse().expect("an address");
    let database = Database::open(url, "svc", &Options::default()).expect("a good name");
    let refused = database.read(|conn| ask(conn, "SELECT 'x' AS value")).await;
    assert_eq!(refused.expect_err("it is off").class(), Class::Unavailable);
}

/// What is locked is read anew after the wait, also where the server's default is to look at one moment only.
#[tokio::test]
async fn a_write_sees_what_it_waited_for_whatever_the_server_s_default() {
    let on = postgres();
    let url = on.url_text("svc");
    let separator = if url.contains('?') { '&' } else { '?' };
    let url: DatabaseUrl = format!("{url}{separator}options=-cdefault_transaction_isolation%3Dserializable")
        .parse()
        .expect("an address");
    let database = Database::open(url, "svc", &Options::default()).expect("a good name");
    let isolation = "SELECT current_setting('transaction_isolation') AS value";
    assert_eq!(database.write(move |conn| ask(conn, isolation)).await.unwrap(), "read committed");
    assert_eq!(database.read(move |conn| ask(conn, isolation)).await.unwrap(), "repeatable read");
}

#[tokio::test]
async fn a_sqlite_file_is_private_and_durable() {
    use std::os::unix::fs::PermissionsExt;
    let on = sqlite();
    let database = on.open("svc");
    for (sql, value) in [
        ("SELECT journal_mode AS value FROM pragma_journal_mode", "wal"),
        ("SELECT CAST(synchronous AS text) AS value FROM pragma_synchronous", "2"),
        ("SELECT CAST(foreign_keys AS text) AS value FROM pragma_foreign_keys", "1"),
        ("SELECT CAST(timeout AS text) AS value FROM pragma_busy_timeout", "1000"),
    ] {
        assert_eq!(database.write(move |conn| ask(conn, sql)).await.unwrap(), value, "{sql}");
    }
    database.write(|conn| conn.execute_batch("CREATE TABLE t (n integer)")).await.unwrap();
    let url = on.url("svc");
    let path = url.sqlite_path().unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", path.display());
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn names_that_are_no_schemas_are_refused() {
    let url: DatabaseUrl = "sqlite:never-made.db".parse().unwrap();
    for schema in ["", "Upper", "1st", "a-b", "a b", "a;drop", "ä", &"x".repeat(64)] {
        let refused = Database::open(url.clone(), schema, &Options::default());
        assert_eq!(refused.unwrap_err().class(), Class::Broken, "{schema:?}");
    }
    let none = Options { connections: 0, ..Options::default() };
    assert_eq!(Database::open(url, "svc", &none).unwrap_err().class(), Class::Broken);
}
