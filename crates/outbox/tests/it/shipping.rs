//! Out of the outbox: all of it, at least once, whatever happens on the way.

use crate::schema::leases;
use crate::trail::{AuditLog, Manner};
use crate::world::{entries, entry, ids, sorted, start, waiting_ids, with_outbox};
use ::outbox::{OutboxWriter, Shipper, Wake, insert_many};
use auth::random::Random;
use chrono::{DateTime, Utc};
use contract::audit::Sealed;
use contract::clock::{Clock, ManualClock};
use db::{Database, on_backend};
use diesel::prelude::*;
use http_kit::server::{Shutdown, Stop};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use test_kit::database::both;
use test_kit::waiting::wait_for;
use tokio::task::JoinHandle;
use tracing_subscriber::fmt::MakeWriter;

struct Replica {
    wake: Wake,
    stop: Stop,
    job: JoinHandle<()>,
}

impl Replica {
    fn start(database: &Database, log: &AuditLog, clock: &Clock, seed: u64) -> Self {
        let wake = Wake::new();
        let (stop, shutdown) = Shutdown::channel();
        let shipper = Shipper::new(
            database.clone(),
            log.client(clock),
            clock.clone(),
            Random::seeded(seed),
            wake.clone(),
        );
        Self { wake, stop, job: tokio::spawn(shipper.run(shutdown)) }
    }

    async fn stop(self) {
        self.stop.now();
        self.job.await.unwrap();
    }

    /// Ends it as a crash would: nothing is given back.
    async fn kill(self) {
        self.job.abort();
        assert!(self.job.await.unwrap_err().is_cancelled());
    }
}

fn clock() -> (Clock, ManualClock) {
    Clock::manual(start())
}

async fn store(database: &Database, given: Vec<Sealed>) {
    database.write(move |conn| insert_many(conn, &given)).await.unwrap();
}

/// Waits until the outbox is empty.
async fn shipped(database: &Database) {
    wait_for("an empty outbox", async || waiting_ids(database).await.is_empty()).await;
}

#[tokio::test]
async fn entries_arrive_byte_for_byte_and_are_gone_from_here() {
    for on in both() {
        let (database, log, (clock, _)) = (with_outbox(&on), AuditLog::start(), clock());
        store(&database, entries(0..3)).await;
        let replica = Replica::start(&database, &log, &clock, 1);
        shipped(&database).await;
        for given in entries(0..3) {
            assert_eq!(log.trail().entries.get(&given.id.to_string()), Some(&given));
        }
        // And those that come later, as they come.
        let writer = OutboxWriter::start(&database, "audit-writer", &replica.wake).unwrap();
        writer.record(entry(7)).await.unwrap();
        shipped(&database).await;
        assert_eq!(log.trail().entries.len(), 4);
        replica.stop().await;
    }
}

#[tokio::test]
async fn many_go_in_calls_of_a_bounded_size() {
    for on in both() {
        let (database, log, (clock, _)) = (with_outbox(&on), AuditLog::start(), clock());
        store(&database, entries(0..1200)).await;
        let large = |number| Sealed { payload: "x".repeat(600_000), ..entry(number) };
        store(&database, vec![large(2001), large(2002)]).await;
        let replica = Replica::start(&database, &log, &clock, 1);
        shipped(&database).await;
        assert_eq!(log.trail().entries.len(), 1202);
        // 200 and one large one fit into a call; two large ones don't.
        assert_eq!(log.trail().calls, [500, 500, 201, 1]);
        replica.stop().await;
    }
}

#[tokio::test]
async fn while_audit_log_is_away_entries_wait_and_none_is_lost() {
    for on in both() {
        let (database, log, (clock, _)) = (with_outbox(&on), AuditLog::start(), clock());
        log.behave(Manner::Away);
        let replica = Replica::start(&database, &log, &clock, 1);
        store(&database, entries(0..5)).await;
        wait_for("a call", async || log.trail().most_at_once > 0).await;
        assert_eq!(waiting_ids(&database).await.len(), 5);
        assert_eq!(log.ids(), Vec::<String>::new());
        log.behave(Manner::Well);
        shipped(&database).await;
        assert_eq!(log.ids(), sorted(ids(&entries(0..5))));
        replica.stop().await;
    }
}

/// I11: nobody is refused, so somebody must be told.
#[tokio::test]
async fn an_alarm_rises_once_entries_have_waited_for_a_minute_and_goes_with_them() {
    let said = Said::default();
    let format = tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO);
    let _told = tracing::subscriber::set_default(format.with_writer(said.clone()).finish());
    for on in both() {
        let (database, log, (clock, time)) = (with_outbox(&on), AuditLog::start(), clock());
        said.lines().clear();
        log.behave(Manner::Away);
        let replica = Replica::start(&database, &log, &clock, 1);
        store(&database, entries(0..5)).await;
        time.advance(Duration::from_secs(59));
        let calls = log.trail().turned_away;
        wait_for("two calls", async || log.trail().turned_away >= calls + 2).await;
        assert_eq!(said.alarms(), Vec::<String>::new());

        time.advance(Duration::from_secs(541));
        wait_for("the alarm", async || !said.alarms().is_empty()).await;
        let calls = log.trail().turned_away;
        wait_for("two calls", async || log.trail().turned_away >= calls + 2).await;
        assert_eq!(said.alarms(), ["ERROR"], "once, not at every try");

        log.behave(Manner::Well);
        shipped(&database).await;
        assert_eq!(log.ids(), sorted(ids(&entries(0..5))), "they arrive later");
        wait_for("its end", async || said.alarms() == ["ERROR", "INFO"]).await;
        replica.stop().await;
    }
}

/// What this thread logs.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn lines(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap()
    }

    /// The levels of the lines about the alarm.
    fn alarms(&self) -> Vec<String> {
        let lines = String::from_utf8(self.lines().clone()).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines
            .filter(|line| line["fields"]["alarm"] == http_kit::audit::ALARM)
            .map(|line| line["level"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.lines().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Said {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_sends_them_again() {
    for on in both() {
        let (database, log, (clock, _)) = (with_outbox(&on), AuditLog::start(), clock());
        log.behave(Manner::Forgetful);
        store(&database, entries(0..5)).await;
        let replica = Replica::start(&database, &log, &clock, 1);
        wait_for("5 entries", async || log.ids().len() >= 5).await;
        assert_eq!(waiting_ids(&database).await.len(), 5, "not acknowledged, so not removed");
        log.behave(Manner::Well);
        shipped(&database).await;
        assert!(log.trail().repeated >= 5);
        assert_eq!(log.ids(), sorted(ids(&entries(0..5))));
        replica.stop().await;
    }
}

#[tokio::test]
async fn an_entry_that_is_refused_stays_and_holds_nobody_up() {
    for on in both() {
        let (database, log, (clock, _)) = (with_outbox(&on), AuditLog::start(), clock());
        let refused = sorted(ids(&[entry(3), entry(11)]));
        log.behave(Manner::Choosy(refused.clone()));
        store(&database, entries(0..20)).await;
        let replica = Replica::start(&database, &log, &clock, 1);
        wait_for("18 entries", async || log.ids().len() >= 18).await;
        store(&database, entries(20..25)).await;
        replica.wake.wake();
        // They arrive before they are acknowledged; only what is acknowledged is removed here.
        wait_for("all but the refused to be gone", async || sorted(waiting_ids(&database).await) == refused)
            .await;
        replica.stop().await;
        assert_eq!(log.ids().len(), 23);
        assert_eq!(sorted(waiting_ids(&database).await), refused);
        // The next start tries again.
        log.behave(Manner::Well);
        let replica = Replica::start(&database, &log, &clock, 2);
        shipped(&database).await;
        assert_eq!(log.ids(), sorted(ids(&entries(0..25))));
        replica.stop().await;
    }
}

/// More of them than look like a fault of another kind.
#[tokio::test]
async fn very_many_that_are_refused_hold_nobody_up_either_are_told_of_and_tried_again() {
    let said = Said::default();
    let format = tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO);
    let _told = tracing::subscriber::set_default(format.with_writer(said.clone()).finish());
    for on in both() {
        let (database, log, (clock, time)) = (with_outbox(&on), AuditLog::start(), clock());
        said.lines().clear();
        let refused: Vec<_> = (0..150).map(entry).collect();
        log.behave(Manner::Choosy(sorted(ids(&refused))));
        store(&database, refused).await;
        store(&database, entries(150..160)).await;
        let replica = Replica::start(&database, &log, &clock, 1);
        wait_for("those behind them", async || waiting_ids(&database).await.len() == 150).await;
        assert_eq!(log.ids(), sorted(ids(&entries(150..160))));

        time.advance(Duration::from_secs(61));
        wait_for("the alarm", async || !said.alarms().is_empty()).await;
        log.behave(Manner::Well);
        time.advance(Duration::from_secs(600));
        shipped(&database).await;
        assert_eq!(log.ids(), sorted(ids(&entries(0..160))));
        wait_for("its end", async || said.alarms() == ["ERROR", "INFO"]).await;
        replica.stop().await;
    }
}

#[tokio::test]
async fn of_two_replicas_one_ships_at_a_time() {
    for on in both() {
        let (database, log, (clock, _)) = (with_outbox(&on), AuditLog::start(), clock());
        let replicas = [1, 2].map(|seed| Replica::start(&on.open("svc"), &log, &clock, seed));
        for hundred in 0..10 {
            store(&database, entries(hundred * 100..hundred * 100 + 100)).await;
            replicas.iter().for_each(|replica| replica.wake.wake());
        }
        shipped(&database).await;
        for replica in replicas {
            replica.stop().await;
        }
        assert_eq!(log.ids().len(), 1000);
        assert_eq!(log.trail().most_at_once, 1);
        assert_eq!(log.trail().repeated, 0);
    }
}

#[tokio::test]
async fn a_replica_that_died_is_succeeded_when_its_lease_ends() {
    for on in both() {
        let (database, log, (clock, time)) = (with_outbox(&on), AuditLog::start(), clock());
        let first = Replica::start(&database, &log, &clock, 1);
        store(&database, entries(0..1)).await;
        shipped(&database).await;
        first.kill().await;

        let until = database
            .read(|conn| Ok(on_backend!(conn, |c| leases::table.select(leases::held_until).get_result(c))?))
            .await;
        let ends: DateTime<Utc> = until.unwrap();
        assert_eq!(
            ends,
            DateTime::<Utc>::from(start().plus(Duration::from_secs(10))),
            "nothing was given back"
        );
        let second = Replica::start(&database, &log, &clock, 2);
        store(&database, entries(1..2)).await;
        time.advance(Duration::from_secs(10));
        shipped(&database).await;
        assert_eq!(log.ids(), sorted(ids(&entries(0..2))));
        second.stop().await;
    }
}

#[tokio::test]
async fn a_replica_that_stops_gives_its_lease_back() {
    for on in both() {
        let (database, log, (clock, _)) = (with_outbox(&on), AuditLog::start(), clock());
        let first = Replica::start(&database, &log, &clock, 1);
        store(&database, entries(0..1)).await;
        shipped(&database).await;
        first.stop().await;
        // The clock stands still: only a lease that was given back is free.
        let second = Replica::start(&database, &log, &clock, 2);
        store(&database, entries(1..2)).await;
        shipped(&database).await;
        second.stop().await;
    }
}
