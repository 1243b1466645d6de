//! The batch writer's rules, one test each.

use crate::things::{Thing, insert, keys, set, thing, things, with_things};
use db::{BatchOptions, BatchWriter, Class, Conn, Database, DbError, DbResult, SubmitError, on_backend};
use diesel::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex, PoisonError, mpsc};
use test_kit::database::{Backend, both, postgres};
use tokio::task::JoinHandle;

type Writer = BatchWriter<Thing, &'static str>;

const OPTIONS: BatchOptions = BatchOptions { name: "test-writer", capacity: 1000, batch: 500, threads: 1 };

fn start(
    database: &Database,
    options: &BatchOptions,
    write: impl FnMut(&mut Conn, &[Thing]) -> DbResult<Vec<&'static str>> + Send + 'static,
) -> Writer {
    // A writer's closure is copied for each of its threads; these hold ends of channels, and are shared.
    let write = Arc::new(Mutex::new(write));
    let write = move |conn: &mut Conn, rows: &[Thing]| {
        let mut write = write.lock().unwrap_or_else(PoisonError::into_inner);
        (*write)(conn, rows)
    };
    BatchWriter::start(database, options, |thing: &Thing| thing.key.clone(), write).unwrap()
}

fn plain(conn: &mut Conn, rows: &[Thing]) -> DbResult<Vec<&'static str>> {
    insert(conn, rows)?;
    Ok(vec!["stored"; rows.len()])
}

/// Inserts what is new, folding equal keys first.
fn folding(conn: &mut Conn, rows: &[Thing]) -> DbResult<Vec<&'static str>> {
    let firsts: Vec<Thing> = rows.chunk_by(|a, b| a.key == b.key).map(|same| same[0].clone()).collect();
    let new: Vec<String> = on_backend!(conn, |c| diesel::insert_into(things::table)
        .values(&firsts)
        .on_conflict(things::key)
        .do_nothing()
        .returning(things::key)
        .get_results(c))?;
    let mut told = Vec::new();
    for same in rows.chunk_by(|a, b| a.key == b.key) {
        told.push(if new.contains(&same[0].key) { "new" } else { "duplicate" });
        told.extend(std::iter::repeat_n("duplicate", same.len() - 1));
    }
    Ok(told)
}

fn submit(writer: &Writer, item: Thing) -> JoinHandle<Result<&'static str, SubmitError>> {
    let writer = writer.clone();
    tokio::spawn(async move { writer.submit(item).await })
}

/// Holds the writing thread in its first batch until it is opened.
struct Gate {
    entered: Option<mpsc::Sender<()>>,
    opened: mpsc::Receiver<()>,
}

struct Keeper {
    entered: mpsc::Receiver<()>,
    open: mpsc::Sender<()>,
}

fn gate() -> (Gate, Keeper) {
    let (enter, entered) = mpsc::channel();
    let (open, opened) = mpsc::channel();
    (Gate { entered: Some(enter), opened }, Keeper { entered, open })
}

impl Gate {
    fn pass(&mut self) {
        if let Some(entered) = self.entered.take() {
            entered.send(()).unwrap();
            self.opened.recv().unwrap();
        }
    }
}

/// Submits one item, and returns when the thread is held with it.
async fn held(writer: &Writer, keeper: &Keeper) -> JoinHandle<Result<&'static str, SubmitError>> {
    let first = submit(writer, thing("0 held", 0));
    while keeper.entered.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    first
}

/// Submits all, one after the other, and returns when all of them wait.
async fn queued(writer: &Writer, items: Vec<Thing>) -> Vec<JoinHandle<Result<&'static str, SubmitError>>> {
    let mut tasks = Vec::new();
    for item in items {
        tasks.push(submit(writer, item));
        while writer.len() < tasks.len() {
            tokio::task::yield_now().await;
        }
    }
    tasks
}

async fn outcomes(tasks: Vec<JoinHandle<Result<&'static str, SubmitError>>>) -> Vec<String> {
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(match task.await.unwrap() {
            Ok(verdict) => verdict.to_owned(),
            Err(SubmitError::Refused(error)) => format!("refused {:?}", error.class()),
            Err(error) => format!("{error:?}"),
        });
    }
    outcomes
}

#[tokio::test]
async fn what_waits_goes_into_one_batch_sorted_by_key() {
    for on in both() {
        let database = with_things(&on);
        let (mut gate, keeper) = gate();
        let batches = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&batches);
        let writer = start(&database, &OPTIONS, move |conn, rows| {
            seen.lock().unwrap().push(rows.iter().map(|row| row.key.clone()).collect::<Vec<_>>());
            gate.pass();
            plain(conn, rows)
        });
        let first = held(&writer, &keeper).await;
        let tasks = queued(&writer, vec![thing("c", 0), thing("a", 0), thing("b", 0)]).await;
        keeper.open.send(()).unwrap();
        assert_eq!(first.await.unwrap().unwrap(), "stored");
        assert_eq!(outcomes(tasks).await, ["stored"; 3]);
        assert_eq!(*batches.lock().unwrap(), [vec!["0 held"], vec!["a", "b", "c"]]);
        assert_eq!(keys(&database).await, ["0 held", "a", "b", "c"]);
    }
}

#[tokio::test]
async fn a_batch_has_its_size_at_most() {
    let on = test_kit::database::sqlite();
    let database = with_things(&on);
    let (mut gate, keeper) = gate();
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sizes);
    let writer = start(&database, &BatchOptions { batch: 2, ..OPTIONS }, move |conn, rows| {
        seen.lock().unwrap().push(rows.len());
        gate.pass();
        plain(conn, rows)
    });
    let first = held(&writer, &keeper).await;
    let tasks = queued(&writer, (0..5).map(|n| thing(&n.to_string(), 0)).collect()).await;
    keeper.open.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(outcomes(tasks).await, ["stored"; 5]);
    assert_eq!(*sizes.lock().unwrap(), [1, 2, 2, 1]);
}

#[tokio::test]
async fn a_bad_row_fails_alone() {
    for on in both() {
        let database = with_things(&on);
        let (mut gate, keeper) = gate();
        let writer = start(&database, &OPTIONS, move |conn, rows| {
            gate.pass();
            plain(conn, rows)
        });
        let first = held(&writer, &keeper).await;
        let mut items: Vec<_> = (1..=9).map(|n| thing(&n.to_string(), n)).collect();
        items[3].number = -1; // breaks a check
        items[7].number = 1; // takes what is taken
        let tasks = queued(&writer, items).await;
        keeper.open.send(()).unwrap();
        first.await.unwrap().unwrap();
        let mut expected = ["stored"; 9];
        expected[3] = "refused Data";
        expected[7] = "refused Conflict";
        assert_eq!(outcomes(tasks).await, expected);
        assert_eq!(keys(&database).await, ["0 held", "1", "2", "3", "5", "6", "7", "9"]);
    }
}

#[tokio::test]
async fn twins_lie_side_by_side_the_first_submitted_first() {
    for on in both() {
        let database = with_things(&on);
        database.write(|conn| insert(conn, &[thing("old", 0)])).await.unwrap();
        let (mut gate, keeper) = gate();
        let writer = start(&database, &OPTIONS, move |conn, rows| {
            gate.pass();
            folding(conn, rows)
        });
        let first = held(&writer, &keeper).await;
        let items = vec![
            thing("x", 11),
            thing("old", 12),
            thing("y", 13),
            thing("x", 14),
            thing("y", 15),
            thing("x", 16),
        ];
        let tasks = queued(&writer, items).await;
        keeper.open.send(()).unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(outcomes(tasks).await, ["new", "duplicate", "new", "duplicate", "duplicate", "duplicate"]);
        let rows = database.read(crate::things::all).await.unwrap();
        let numbers: Vec<_> = rows.iter().map(|row| (row.key.as_str(), row.number)).collect();
        assert_eq!(numbers, [("0 held", 0), ("old", 0), ("x", 11), ("y", 13)]);
    }
}

#[tokio::test]
async fn of_two_replicas_one_hears_new_for_each_key() {
    for on in both() {
        let one = with_things(&on);
        let writers = [start(&one, &OPTIONS, folding), start(&on.open("svc"), &OPTIONS, folding)];
        let mut tasks = Vec::new();
        for round in 0..8 {
            for n in 0..50 {
                // In opposite orders.
                let key = if round % 2 == 0 { n } else { 49 - n };
                tasks.push(submit(&writers[round % 2], thing(&format!("{key:02}"), 0)));
            }
        }
        let outcomes = outcomes(tasks).await;
        assert_eq!(outcomes.iter().filter(|outcome| *outcome == "new").count(), 50);
        assert_eq!(outcomes.iter().filter(|outcome| *outcome == "duplicate").count(), 350);
        assert_eq!(keys(&one).await.len(), 50);
    }
}

#[tokio::test]
async fn two_writers_that_deadlock_both_store() {
    let on = postgres();
    let database = with_things(&on);
    database.write(|conn| insert(conn, &[thing("a", 0), thing("b", 0)])).await.unwrap();
    let both_hold_one = Arc::new(Barrier::new(2));
    let runs = Arc::new(AtomicU32::new(0));
    let crossing = |first: &'static str, second: &'static str| {
        let (barrier, runs) = (Arc::clone(&both_hold_one), Arc::clone(&runs));
        let mut first_run = true;
        start(&database, &OPTIONS, move |conn, rows| {
            runs.fetch_add(1, Ordering::SeqCst);
            set(conn, first, 0)?;
            if std::mem::take(&mut first_run) {
                barrier.wait();
            }
            set(conn, second, 0)?;
            plain(conn, rows)
        })
    };
    let (left, right) = (crossing("a", "b"), crossing("b", "a"));
    let tasks = vec![submit(&left, thing("left", 1)), submit(&right, thing("right", 2))];
    assert_eq!(outcomes(tasks).await, ["stored"; 2]);
    assert_eq!(runs.load(Ordering::SeqCst), 3, "one of the two ran twice");
    assert_eq!(keys(&database).await, ["a", "b", "left", "right"]);
}

#[tokio::test]
async fn who_is_in_the_way_again_and_again_is_told_to_come_back() {
    for on in both() {
        let database = with_things(&on);
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let writer = start(&database, &OPTIONS, move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            Err(DbError::Busy("others".into()))
        });
        assert!(matches!(writer.submit(thing("a", 1)).await, Err(SubmitError::Unavailable)));
        // SQLite's own busy_timeout has waited already.
        let expected = if on.backend() == Backend::Postgres { 5 } else { 1 };
        assert_eq!(runs.load(Ordering::SeqCst), expected);
    }
}

#[tokio::test]
async fn a_connection_that_died_while_idle_is_replaced_unnoticed() {
    let on = postgres();
    let database = with_things(&on);
    let writer = start(&database, &OPTIONS, plain);
    writer.submit(thing("a", 1)).await.unwrap();
    on.end_sessions();
    assert_eq!(writer.submit(thing("b", 2)).await.unwrap(), "stored");
    assert_eq!(keys(&database).await, ["a", "b"]);
}

#[tokio::test]
async fn when_the_connection_dies_all_are_told_unavailable_and_the_next_batch_is_stored() {
    let on = Arc::new(postgres());
    let database = with_things(&on);
    for (dies_in, expected) in [("the middle", vec!["0 held"]), ("commit", vec!["0 held"])] {
        database.write(|conn| conn.execute_batch("DELETE FROM things")).await.unwrap();
        let (mut gate, keeper) = gate();
        let server = Arc::clone(&on);
        let mut batch = 0;
        let writer = start(&database, &OPTIONS, move |conn, rows| {
            gate.pass();
            batch += 1;
            match (batch, dies_in) {
                (2, "the middle") => {
                    server.end_sessions();
                    plain(conn, rows)
                }
                (2, _) => {
                    let told = plain(conn, rows);
                    server.end_sessions();
                    told
                }
                _ => plain(conn, rows),
            }
        });
        let first = held(&writer, &keeper).await;
        let tasks = queued(&writer, vec![thing("a", 1), thing("b", 2), thing("c", 3)]).await;
        keeper.open.send(()).unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(outcomes(tasks).await, ["Unavailable"; 3], "dies in {dies_in}");
        assert_eq!(keys(&database).await, expected, "dies in {dies_in}");
        assert_eq!(writer.submit(thing("a", 1)).await.unwrap(), "stored", "after it died in {dies_in}");
    }
}

#[tokio::test]
async fn a_full_queue_refuses_and_stores_nothing_of_it() {
    for on in both() {
        let database = with_things(&on);
        let (mut gate, keeper) = gate();
        let writer = start(&database, &BatchOptions { capacity: 2, ..OPTIONS }, move |conn, rows| {
            gate.pass();
            plain(conn, rows)
        });
        let first = held(&writer, &keeper).await;
        assert!(writer.is_empty() && !writer.is_full());
        let tasks = queued(&writer, vec![thing("a", 1), thing("b", 2)]).await;
        assert!(writer.is_full());
        assert_eq!(writer.len(), 2);
        assert!(matches!(writer.submit(thing("c", 3)).await, Err(SubmitError::Full)));
        keeper.open.send(()).unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(outcomes(tasks).await, ["stored"; 2]);
        assert_eq!(keys(&database).await, ["0 held", "a", "b"]);
        assert_eq!(writer.written(), (2, 3), "the first alone, the two together");
        assert_eq!(writer.submit(thing("c", 3)).await.unwrap(), "stored");
        assert_eq!((writer.written(), writer.options().capacity), ((3, 4), 2));
    }
}

#[tokio::test]
async fn closing_writes_what_waits_and_takes_no_more() {
    for on in both() {
        let database = with_things(&on);
        let (mut gate, keeper) = gate();
        let writer = start(&database, &OPTIONS, move |conn, rows| {
            gate.pass();
            plain(conn, rows)
        });
        let first = held(&writer, &keeper).await;
        let tasks = queued(&writer, vec![thing("a", 1), thing("b", 2)]).await;
        let closing = tokio::spawn({
            let writer = writer.clone();
            async move { writer.close().await }
        });
        while !writer.is_full() {
            tokio::task::yield_now().await; // a closed writer has no room
        }
        assert!(matches!(writer.submit(thing("c", 3)).await, Err(SubmitError::Unavailable)));
        assert!(!closing.is_finished());
        keeper.open.send(()).unwrap();
        closing.await.unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(outcomes(tasks).await, ["stored"; 2]);
        assert_eq!(keys(&database).await, ["0 held", "a", "b"]);
        writer.close().await;
    }
}

#[tokio::test]
async fn what_was_handed_over_is_stored_though_nobody_waits() {
    for on in both() {
        let database = with_things(&on);
        let (mut gate, keeper) = gate();
        let writer = start(&database, &OPTIONS, move |conn, rows| {
            gate.pass();
            plain(conn, rows)
        });
        let first = held(&writer, &keeper).await;
        for task in queued(&writer, vec![thing("a", 1)]).await {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        drop(writer);
        keeper.open.send(()).unwrap();
        while keys(&database).await != ["0 held", "a"] {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_panic_or_a_wrong_number_of_verdicts_stores_nothing_and_ends_nothing() {
    for on in both() {
        let database = with_things(&on);
        let writer = start(&database, &OPTIONS, |conn, rows| {
            let told = plain(conn, rows)?;
            match rows[0].key.as_str() {
                "panic" => panic!("on purpose"),
                "none" => Ok(Vec::new()),
                _ => Ok(told),
            }
        });
        for key in ["panic", "none"] {
            let Err(SubmitError::Refused(error)) = writer.submit(thing(key, 1)).await else {
                panic!("not refused")
            };
            assert_eq!(error.class(), Class::Broken);
        }
        assert_eq!(writer.submit(thing("good", 1)).await.unwrap(), "stored");
        assert_eq!(keys(&database).await, ["good"]);
    }
}

/// Two threads write at once on PostgreSQL: the second batch is entered while the first still waits. SQLite's one writer stays one.
#[tokio::test(flavor = "multi_thread")]
async fn while_one_thread_writes_the_next_batch_is_begun() {
    for on in both() {
        let database = with_things(&on);
        let at_once = Arc::new(AtomicU32::new(0));
        let most = Arc::new(AtomicU32::new(0));
        let (counted, seen) = (Arc::clone(&at_once), Arc::clone(&most));
        let both_threads = database.backend() == db::Backend::Postgres;
        let write = move |conn: &mut Conn, rows: &[Thing]| {
            seen.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Stays until the other thread is in here too, where there is one.
            while both_threads && seen.load(Ordering::SeqCst) < 2 {
                std::thread::yield_now();
            }
            let told = plain(conn, rows);
            counted.fetch_sub(1, Ordering::SeqCst);
            told
        };
        let options = BatchOptions { threads: 2, batch: 1, ..OPTIONS };
        let writer =
            BatchWriter::start(&database, &options, |thing: &Thing| thing.key.clone(), write).unwrap();
        let tasks = (0..20).map(|number| submit(&writer, thing(&format!("k{number}"), number))).collect();
        assert_eq!(outcomes(tasks).await, ["stored"; 20]);
        assert_eq!(most.load(Ordering::SeqCst), if both_threads { 2 } else { 1 });
        writer.close().await;
    }
}
