//! The two migration folders say the same, and what changes rows changes them into what they were.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::clock::{Clock, ManualClock};
use contract::internal::ApplyResult;
use db::{Backend, Database, on_backend};
use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use serde_json::Value;
use test_kit::database::{TestDatabase, both, postgres};
use test_kit::waiting::eventually;

use crate::support::{
    Ingest, NOBODY, ServiceApi, all, config, each, event, registration, start, start_with, states,
};

#[tokio::test]
async fn both_databases_get_the_same_tables_and_lose_them_again() {
    test_kit::migrations::check(&webhook_ingest::MIGRATIONS).await;
}

#[tokio::test]
async fn the_spool_s_file_gets_its_tables_and_loses_them_again() {
    test_kit::migrations::check_sqlite_alone(&webhook_ingest::SPOOL_MIGRATIONS).await;
}

/// Down and up of a migration.
pub(crate) fn texts(service: &str, backend: Backend, name: &str) -> [String; 2] {
    let folder = match backend {
        Backend::Postgres => "postgres",
        Backend::Sqlite => "sqlite",
    };
    ["down", "up"].map(|file| {
        let path =
            format!("{}/../../migrations/{service}/{folder}/{name}/{file}.sql", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    })
}

const WORK_LIST: &str = "20261127120000_work_list";

#[derive(diesel::QueryableByName)]
struct Pair {
    #[diesel(sql_type = Text)]
    one: String,
    #[diesel(sql_type = Text)]
    other: String,
}

async fn pairs(database: &Database, query: &'static str) -> Vec<(String, String)> {
    let read =
        move |conn: &mut db::Conn| Ok(on_backend!(conn, |c| diesel::sql_query(query).load::<Pair>(c))?);
    let rows = database.read(read).await.expect("it can be read");
    rows.into_iter().map(|row| (row.one, row.other)).collect()
}

async fn runs(database: &Database, sql: String) {
    database.write(move |conn| Ok(on_backend!(conn, |c| c.batch_execute(&sql))?)).await.expect("it runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_ids_are_the_same_in_text_and_in_bytes() {
    for on in both() {
        let ingest = start(&on, config(&on, NOBODY)).await;
        // A sender's id that looks like a digest is none.
        let like_a_digest = "0123456789abcdef".repeat(4);
        let bodies = [
            event("1", "client.registered", r#"{"clientId":"c1","email":"a@example.com"}"#),
            event(&like_a_digest, "client.registered", r#"{"clientId":"c2","email":"b@example.com"}"#),
            br#"{"event":"client.registered","data":{"clientId":"c3","email":"c@example.com"}}"#.to_vec(),
            b"not JSON".to_vec(),
            // The first one's id for something else.
            event("1", "client.registered", r#"{"clientId":"c4","email":"d@example.com"}"#),
        ];
        let mut ids = Vec::new();
        for body in &bodies {
            ids.push(ingest.deliver(body).await.text("eventId"));
        }
        let [down, up] = texts("webhook-ingest", on.backend(), "20261127000000_narrow_keys");
        let [later_down, later_up] = texts("webhook-ingest", on.backend(), WORK_LIST);
        runs(&ingest.database, later_down).await;
        runs(&ingest.database, down).await;
        let there: BTreeMap<String, String> =
            pairs(&ingest.database, "select event_id as one, key as other from seen")
                .await
                .into_iter()
                .collect();
        let keys: Vec<&str> = ids.iter().map(|id| there[id].as_str()).collect();
        assert_eq!(keys[..2], ["site:i:1", &format!("site:i:{like_a_digest}")]);
        for (key, kind) in keys[2..].iter().zip(["site:b:", "site:h:", "site:r:"]) {
            let digest = key.strip_prefix(kind).unwrap_or_else(|| panic!("{key} is no {kind}"));
            assert!(
                digest.len() == 64 && digest.bytes().all(|byte| b"0123456789abcdef".contains(&byte)),
                "{key}"
            );
        }
        let rows =
            pairs(&ingest.database, "select event_id as one, state as other from inbox order by intake")
                .await;
        assert_eq!(rows.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), ids);

        runs(&ingest.database, up).await;
        runs(&ingest.database, later_up).await;
        for (body, id) in bodies.iter().zip(&ids) {
            assert_eq!(&ingest.deliver(body).await.text("eventId"), id, "each is known again");
        }
        assert_eq!(ingest.inbox().await.iter().map(|row| row.event_id.clone()).collect::<Vec<_>>(), ids);
        assert_eq!(ingest.seen().await, 5);
    }
}

/// Everything that staff are told of the events.
async fn told(ingest: &Ingest) -> Vec<Value> {
    let list = ingest.ask("support", "/api/webhooks/events").await.json();
    let events = list["events"].as_array().expect("events").clone();
    let mut all = vec![list];
    for event in events {
        let id = event["eventId"].as_str().expect("an id");
        all.push(ingest.ask("support", &format!("/api/webhooks/events/{id}")).await.json());
    }
    all
}

/// The states of [`of_every_kind`]'s events.
const KINDS: [&str; 6] = ["applied", "applied", "dead_lettered", "held", "pending", "pending"];

/// Events that took effect at once and after failing, that did not, that fail, and that wait.
async fn of_every_kind(on: &TestDatabase, service_api: &ServiceApi, clock: &Clock, hands: &ManualClock) {
    service_api.behave(|batch| {
        each(batch, |event| match event.event.identity().client_id.as_deref() {
            Some("late") => (ApplyResult::Failed, Some("our_fault".to_owned())),
            Some("odd") => (ApplyResult::Refused, Some("too_odd".to_owned())),
            _ => (ApplyResult::Applied, None),
        })
    });
    let ingest = start_with(on, config(on, &service_api.url()), clock.clone()).await;
    for client in ["good", "late", "odd"] {
        ingest.deliver(&registration(client, client)).await;
    }
    ingest.deliver(b"not JSON").await;
    eventually(|| ingest.inbox(), |rows| states(rows)[2] != "pending" && rows[1].attempts == 1).await;
    service_api.behave(|batch| all(batch, ApplyResult::Applied, None));
    hands.advance(Duration::from_secs(2));
    eventually(|| ingest.inbox(), |rows| states(rows) == KINDS[..4]).await;
    service_api.behave(|batch| all(batch, ApplyResult::Failed, Some("our_fault")));
    ingest.deliver(&registration("bad", "bad")).await;
    eventually(|| ingest.inbox(), |rows| rows[4].attempts == 1).await;
    ingest.stop().await;
    let alone = start_with(on, config(on, NOBODY), clock.clone()).await;
    alone.deliver(&registration("new", "new")).await;
    alone.stop().await;
}

/// All are told of as before when the work list went back into the inbox's rows, and came from them again.
#[tokio::test(flavor = "multi_thread")]
async fn where_events_stand_is_the_same_with_the_work_list_and_without() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let (clock, hands) = Clock::manual(Clock::system().now());
        of_every_kind(&on, &service_api, &clock, &hands).await;
        let alone = start_with(&on, config(&on, NOBODY), clock.clone()).await;
        let (before, rows) = (told(&alone).await, alone.inbox().await);
        assert_eq!(states(&rows), KINDS);
        alone.stop().await;

        let [down, up] = texts("webhook-ingest", on.backend(), WORK_LIST);
        let database = on.open(webhook_ingest::SCHEMA);
        runs(&database, down).await;
        let wide = "select state as one, coalesce(email_key, '') || ' ' || cast(attempts as text) || ' ' || coalesce(reason, '') \
                    || case when next_attempt_at is null then '' else ' next' end \
                    || case when resolved_at is null then '' else ' resolved' end as other from inbox order by intake";
        let (wide_states, wide): (Vec<_>, Vec<_>) = pairs(&database, wide).await.into_iter().unzip();
        assert_eq!(wide_states, KINDS);
        let (bad, new) = ("bad@example.com 1 our_fault next", "new@example.com 0 ");
        assert_eq!(wide, [" 0  resolved", " 1  resolved", " 0 too_odd resolved", " 0 ", bad, new]);
        runs(&database, up).await;

        let alone = start_with(&on, config(&on, NOBODY), clock.clone()).await;
        assert_eq!(told(&alone).await, before);
        assert_eq!(alone.inbox().await, rows);
        alone.stop().await;
        service_api.behave(|batch| all(batch, ApplyResult::Applied, None));
        hands.advance(Duration::from_secs(2));
        let ingest = start_with(&on, config(&on, &service_api.url()), clock).await;
        eventually(|| ingest.inbox(), |rows| !states(rows).contains(&"pending")).await;
        ingest.stop().await;
    }
}

/// Where no default privileges stand for later migrations, a service's role keeps what it needs.
#[tokio::test(flavor = "multi_thread")]
async fn who_had_rights_on_the_inbox_has_them_on_what_was_taken_out_of_it() {
    let on = postgres();
    let database = on.open(webhook_ingest::SCHEMA);
    webhook_ingest::MIGRATIONS.run(&database).await.expect("the migrations run");
    let [down, up] = texts("webhook-ingest", on.backend(), WORK_LIST);
    runs(&database, down).await;
    runs(&database, "grant select, insert, update on inbox to public".to_owned()).await;
    runs(&database, up).await;
    let granted = "select table_name::text as one, string_agg(lower(privilege_type), ' ' order by privilege_type) as other \
                   from information_schema.role_table_grants where table_schema = current_schema() and grantee = 'PUBLIC' \
                   and table_name <> 'inbox' group by 1 order by 1";
    let wanted =
        [("applied", "insert select update"), ("events", "select"), ("pending", "insert select update")];
    let wanted: Vec<(String, String)> =
        wanted.iter().map(|(table, rights)| ((*table).to_owned(), (*rights).to_owned())).collect();
    assert_eq!(pairs(&database, granted).await, wanted);
}

/// Bytes that are no text among them. What is not packed stays readable, there and back; what is packed has no way back.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_the_same_whether_they_are_packed() {
    for on in both() {
        let ingest = start(&on, config(&on, NOBODY)).await;
        let bodies = [
            event("1", "client.registered", r#"{"clientId":"c1","email":"a@example.com"}"#),
            b"\x00\xff0 no JSON \x00".to_vec(),
            b"1".to_vec(),
        ];
        for body in &bodies {
            ingest.deliver(body).await;
        }
        let before = told(&ingest).await;
        let [down, up] = texts("webhook-ingest", on.backend(), "20261127180000_packed_bodies");
        let refused = down.clone();
        let undone =
            ingest.database.write(move |conn| Ok(on_backend!(conn, |c| c.batch_execute(&refused))?)).await;
        assert!(undone.is_err(), "one is packed");
        assert_eq!(told(&ingest).await, before);

        // As a version without packing left them.
        for (row, body) in ingest.inbox().await.iter().zip(&bodies) {
            let stored = hex::encode([b"0", body.as_slice()].concat());
            let literal = match on.backend() {
                Backend::Postgres => format!("'\\x{stored}'::bytea"),
                Backend::Sqlite => format!("x'{stored}'"),
            };
            runs(
                &ingest.database,
                format!("update inbox set body = {literal} where intake = {}", row.intake),
            )
            .await;
        }
        assert_eq!(told(&ingest).await, before);
        runs(&ingest.database, down).await;
        runs(&ingest.database, up).await;
        assert_eq!(told(&ingest).await, before);
    }
}

/// Its bytes are damaged where they lie: that is an event that can't be read, and nobody else's trouble.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_body_hides_no_other_event() {
    for on in both() {
        let ingest = start(&on, config(&on, NOBODY)).await;
        for id in ["1", "2"] {
            ingest.deliver(&event(id, "client.registered", r#"{"clientId":"c1"}"#)).await;
        }
        let damaged = match on.backend() {
            Backend::Postgres => "'\\x31ff00'::bytea",
            Backend::Sqlite => "x'31ff00'",
        };
        let rows = ingest.inbox().await;
        let first = rows[0].intake;
        runs(&ingest.database, format!("update inbox set body = {damaged} where intake = {first}")).await;
        let all = told(&ingest).await;
        let exact: Vec<&Value> = rows
            .iter()
            .map(|row| all.iter().find(|told| told["eventId"] == *row.event_id).expect("it is shown"))
            .map(|told| &told["bodyIsExact"])
            .collect();
        assert_eq!(exact, [false, true]);
    }
}
