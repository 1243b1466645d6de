//! I11: what is away, and what must not happen then.

use std::sync::atomic::Ordering;

use serde_json::json;
use test_kit::database::{Cluster, both, postgres_on, sqlite};
use test_kit::waiting::wait_for;

use crate::world::{World, body, problem};

const PATH: &str = "/api/clients/1001/impersonate";

#[tokio::test]
async fn without_a_durable_entry_there_is_no_token() {
    for database in both() {
        let world = World::start(&database).await;
        let admin = world.foreign_admin();
        body(world.post(PATH, &admin, &json!({})).await, 200).await;
        // Everything can be read, and nothing be added: as on a disk that is full.
        database.run(
            sso_issuer::SCHEMA,
            "alter table impersonations add constraint full_disk check (issued_at < '2000-01-01') not valid",
            "create trigger full_disk before insert on impersonations begin select raise(abort, 'full'); end",
        );
        let answer = world.post(PATH, &admin, &json!({})).await;
        assert_eq!(answer.headers()["retry-after"], "1");
        let refused = problem(answer, 503, "unavailable").await;
        assert!(!refused.to_string().contains("eyJ") && !refused.to_string().contains("full"), "{refused}");
        database.run(
            sso_issuer::SCHEMA,
            "alter table impersonations drop constraint full_disk; \
             alter table outbox add constraint full_disk check (created_at < '2000-01-01') not valid",
            "drop trigger full_disk; \
             create trigger full_disk before insert on outbox begin select raise(abort, 'full'); end",
        );
        problem(world.post(PATH, &admin, &json!({})).await, 503, "unavailable").await;
        assert_eq!(world.texts("select id as text from impersonations").await.len(), 1, "all or nothing");
    }
}

#[tokio::test]
async fn while_the_database_is_away_nobody_is_let_in_and_nothing_is_signed() {
    let cluster = Cluster::start();
    let database = postgres_on(cluster.url());
    let world = World::start(&database).await;
    let admin = world.foreign_admin();
    cluster.stop();
    problem(world.post(PATH, &admin, &json!({})).await, 503, "unavailable").await;
    problem(world.log_in("ann@broker.example", "some password").await, 503, "unavailable").await;
    cluster.start_again();
    wait_for("the database", async || world.post(PATH, &admin, &json!({})).await.status() == 200).await;
}

#[tokio::test]
async fn while_service_api_is_away_nothing_is_signed_and_nobody_denied() {
    for database in both() {
        let world = World::start(&database).await;
        world.service_api.away.store(true, Ordering::SeqCst);
        problem(world.post(PATH, &world.foreign_admin(), &json!({})).await, 503, "unavailable").await;
        assert_eq!(world.texts("select id as text from impersonations").await, Vec::<String>::new());
        world.service_api.away.store(false, Ordering::SeqCst);
        body(world.post(PATH, &world.foreign_admin(), &json!({})).await, 200).await;
    }
}

/// Every other test here runs without audit-log; this one says so, and that the entries wait for it.
#[tokio::test]
async fn while_audit_log_is_away_everything_works_and_the_entries_wait() {
    let database = sqlite();
    let world = World::start(&database).await;
    for made in 1..4 {
        body(world.post(PATH, &world.foreign_admin(), &json!({})).await, 200).await;
        assert_eq!(world.entries("client.impersonate").await.len(), made);
    }
}
