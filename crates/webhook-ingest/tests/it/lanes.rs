//! What becomes of acknowledged events: applied, superseded, dead-lettered, tried again; whatever is away meanwhile.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

use contract::clock::Clock;
use contract::events::{Event, EventType};
use contract::internal::ApplyResult;
use serde_json::json;
use test_kit::database::{TestDatabase, both, postgres};
use test_kit::ports::free_address;
use test_kit::waiting::eventually;
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{
    NOBODY, Row, ServiceApi, all, config, each, event, registration, start, start_alone, start_with, states,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_event_is_sent_once_with_all_that_its_order_needs() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let body = br#"{"id":"a","sequence":7,"event":"client.registered","data":{"clientId":"c1","email":"Ada@Example.com"},"timestamp":"2025-10-13T21:00:00+02:00"}"#;
        let event_id = ingest.deliver(body).await.text("eventId");
        let rows = eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"]).await;
        assert_eq!((rows[0].attempts, rows[0].reason.as_deref()), (0, None));
        let events = service_api.events();
        assert_eq!(events.len(), 1);
        let event = &events[0];
        assert_eq!((event.event_id.to_string(), event.source.as_str()), (event_id, "site"));
        assert_eq!((event.intake, event.sequence), (rows[0].intake, Some(7)));
        assert_eq!(event.effective_at.to_string(), "2025-10-13T19:00:00.000000Z");
        let Event::ClientRegistered(_) = &event.event else { panic!("{event:?}") };
        assert_eq!(event.event.identity().email.as_deref(), Some("Ada@Example.com"), "byte for byte");
        ingest.deliver(body).await;
        ingest.deliver(&registration("b", "c1")).await;
        eventually(|| ingest.inbox(), |rows| states(rows) == ["applied", "applied"]).await;
        assert_eq!(service_api.events().len(), 2, "a duplicate is not sent");
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_verdict_leads_to_its_state_and_what_took_no_effect_is_on_the_trail() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|batch| {
            each(batch, |event| match event.event.identity().client_id.as_deref() {
                Some("superseded") => (ApplyResult::Superseded, None),
                Some("again") => (ApplyResult::AlreadyApplied, None),
                Some("refused") => (ApplyResult::Refused, Some("too_odd".to_owned())),
                Some("conflict") => (ApplyResult::Conflict, Some("other_facts".to_owned())),
                _ => (ApplyResult::Applied, None),
            })
        });
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let mut ids = Vec::new();
        for client in ["applied", "superseded", "again", "refused", "conflict"] {
            ids.push(ingest.deliver(&registration(client, client)).await.text("eventId"));
        }
        let wanted = ["applied", "superseded", "applied", "dead_lettered", "conflict"];
        let rows = eventually(|| ingest.inbox(), |rows| states(rows) == wanted).await;
        assert_eq!(reasons(&rows)[3..], [Some("too_odd"), Some("other_facts")]);
        let trail = ingest.trail().await;
        for (action, event_id, reason) in
            [("webhook.dead_letter", &ids[3], "too_odd"), ("webhook.conflict", &ids[4], "other_facts")]
        {
            let entries: Vec<_> = trail.iter().filter(|entry| entry["action"] == action).collect();
            assert_eq!(entries.len(), 1, "{action}");
            assert_eq!(entries[0]["target"], json!({ "kind": "event", "id": event_id }));
            let told = (&entries[0]["outcome"], &entries[0]["reason"]);
            assert_eq!(told, (&json!("refused"), &json!(reason)));
        }
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_sent_to_be_applied() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let transaction = r#"{"clientId":"c1","transactionId":"t","amount":"1","currency":"USD"}"#;
        for (event_type, data) in [
            (EventType::ClientRegistered, r#"{"clientId":"c1","email":"c1@example.com"}"#),
            (EventType::DepositCompleted, transaction),
            (EventType::WithdrawalCompleted, transaction),
            (EventType::KycUpdated, r#"{"clientId":"c1","kycStatus":"approved"}"#),
            (EventType::AccountUpdated, r#"{"clientId":"c1","accountId":"a1","balance":"2"}"#),
        ] {
            let answer = ingest.deliver(&event(event_type.as_str(), event_type.as_str(), data)).await;
            assert_eq!(answer.text("status"), "accepted");
        }
        eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"; 5]).await;
        let sent: BTreeSet<&str> =
            service_api.events().iter().map(|event| event.event.event_type().as_str()).collect();
        assert_eq!(sent, EventType::ALL.map(EventType::as_str).into_iter().collect());
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_while_service_api_is_away_and_are_applied_when_it_is_back() {
    for on in both() {
        let address = free_address();
        let ingest = start(&on, config(&on, &format!("http://{address}"))).await;
        for client in ["c1", "c2", "c3"] {
            assert_eq!(ingest.deliver(&registration(client, client)).await.text("status"), "accepted");
        }
        let port = TcpListener::bind(address).expect("the port is free again");
        let service_api = ServiceApi::start_on(MockServer::builder().listener(port).start().await).await;
        service_api.behave(|_| ResponseTemplate::new(503));
        eventually(async || service_api.batches().len(), |calls| *calls >= 3).await;
        let rows = ingest.inbox().await;
        assert_eq!(states(&rows), ["pending"; 3]);
        assert!(rows.iter().all(|row| row.attempts == 0), "the rows are untouched: {rows:?}");
        service_api.behave(|batch| all(batch, ApplyResult::Applied, None));
        eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"; 3]).await;
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_fails_by_itself_is_tried_again_later_and_delays_no_other() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|batch| {
            each(batch, |event| match event.event.identity().client_id.as_deref() {
                Some("bad") => (ApplyResult::Failed, Some("our_fault".to_owned())),
                _ => (ApplyResult::Applied, None),
            })
        });
        let (clock, hands) = Clock::manual(Clock::system().now());
        let ingest = start_with(&on, config(&on, &service_api.url()), clock).await;
        ingest.deliver(&registration("bad", "bad")).await;
        for number in 0..20 {
            ingest.deliver(&registration(&format!("{number}"), &format!("good{number}"))).await;
        }
        let settled =
            |rows: &Vec<crate::support::Row>| rows[0].attempts == 1 && states(rows)[1..] == ["applied"; 20];
        let rows = eventually(|| ingest.inbox(), settled).await;
        assert_eq!((rows[0].state.as_str(), rows[0].reason.as_deref()), ("pending", Some("our_fault")));
        hands.advance(Duration::from_secs(2));
        eventually(|| ingest.inbox(), |rows| rows[0].attempts == 2).await;
        service_api.behave(|batch| all(batch, ApplyResult::Applied, None));
        hands.advance(Duration::from_secs(3));
        let rows = eventually(|| ingest.inbox(), |rows| rows[0].state == "applied").await;
        assert_eq!((rows[0].reason.as_deref(), rows[0].attempts), (None, 2));
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_service_api_chokes_on_is_taken_apart_until_one_event_is_alone() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|_| ResponseTemplate::new(503));
        let ingest = start(&on, config(&on, &service_api.url())).await;
        // One client, so one lane, so one batch.
        for id in ["1", "2", "poison", "4", "5"] {
            ingest.deliver(&registration(id, "c1")).await;
        }
        let poison = ingest.inbox().await[2].event_id.clone();
        service_api.behave(move |batch| {
            if batch.events.iter().any(|event| event.event_id.to_string() == poison) {
                return ResponseTemplate::new(500);
            }
            all(batch, ApplyResult::Applied, None)
        });
        let wanted = ["applied", "applied", "pending", "applied", "applied"];
        let rows =
            eventually(|| ingest.inbox(), |rows| states(rows) == wanted && rows[2].attempts >= 1).await;
        assert_eq!(rows[2].reason.as_deref(), Some("no_verdict"));
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_body_no_longer_reads_waits_for_a_version_that_reads_it() {
    for on in both() {
        let before = start_alone(&on).await;
        let body = registration("a", "c1");
        before.deliver(&body).await;
        before.stop().await;
        write_body(&on, b"{}");
        let service_api = ServiceApi::start().await;
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let unreadable = |rows: &Vec<_>| states(rows) == ["pending"] && reasons(rows) == [Some("unreadable")];
        eventually(|| ingest.inbox(), unreadable).await;
        assert_eq!(service_api.batches().len(), 0, "nothing is sent");
        // As the next version would read it.
        write_body(&on, &body);
        eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"]).await;
        ingest.stop().await;
    }
}

/// Puts another body into the inbox's one row.
fn write_body(on: &TestDatabase, body: &[u8]) {
    let hex: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
    let change = "update inbox set body = ";
    on.run(webhook_ingest::SCHEMA, &format!("{change}'\\x{hex}'"), &format!("{change}x'{hex}'"));
}

fn reasons(rows: &[Row]) -> Vec<Option<&str>> {
    rows.iter().map(|row| row.reason.as_deref()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_whose_lease_was_taken_over_writes_no_fate_and_whoever_has_it_next_does() {
    let on = postgres();
    let service_api = ServiceApi::start().await;
    let ingest = start(&on, config(&on, &service_api.url())).await;
    eventually(|| leases(&ingest), |held| *held == 16).await;
    // While the call is under way, another owner takes every lane, for longer than the test runs.
    let database = ingest.database.clone();
    service_api.behave(move |batch| {
        let database = database.clone();
        let taken = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(take_every_lane(&database));
        });
        taken.join().expect("the lanes are taken");
        all(batch, ApplyResult::Applied, None)
    });
    ingest.deliver(&registration("a", "c1")).await;
    eventually(async || service_api.batches().len(), |calls| *calls == 1).await;
    // The lane's former holder may not write; it learns that it lost the lane and stops asking.
    eventually(|| ours(&ingest), |ours| *ours == 0).await;
    let rows = ingest.inbox().await;
    assert_eq!((states(&rows), rows[0].attempts), (vec!["pending"], 0));
    assert_eq!(service_api.batches().len(), 1);
    // The other owner dies; the event, applied but not written down, is sent again and is found to be applied.
    service_api.behave(|batch| all(batch, ApplyResult::AlreadyApplied, None));
    on.run(webhook_ingest::SCHEMA, "update leases set held_until = now() - interval '1 hour'", "");
    eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"]).await;
    assert_eq!(service_api.batches().len(), 2);
    ingest.stop().await;
}

async fn take_every_lane(database: &db::Database) {
    let sql = "update leases set owner = 'another', fence = fence + 1, held_until = now() + interval '1 hour' where name like 'lane-%'";
    database.write(move |conn| conn.execute_batch(sql)).await.expect("the leases can be written");
}

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    number: i64,
}

async fn count(ingest: &crate::support::Ingest, sql: &'static str) -> i64 {
    counted(&ingest.database, sql).await
}

async fn counted(database: &db::Database, sql: &'static str) -> i64 {
    use diesel::RunQueryDsl as _;
    let rows =
        database.read(move |conn| Ok(db::on_backend!(conn, |c| diesel::sql_query(sql).load::<Number>(c))?));
    rows.await.expect("the leases can be read").first().map_or(0, |row| row.number)
}

async fn leases(ingest: &crate::support::Ingest) -> i64 {
    count(ingest, "select count(*) as number from leases where name like 'lane-%'").await
}

async fn ours(ingest: &crate::support::Ingest) -> i64 {
    count(ingest, "select count(*) as number from leases where name like 'lane-%' and owner <> 'another'")
        .await
}

/// What it began goes on without it; else its lanes would stand still until the leases end.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_stopped_while_it_takes_its_leases_leaves_none() {
    let on = postgres();
    let database = on.open(webhook_ingest::SCHEMA);
    webhook_ingest::MIGRATIONS.run(&database).await.expect("the migrations run");
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (locked, is_locked) = tokio::sync::oneshot::channel();
    let mut locked = Some(locked);
    let holding = database.write(move |conn| {
        conn.execute_batch("lock table leases in exclusive mode")?;
        locked.take().expect("run once").send(()).expect("waited for");
        released.recv().expect("released");
        Ok(())
    });
    let stopping = async {
        is_locked.await.expect("locked");
        let ingest = start(&on, config(&on, NOBODY)).await;
        let waiting = "select count(*) as number from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        eventually(|| counted(&database, waiting), |waiting| *waiting >= 2).await;
        let releasing = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            release.send(()).expect("held");
        };
        tokio::join!(ingest.stop(), releasing);
    };
    let (held, ()) = tokio::join!(holding, stopping);
    held.expect("the table was locked");
    let left = "select count(*) as number from leases where held_until > now()";
    assert_eq!(counted(&database, left).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_lanes_evenly_and_whoever_stays_has_them_all() {
    let on = postgres();
    let service_api = ServiceApi::start().await;
    let first = start(&on, config(&on, &service_api.url())).await;
    let shares = "select coalesce(max(number), 0) as number from (select count(*) as number from leases where name like 'lane-%' \
                  and held_until > now() group by owner) as shares";
    eventually(|| count(&first, shares), |share| *share == 16).await;
    let second = start(&on, config(&on, &service_api.url())).await;
    eventually(|| count(&first, shares), |share| *share == 8).await;
    let third = start(&on, config(&on, &service_api.url())).await;
    eventually(|| count(&first, shares), |share| *share == 6).await;
    for number in 0..40 {
        let to = [&first, &second, &third][number % 3];
        to.deliver(&registration(&format!("{number}"), &format!("c{number}"))).await;
    }
    eventually(|| first.inbox(), |rows| states(rows) == ["applied"; 40]).await;
    assert_eq!(service_api.events().len(), 40, "each was sent by one of them");
    third.stop().await;
    second.stop().await;
    eventually(|| count(&first, shares), |share| *share == 16).await;
    first.stop().await;
}
