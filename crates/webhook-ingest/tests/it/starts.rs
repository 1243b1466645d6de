//! Each start is on the trail: what a kill took along from memory is at least known to have been.

use contract::clock::Clock;
use serde_json::json;
use test_kit::database::both;
use test_kit::waiting::{eventually, wait_for};
use webhook_ingest::{MIGRATIONS, SCHEMA};

use crate::support::{NOBODY, config, start_alone, start_unmigrated};

#[tokio::test(flavor = "multi_thread")]
async fn two_starts_are_two_entries_and_audit_log_away_holds_none_up() {
    for on in both() {
        for number in 1..=2 {
            // Nobody ships: audit-log is away, and the entries stay in the outbox.
            let ingest = start_alone(&on).await;
            let starts = eventually(|| ingest.starts(), |starts| starts.len() == number).await;
            let start = &starts[number - 1];
            let said = json!([start["service"], start["category"], start["actor"], start["count"]]);
            assert_eq!(said, json!(["webhook-ingest", "system", { "kind": "system" }, 1]));
            assert_eq!(start["details"], json!({ "version": env!("CARGO_PKG_VERSION") }));
            ingest.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_before_the_migration_is_told_after_it() {
    for on in both() {
        let database = on.open(SCHEMA);
        let ingest = start_unmigrated(database.clone(), config(&on, NOBODY), Clock::system()).await;
        MIGRATIONS.run(&database).await.expect("the migrations run");
        wait_for("the start on the trail", async || ingest.starts().await.len() == 1).await;
        ingest.stop().await;
    }
}
