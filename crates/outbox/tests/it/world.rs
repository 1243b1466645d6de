//! What the tests share: entries, an outbox by the canonical DDL, and a look into it.

use crate::schema::outbox;
use auth::random::Random;
use contract::audit::Sealed;
use contract::clock::Timestamp;
use contract::ids::EntryId;
use db::{Conn, Database, DbResult, on_backend};
use diesel::prelude::*;
use test_kit::database::TestDatabase;

/// 2030-03-17T17:46:40Z.
pub(crate) fn start() -> Timestamp {
    Timestamp::from_micros(1_900_000_000_000_000)
}

/// An entry with all that a payload may hold: quotes, line ends, other scripts.
pub(crate) fn entry(number: u64) -> Sealed {
    let id = EntryId::new(start(), Random::seeded(number).bytes());
    let payload = format!(r#"{{"id":"{id}","note":"a \"quoted\"\nline, Ω, 名, \\u0000","number":{number}}}"#);
    let disclosures =
        vec![format!(r#"["salt-{number}","/actor/id","someone@example.test"]"#), "[]".to_owned()];
    Sealed { id, payload, disclosures }
}

pub(crate) fn entries(numbers: std::ops::Range<u64>) -> Vec<Sealed> {
    numbers.map(entry).collect()
}

/// The canonical DDL of migrations/README.md: what services copy is what is tested here.
pub(crate) fn with_outbox(on: &TestDatabase) -> Database {
    let readme = include_str!("../../../../migrations/README.md");
    let block = |after: &str| {
        let (_, rest) = readme.split_once(after).unwrap();
        let (_, rest) = rest.split_once("```sql\n").unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    let postgres = format!("CREATE SCHEMA svc; {}", block("PostgreSQL, `up.sql`:"));
    on.run("svc", &postgres, &block("SQLite, `up.sql`:"));
    on.open("svc")
}

/// How many entries each row holds, oldest first.
pub(crate) async fn rows(database: &Database) -> Vec<i32> {
    let rows = |conn: &mut Conn| -> DbResult<_> {
        let all = outbox::table.order(outbox::id).select(outbox::count);
        Ok(on_backend!(conn, |c| all.load(c))?)
    };
    database.read(rows).await.unwrap()
}

pub(crate) async fn waiting_ids(database: &Database) -> Vec<String> {
    ids(&database.read(::outbox::waiting).await.unwrap())
}

pub(crate) fn ids(entries: &[Sealed]) -> Vec<String> {
    entries.iter().map(|entry| entry.id.to_string()).collect()
}

pub(crate) fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}
