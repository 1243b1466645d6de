//! The two migration folders say the same, and what changes rows changes them into what they were.

use std::collections::BTreeMap;

use db::{Backend, Database, on_backend};
use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use test_kit::database::both;

use crate::support::{NOBODY, config, event, start};

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
        for (body, id) in bodies.iter().zip(&ids) {
            assert_eq!(&ingest.deliver(body).await.text("eventId"), id, "each is known again");
        }
        assert_eq!(ingest.inbox().await.iter().map(|row| row.event_id.clone()).collect::<Vec<_>>(), ids);
        assert_eq!(ingest.seen().await, 5);
    }
}
