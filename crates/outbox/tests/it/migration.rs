//! The migration that services older than today's form of the table come to it by: the same text in each, and no entry is lost.

use std::fs::read_to_string;

use crate::world::{entries, rows, with_outbox};
use ::outbox::{insert_many, waiting};
use db::{Backend, Database, on_backend};
use diesel::connection::SimpleConnection as _;
use test_kit::database::both;

const SERVICES: [&str; 4] = ["audit-log", "service-api", "sso-issuer", "webhook-ingest"];

/// What each service has for it, once.
fn text(backend: Backend, file: &str) -> String {
    let folder = match backend {
        Backend::Postgres => "postgres",
        Backend::Sqlite => "sqlite",
    };
    let mut texts = SERVICES.map(|service| {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
        let path = format!("{root}/{service}/{folder}/20261126230000_outbox_of_many/{file}.sql");
        read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    });
    let first = std::mem::take(&mut texts[0]);
    assert!(texts.iter().skip(1).all(|text| *text == first), "{file}.sql is the same in all services");
    first
}

async fn runs(database: &Database, sql: String) {
    database.write(move |conn| Ok(on_backend!(conn, |c| c.batch_execute(&sql))?)).await.unwrap();
}

#[tokio::test]
async fn entries_wait_on_whatever_form_the_table_has() {
    for on in both() {
        let database = with_outbox(&on);
        let [up, down] = ["up", "down"].map(|file| text(on.backend(), file));
        let given = entries(0..5);
        for stored in [&given[0..3], &given[2..5]] {
            let stored = stored.to_vec();
            database.write(move |conn| insert_many(conn, &stored)).await.unwrap();
        }
        assert_eq!(rows(&database).await, [3, 3]);
        runs(&database, down).await;
        runs(&database, up).await;
        assert_eq!(rows(&database).await, [1; 5], "the one that waited twice waits once");
        let mut after = database.read(waiting).await.unwrap();
        after.sort_by_key(|entry| entry.id);
        let mut before = given.clone();
        before.sort_by_key(|entry| entry.id);
        assert_eq!(after, before, "byte for byte");
    }
}
