//! What a webhook costs on the trail. The disk fills with these two entries more than with anything else.

use audit_log::SCHEMA;
use contract::audit::{Actor, ActorKind, Category, Entry, Sealed, Target, Text, Value as Detail};
use contract::ids::{ClientRef, EntryId, EventId, RequestId};
use db::{Backend, on_backend};
use diesel::RunQueryDsl as _;
use test_kit::database::both;

use crate::world::{World, entry, long_ago, seal};

/// Webhooks that are written.
const EVENTS: u64 = 3_000;

/// Bytes that a webhook's two entries may take, with all indexes. SQLite has times as texts.
const MOST: [(Backend, i64); 2] = [(Backend::Postgres, 1_000), (Backend::Sqlite, 1_050)];

const TYPES: [&str; 3] = ["client.registered", "deposit.completed", "account.updated"];

/// The entries of one webhook, as webhook-ingest and service-api make them: its delivery, and what it did.
fn of_webhook(nth: u64) -> [Sealed; 2] {
    let random = auth::random::Random::system();
    let micros = |after: u64| std::time::Duration::from_micros(nth * 317 + after);
    let (received, applied) = (long_ago().plus(micros(0)), long_ago().plus(micros(150)));
    let event = EventId::new(received, random.bytes()).to_string();
    let kind = TYPES.iter().cycle().nth(usize::try_from(nth).expect("few")).copied().expect("a type");
    let common = Entry {
        category: Category::Webhook,
        actor: Actor { kind: ActorKind::Platform, id: Some(Text::open("site")) },
        ..entry(0)
    };
    let details = |details: &[(&str, &str)]| {
        details.iter().map(|(name, value)| ((*name).to_owned(), Detail::Text(Text::open(*value)))).collect()
    };
    let delivery = Entry {
        id: EntryId::new(received, random.bytes()),
        time: received,
        service: "webhook-ingest",
        action: "webhook.receive".to_owned(),
        target: Some(Target { kind: "event".to_owned(), id: Text::open(event.clone()) }),
        request_id: Some(RequestId::new(received, random.bytes()).to_string()),
        method: Some("POST".to_owned()),
        route: Some("/api/webhooks/{source}".to_owned()),
        details: details(&[("eventType", kind), ("status", "accepted")]),
        ..common.clone()
    };
    let client = ClientRef::new(long_ago(), random.bytes()).to_string();
    let effect = Entry {
        id: EntryId::new(applied, random.bytes()),
        time: applied,
        action: "event.apply".to_owned(),
        target: Some(Target { kind: "client".to_owned(), id: Text::open(client) }),
        address: None,
        request_id: Some(RequestId::new(applied, random.bytes()).to_string()),
        method: None,
        route: None,
        details: details(&[("eventId", &event), ("eventType", kind), ("result", "applied")]),
        ..common
    };
    [seal(&delivery), seal(&effect)]
}

#[derive(diesel::QueryableByName)]
struct Size {
    #[diesel(sql_type = diesel::sql_types::Text)]
    of: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    bytes: i64,
}

/// The table and each of its indexes, but for what is there before the first entry.
async fn sizes(database: &db::Database) -> Vec<Size> {
    let sql = match database.backend() {
        Backend::Postgres => {
            "select relname::text as of, pg_relation_size(oid) as bytes from pg_class \
             where relnamespace = current_schema()::regnamespace and relname like 'entries%' and relkind in ('r', 'i')"
        }
        Backend::Sqlite => {
            "select name as of, sum(pgsize) as bytes from dbstat \
             where name like 'entries%' or name like 'sqlite_autoindex_entries%' group by name"
        }
    };
    let sizes = database.read(move |conn| Ok(on_backend!(conn, |c| diesel::sql_query(sql).load::<Size>(c))?));
    sizes.await.expect("sizes")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_entries_of_a_webhook_take_little_room() {
    for on in both() {
        let world = World::start(&on).await;
        for start in (0..EVENTS).step_by(500) {
            let entries: Vec<Sealed> = (start..start + 500).flat_map(of_webhook).collect();
            world.appends(&entries, [1_000, 0, 0]).await;
        }
        let each: Vec<(String, i64)> = sizes(&on.open(SCHEMA))
            .await
            .into_iter()
            .map(|size| (size.of, size.bytes / i64::try_from(EVENTS).expect("few")))
            .collect();
        let all: i64 = each.iter().map(|(_, bytes)| bytes).sum();
        let most = MOST.iter().find(|(backend, _)| *backend == on.backend()).expect("a bound").1;
        println!("{:?}: {all} bytes an event: {each:?}", on.backend());
        assert!(all <= most, "{all} bytes an event, at most {most}: {each:?}");
    }
}
