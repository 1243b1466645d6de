//! docker-compose.yml and what it builds on, as far as their text goes: no service is forgotten, and no secret has a default.

use std::process::Command;

use crate::cluster::SERVICES;
use crate::harness::{SECRETS, repository_file};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The block of one service, up to the next.
fn service<'c>(compose: &'c str, name: &str) -> &'c str {
    let (_, after) = compose.split_once("\nservices:\n").expect("services");
    let (_, block) = after.split_once(&format!("  {name}:\n")).unwrap_or_else(|| panic!("no service {name}"));
    block.split("\n\n").next().expect("a block")
}

#[test]
fn every_service_is_in_and_only_the_gateway_has_a_port() {
    let compose = repository_file("docker-compose.yml");
    for name in SERVICES {
        let block = service(&compose, name);
        assert!(block.contains(&format!("command: [\"{name}\"]")), "{block}");
        assert_eq!(block.contains("ports:"), name == "gateway", "{block}");
    }
    for schema in [audit_log::SCHEMA, service_api::SCHEMA, sso_issuer::SCHEMA, webhook_ingest::SCHEMA] {
        assert!(compose.contains(&format!("postgres://{schema}:$")), "{schema} has a role of its own");
        let roles = repository_file("deploy/postgres/roles.psql");
        assert!(roles.contains(&format!("create schema {schema} authorization crm_owner;")), "{schema}");
    }
}

#[test]
fn no_secret_has_a_default_and_the_file_with_them_is_complete() {
    let compose = repository_file("docker-compose.yml");
    let asked: Vec<&str> =
        compose.split("${").skip(1).map(|rest| rest.split('}').next().expect("an end")).collect();
    assert!(asked.len() > 20, "{asked:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("fresh.env");
    let make = || Command::new(format!("{ROOT}/deploy/make-env")).arg(&file).output().expect("it runs");
    assert!(make().status.success());
    let made = std::fs::read_to_string(&file).expect("made");
    for (name, _) in SECRETS {
        assert!(asked.iter().any(|one| one.starts_with(name)), "{name} is not handed on");
    }
    for one in asked {
        let secret = ["_SECRET", "_TOKEN", "_PASSWORD"]
            .iter()
            .any(|end| one.split(':').next().expect("a name").ends_with(end));
        assert!(!secret || one.contains(":?"), "{one} has a default");
        if let Some((name, _)) = one.split_once(":?") {
            assert!(made.lines().any(|line| line.starts_with(&format!("{name}="))), "{name} is not made");
        }
    }
    let values: std::collections::BTreeSet<&str> =
        made.lines().filter_map(|line| line.split_once('=')).map(|(_, value)| value).collect();
    assert_eq!(values.len(), made.lines().filter(|line| line.contains('=')).count(), "no value twice");
    assert!(!make().status.success(), "one that is there is not made anew");
    assert_eq!(std::fs::read_to_string(&file).expect("there"), made);
}
