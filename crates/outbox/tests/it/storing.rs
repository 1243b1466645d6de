//! Into the outbox: with the effect, once, unchanged.

use crate::schema::outbox;
use crate::world::{entries, entry, ids, rows, sorted, waiting_ids, with_outbox};
use ::outbox::{OutboxWriter, Wake, insert, insert_many, waiting};
use chrono::{DateTime, Utc};
use contract::audit::Sealed;
use contract::clock::Timestamp;
use contract::ids::EntryId;
use db::{Class, DbError, SubmitError, on_backend};
use diesel::prelude::*;
use test_kit::database::both;

#[tokio::test]
async fn an_entry_lies_there_as_it_was_given() {
    for on in both() {
        let database = with_outbox(&on);
        database.write(|conn| insert(conn, &entry(1))).await.unwrap();
        assert_eq!(database.read(waiting).await.unwrap(), [entry(1)]);
    }
}

#[tokio::test]
async fn what_is_told_in_one_commit_is_a_row_as_old_as_its_oldest_entry() {
    for on in both() {
        let database = with_outbox(&on);
        let earlier = Sealed { id: EntryId::new(Timestamp::from_micros(1_000_000), [1; 10]), ..entry(2) };
        let given = vec![entry(1), earlier, entry(3)];
        let stored = given.clone();
        database.write(move |conn| insert_many(conn, &stored)).await.unwrap();
        assert_eq!(database.read(waiting).await.unwrap(), given, "in the order they were told in");
        let row = database.read(|conn| {
            let all = outbox::table.select((outbox::count, outbox::bytes, outbox::created_at));
            Ok(on_backend!(conn, |c| all.load::<(i32, i32, DateTime<Utc>)>(c))?)
        });
        let bytes = i32::try_from(serde_json::to_string(&given).unwrap().len()).unwrap();
        assert_eq!(
            row.await.unwrap(),
            [(3, bytes, DateTime::<Utc>::UNIX_EPOCH + chrono::TimeDelta::seconds(1))]
        );
    }
}

#[tokio::test]
async fn a_row_is_no_larger_than_a_call() {
    for on in both() {
        let database = with_outbox(&on);
        let large = |number| Sealed { payload: "x".repeat(600_000), ..entry(number) };
        let mut given = entries(0..1_100);
        given.extend([large(2_001), large(2_002), large(2_003)]);
        let stored = given.clone();
        database.write(move |conn| insert_many(conn, &stored)).await.unwrap();
        assert_eq!(rows(&database).await, [500, 500, 101, 1, 1]);
        assert_eq!(database.read(waiting).await.unwrap(), given);
    }
}

#[tokio::test]
async fn an_entry_shares_the_fate_of_its_effect() {
    for on in both() {
        let database = with_outbox(&on);
        let failed = database
            .write(|conn| {
                insert_many(conn, &entries(0..3))?;
                Err::<(), _>(DbError::broken("the effect failed"))
            })
            .await;
        assert_eq!(failed.unwrap_err().class(), Class::Broken);
        assert_eq!(waiting_ids(&database).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn nothing_to_tell_makes_no_row() {
    for on in both() {
        let database = with_outbox(&on);
        database.write(|conn| insert_many(conn, &[])).await.unwrap();
        assert_eq!(rows(&database).await, Vec::<i32>::new());
    }
}

/// Back-pressure: what finds the queue full is refused, which callers hear as 503, and nothing that was taken is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_loses_nothing() {
    for on in both() {
        let database = with_outbox(&on);
        let writer = OutboxWriter::start(&database, "audit-writer", &Wake::new()).unwrap();
        let (free, until) = std::sync::mpsc::channel::<()>();
        let (tell, blocked) = tokio::sync::oneshot::channel();
        let (held, mut tell, until) = (database.clone(), Some(tell), std::sync::Mutex::new(until));
        let holder = tokio::spawn(async move {
            let holding = held.write(move |conn| {
                if let db::Conn::Postgres(_) = conn {
                    conn.execute_batch("lock table outbox in access exclusive mode")?;
                }
                if let Some(tell) = tell.take() {
                    tell.send(()).unwrap();
                }
                until.lock().unwrap().recv().unwrap_err();
                Ok(())
            });
            holding.await.unwrap();
        });
        blocked.await.unwrap();
        let mut recording = tokio::task::JoinSet::new();
        for number in 0..5_000 {
            let writer = writer.clone();
            recording.spawn(async move { (number, writer.record(entry(number)).await) });
        }
        let (_, refused) = recording.join_next().await.unwrap().unwrap();
        assert!(matches!(refused, Err(SubmitError::Full)), "{refused:?}");
        drop(free);
        holder.await.unwrap();
        let told = recording.join_all().await;
        let mut stored: Vec<String> = Vec::new();
        for (number, told) in told {
            match told {
                Ok(()) => stored.push(entry(number).id.to_string()),
                Err(error) => assert!(matches!(error, SubmitError::Full), "{error}"),
            }
        }
        assert!(stored.len() >= 4_096, "{} were taken", stored.len());
        assert_eq!(sorted(waiting_ids(&database).await), sorted(stored));
    }
}

#[tokio::test]
async fn the_recorder_makes_entries_durable() {
    for on in both() {
        let database = with_outbox(&on);
        let writer = OutboxWriter::start(&database, "audit-writer", &Wake::new()).unwrap();
        let recorder = writer.recorder();
        recorder.record(entry(0)).await.unwrap();
        assert_eq!(waiting_ids(&database).await, ids(&entries(0..1)));
        recorder.record_all(entries(1..400)).await.unwrap();
        assert_eq!(sorted(waiting_ids(&database).await), sorted(ids(&entries(0..400))));
        writer.close().await;
        assert!(matches!(writer.record(entry(401)).await, Err(SubmitError::Unavailable)));
        assert!(recorder.record(entry(401)).await.is_err());
    }
}
