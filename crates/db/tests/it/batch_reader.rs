//! The batch reader's rules, one test each.

use crate::things::{Thing, all, insert, keys, thing, with_things};
use db::{BatchOptions, BatchReader, Class, Conn, Database, DbError, DbResult};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use test_kit::database::{both, postgres};
use tokio::task::JoinHandle;

type Reader = BatchReader<String, Option<i64>>;

const OPTIONS: BatchOptions = BatchOptions { name: "test-reader", capacity: 1000, batch: 500, threads: 1 };

fn start(
    database: &Database,
    options: &BatchOptions,
    read: impl FnMut(&mut Conn, &[String]) -> DbResult<Vec<Option<i64>>> + Send + 'static,
) -> Reader {
    // A reader's closure is copied for each of its threads; these hold ends of channels, and are shared.
    let read = Arc::new(Mutex::new(read));
    let read = move |conn: &mut Conn, keys: &[String]| {
        let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
        (*read)(conn, keys)
    };
    BatchReader::start(database, options, read).unwrap()
}

/// The number of each thing.
fn numbers(conn: &mut Conn, keys: &[String]) -> DbResult<Vec<Option<i64>>> {
    let things = all(conn)?;
    Ok(keys
        .iter()
        .map(|key| things.iter().find(|thing| thing.key == *key).map(|thing| thing.number))
        .collect())
}

fn read(reader: &Reader, key: &str) -> JoinHandle<DbResult<Option<i64>>> {
    let (reader, key) = (reader.clone(), key.to_owned());
    tokio::spawn(async move { reader.read(key).await })
}

/// Reads all, one after the other, and returns when all of them wait.
async fn queued(reader: &Reader, keys: &[String]) -> Vec<JoinHandle<DbResult<Option<i64>>>> {
    let mut tasks = Vec::new();
    for key in keys {
        tasks.push(read(reader, key));
        while reader.batches().len() < tasks.len() {
            tokio::task::yield_now().await;
        }
    }
    tasks
}

/// A reader whose first batch is held until it is let go: what is asked for meanwhile waits.
struct Held {
    reader: Reader,
    first: JoinHandle<DbResult<Option<i64>>>,
    go: mpsc::Sender<()>,
}

async fn held(
    database: &Database,
    options: &BatchOptions,
    mut read_batch: impl FnMut(&mut Conn, &[String]) -> DbResult<Vec<Option<i64>>> + Send + 'static,
) -> Held {
    let (enter, entered) = mpsc::channel();
    let (go, gone) = mpsc::channel();
    let mut waits = true;
    let reader = start(database, options, move |conn, keys| {
        if std::mem::take(&mut waits) {
            enter.send(()).unwrap();
            gone.recv().unwrap();
        }
        read_batch(conn, keys)
    });
    let first = read(&reader, "0 held");
    while entered.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    Held { reader, first, go }
}

#[tokio::test]
async fn what_waits_is_read_together_and_each_is_told_its_own() {
    for on in both() {
        let database = with_things(&on);
        let rows: Vec<Thing> = (1..=40).map(|number| thing(&format!("k{number}"), number)).collect();
        database.write(move |conn| insert(conn, &rows)).await.unwrap();
        let Held { reader, first, go } = held(&database, &OPTIONS, numbers).await;
        // Each twice, and as many again that are not there.
        let asked: Vec<String> = (1..=80).chain(1..=80).map(|number| format!("k{number}")).collect();
        let tasks = queued(&reader, &asked).await;
        go.send(()).unwrap();
        assert_eq!(first.await.unwrap().unwrap(), None);
        for (task, number) in tasks.into_iter().zip((1..=80).chain(1..=80)) {
            assert_eq!(task.await.unwrap().unwrap(), (number <= 40).then_some(number));
        }
        assert_eq!(reader.batches().written(), (2, 161), "the first alone, all others in one transaction");
    }
}

#[tokio::test]
async fn what_was_committed_before_the_call_is_seen() {
    for on in both() {
        let database = with_things(&on);
        let reader = start(&database, &OPTIONS, numbers);
        for number in 1..=50 {
            let key = format!("k{number}");
            let row = thing(&key, number);
            assert_eq!(reader.read(key.clone()).await.unwrap(), None);
            database.write(move |conn| insert(conn, std::slice::from_ref(&row))).await.unwrap();
            assert_eq!(reader.read(key).await.unwrap(), Some(number));
        }
    }
}

#[tokio::test]
async fn a_batch_is_one_snapshot_and_waits_for_no_writer() {
    for on in both() {
        let database = with_things(&on);
        let other = on.open("svc");
        let runtime = tokio::runtime::Handle::current();
        let counts = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&counts);
        let reader = start(&database, &OPTIONS, move |conn, keys| {
            let before = all(conn)?.len();
            let row = thing(&format!("new {before}"), 0);
            // Somebody writes in the middle of it.
            runtime.block_on(other.write(move |conn| insert(conn, std::slice::from_ref(&row))))?;
            seen.lock().unwrap().push((before, all(conn)?.len()));
            numbers(conn, keys)
        });
        for _ in 0..2 {
            let reader = reader.clone();
            reader.read("k".to_owned()).await.unwrap();
        }
        assert_eq!(*counts.lock().unwrap(), [(0, 0), (1, 1)]);
        assert_eq!(keys(&database).await, ["new 0", "new 1"]);
    }
}

#[tokio::test]
async fn who_would_write_is_refused_by_postgresql() {
    let on = postgres();
    let database = with_things(&on);
    let reader = start(&database, &OPTIONS, |conn, keys| {
        insert(conn, &[thing("a", 1)])?;
        numbers(conn, keys)
    });
    let refused = reader.read("a".to_owned()).await.unwrap_err();
    // As a standby that does not write refuses it: it may be another server the next time.
    assert_eq!(refused.class(), Class::Unavailable);
    assert_eq!(keys(&database).await, Vec::<String>::new());
}

#[tokio::test]
async fn when_the_database_fails_all_are_told_unavailable_and_the_next_batch_is_read() {
    for on in both() {
        let database = with_things(&on);
        database.write(|conn| insert(conn, &[thing("a", 7)])).await.unwrap();
        let away = Arc::new(AtomicBool::new(true));
        let fails = Arc::clone(&away);
        let Held { reader, first, go } =
            held(&database, &OPTIONS, move |conn, keys| match fails.load(Ordering::SeqCst) {
                true => Err(DbError::Unavailable("gone".into())),
                false => numbers(conn, keys),
            })
            .await;
        let tasks = queued(&reader, &["a", "b", "c"].map(str::to_owned)).await;
        go.send(()).unwrap();
        for task in std::iter::once(first).chain(tasks) {
            assert_eq!(task.await.unwrap().unwrap_err().class(), Class::Unavailable);
        }
        assert_eq!(reader.batches().written(), (0, 0));
        away.store(false, Ordering::SeqCst);
        assert_eq!(reader.read("a".to_owned()).await.unwrap(), Some(7));
    }
}

#[tokio::test]
async fn a_session_that_dies_is_replaced() {
    let on = Arc::new(postgres());
    let database = with_things(&on);
    database.write(|conn| insert(conn, &[thing("a", 7)])).await.unwrap();
    let (server, dies) = (Arc::clone(&on), Arc::new(AtomicBool::new(false)));
    let ends = Arc::clone(&dies);
    let reader = start(&database, &OPTIONS, move |conn, keys| {
        if ends.swap(false, Ordering::SeqCst) {
            server.end_sessions();
        }
        numbers(conn, keys)
    });
    assert_eq!(reader.read("a".to_owned()).await.unwrap(), Some(7));
    on.end_sessions();
    assert_eq!(reader.read("a".to_owned()).await.unwrap(), Some(7), "it died while it lay idle");
    dies.store(true, Ordering::SeqCst);
    assert_eq!(reader.read("a".to_owned()).await.unwrap_err().class(), Class::Unavailable, "in the middle");
    assert_eq!(reader.read("a".to_owned()).await.unwrap(), Some(7), "and after that");
}

#[tokio::test]
async fn a_key_whose_rows_can_t_be_read_fails_alone() {
    for on in both() {
        let database = with_things(&on);
        database.write(|conn| insert(conn, &[thing("a", 1), thing("c", 3)])).await.unwrap();
        let Held { reader, first, go } =
            held(&database, &OPTIONS, |conn, keys| match keys.iter().any(|key| key == "bad") {
                true => Err(DbError::broken("on purpose")),
                false => numbers(conn, keys),
            })
            .await;
        let tasks = queued(&reader, &["a", "bad", "c"].map(str::to_owned)).await;
        go.send(()).unwrap();
        first.await.unwrap().unwrap();
        let mut told = Vec::new();
        for task in tasks {
            told.push(task.await.unwrap().map_err(|error| error.class()));
        }
        assert_eq!(told, [Ok(Some(1)), Err(Class::Broken), Ok(Some(3))]);
    }
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    for on in both() {
        let database = with_things(&on);
        database.write(|conn| insert(conn, &[thing("a", 1)])).await.unwrap();
        let Held { reader, first, go } =
            held(&database, &BatchOptions { capacity: 2, ..OPTIONS }, numbers).await;
        let tasks = queued(&reader, &["a", "b"].map(str::to_owned)).await;
        let refused = reader.read("a".to_owned()).await.unwrap_err();
        assert_eq!((refused.class(), refused.is_transient()), (Class::Unavailable, true));
        go.send(()).unwrap();
        first.await.unwrap().unwrap();
        let mut told = Vec::new();
        for task in tasks {
            told.push(task.await.unwrap().unwrap());
        }
        assert_eq!(told, [Some(1), None]);
        assert_eq!(reader.read("a".to_owned()).await.unwrap(), Some(1));
    }
}
