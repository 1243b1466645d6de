//! The roles of `deploy/postgres`: what they may is enough for every service, and no more.

use std::process::{Command, Output};

use test_kit::database::{Cluster as Server, postgres_on};

use crate::calls::{Caller, registration};
use crate::cluster::Cluster;
use crate::harness::{environment, run};

const ROLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/postgres/roles.psql");

/// psql on that database, which stops at the first error.
fn psql(url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new("psql");
    command.env_clear().env("PATH", environment("PATH").unwrap_or_default());
    run(command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", url]).args(arguments))
}

#[tokio::test]
async fn each_service_works_in_its_role_and_may_no_more() {
    // Roles are the whole server's, so it is this test's own.
    let server = Server::start();
    let database = postgres_on(server.url());
    let passwords: Vec<String> = ["owner", "webhook_ingest", "service_api", "sso_issuer", "audit_log"]
        .iter()
        .map(|role| format!("--set={role}_password=unused"))
        .collect();
    let passwords = passwords.iter().map(String::as_str);
    let arguments: Vec<&str> = passwords.chain(["--file", ROLES]).collect();
    let made = psql(&database.url_text("whole"), &arguments);
    assert!(made.status.success(), "{made:?}");

    let cluster = Cluster::start_in_roles(database).await;
    let caller = Caller::of(cluster.url("gateway"));
    assert_eq!(caller.webhook(&registration("1", "ann@example.com")).await.status(), 200);
    assert_eq!(caller.client("ann@example.com").await.status(), 200);
    // From every service that keeps anything, through its outbox.
    for action in ["webhook.receive", "event.apply", "client.read"] {
        caller.on_trail(&format!("action={action}"), 1).await;
    }

    for (role, statement) in [
        ("audit_log", "update audit_log.entries set search = ''"),
        ("audit_log", "delete from audit_log.entries"),
        ("audit_log", "truncate audit_log.entries"),
        ("audit_log", "update audit_log.kinds set words = ''"),
        ("audit_log", "create table audit_log.mine ()"),
        ("audit_log", "create schema mine"),
        ("audit_log", "select * from service_api.clients"),
        ("service_api", "select * from audit_log.entries"),
        ("service_api", "select * from sso_issuer.staff"),
        ("webhook_ingest", "insert into audit_log.outbox select * from webhook_ingest.outbox"),
        ("sso_issuer", "create table public.mine ()"),
    ] {
        let done = psql(&cluster.postgres_url(role), &["--command", statement]);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(said.contains("permission denied"), "{role}: {statement}: {done:?}");
    }
    let reads = psql(
        &cluster.postgres_url("audit_log"),
        &["--command", "select packed from audit_log.entries join audit_log.kinds on kinds.id = kind"],
    );
    assert!(reads.status.success(), "{reads:?}");
}
