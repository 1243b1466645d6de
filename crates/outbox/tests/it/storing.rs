//! Into the outbox: with the effect, once, unchanged.

use crate::schema::outbox;
use crate::world::{entries, entry, ids, sorted, start, waiting, waiting_ids, with_outbox};
use ::outbox::{OutboxWriter, Wake, insert, insert_many};
use chrono::{DateTime, Utc};
use db::{Class, DbError, SubmitError, on_backend};
use diesel::prelude::*;
use test_kit::database::both;

#[tokio::test]
async fn an_entry_lies_there_as_it_was_given() {
    for on in both() {
        let database = with_outbox(&on);
        database.write(|conn| insert(conn, &entry(1))).await.unwrap();
        let given = entry(1);
        let disclosures = serde_json::to_string(&given.disclosures).unwrap();
        assert_eq!(waiting(&database).await, [(given.id.to_string(), given.payload, disclosures)]);
        let at = database.read(|conn| {
            Ok(on_backend!(conn, |c| outbox::table.select(outbox::created_at).first::<DateTime<Utc>>(c))?)
        });
        assert_eq!(at.await.unwrap(), DateTime::<Utc>::from(start()));
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
async fn an_entry_that_is_there_is_not_there_twice() {
    for on in both() {
        let database = with_outbox(&on);
        database.write(|conn| insert_many(conn, &[])).await.unwrap();
        database.write(|conn| insert_many(conn, &[entry(1), entry(2), entry(1)])).await.unwrap();
        database.write(|conn| insert_many(conn, &entries(1..4))).await.unwrap();
        assert_eq!(sorted(waiting_ids(&database).await), sorted(ids(&entries(1..4))));
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
        recorder.record_all(entries(0..400)).await.unwrap();
        assert_eq!(sorted(waiting_ids(&database).await), sorted(ids(&entries(0..400))));
        writer.close().await;
        assert!(matches!(writer.record(entry(401)).await, Err(SubmitError::Unavailable)));
        assert!(recorder.record(entry(401)).await.is_err());
    }
}
