//! docker-compose.yml and what it builds on, as far as their text goes: no service is forgotten, and no secret has a default.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::cluster::SERVICES;
use crate::harness::{SECRETS, environment, repository_file, run};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The block of one service, up to the next.
fn service<'c>(compose: &'c str, name: &str) -> &'c str {
    let (_, after) = compose.split_once("\nservices:\n").expect("services");
    let (_, block) = after.split_once(&format!("  {name}:\n")).unwrap_or_else(|| panic!("no service {name}"));
    block.split("\n\n").next().expect("a block")
}

/// What the services share under this anchor.
fn shared<'c>(compose: &'c str, anchor: &str) -> &'c str {
    let (_, block) = compose.split_once(&format!(": &{anchor}\n")).unwrap_or_else(|| panic!("no {anchor}"));
    block.split("\n\n").next().expect("a block")
}

/// The names of the settings that a service is told.
pub(crate) fn told_to(name: &str) -> BTreeSet<String> {
    let compose = repository_file("docker-compose.yml");
    let lines = shared(&compose, "common").lines().chain(service(&compose, name).lines());
    let names = lines.filter_map(|line| line.trim().split_once(": ")).map(|(name, _)| name);
    names
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .map(str::to_owned)
        .collect()
}

/// `deploy/make-env` for this file, with the programs of `path`.
fn make_env(file: &Path, path: &Path) -> Output {
    run(Command::new(format!("{ROOT}/deploy/make-env")).arg(file).env("PATH", path))
}

#[test]
fn every_service_is_in_and_only_the_gateway_has_a_port() {
    let compose = repository_file("docker-compose.yml");
    for name in SERVICES {
        let block = service(&compose, name);
        assert!(block.contains(&format!("command: [\"{name}\"]")), "{block}");
        assert_eq!(block.contains("ports:"), name == "gateway", "{block}");
        // Built once, and by the one that all wait for: of two that build one image at once, one fails.
        assert!(block.contains("<<: *program") && !block.contains("build:"), "{block}");
        assert!(!block.contains("depends_on:"), "{block}");
    }
    let waits = "depends_on:\n    crm-bridge:\n      condition: service_completed_successfully";
    assert!(shared(&compose, "program").contains(waits));
    assert!(service(&compose, "crm-bridge").contains("build:"));
    assert_eq!(compose.matches("build:").count(), 1);
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
    let path = environment("PATH").expect("a path");
    let made = make_env(&file, Path::new(&path));
    assert!(made.status.success(), "{made:?}");
    let made = std::fs::read_to_string(&file).expect("made");
    for (name, _) in SECRETS {
        assert!(asked.iter().any(|one| one.starts_with(&format!("{name}:?"))), "{name} is not asked for");
    }
    for one in asked {
        let secret = ["_SECRET", "_TOKEN", "_PASSWORD", "_PREVIOUS"]
            .iter()
            .any(|end| one.split(':').next().expect("a name").ends_with(end));
        // One that may be left out is handed on empty.
        assert!(!secret || one.contains(":?") || one.ends_with(":-"), "{one} has a default");
        if let Some((name, _)) = one.split_once(":?") {
            assert!(made.lines().any(|line| line.starts_with(&format!("{name}="))), "{name} is not made");
        }
    }
    let values: BTreeSet<&str> =
        made.lines().filter_map(|line| line.split_once('=')).map(|(_, value)| value).collect();
    assert_eq!(values.len(), made.lines().filter(|line| line.contains('=')).count(), "no value twice");
    assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    assert!(!make_env(&file, Path::new(&path)).status.success(), "one that is there is not made anew");
    assert_eq!(std::fs::read_to_string(&file).expect("there"), made);
}

#[test]
fn without_an_openssl_that_works_no_file_with_secrets_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let programs = folder.path().join("bin");
    std::fs::create_dir(&programs).expect("a folder");
    let all = environment("PATH").expect("a path");
    for program in ["bash", "cat", "dirname", "ln", "mktemp", "rm"] {
        let found = std::env::split_paths(&all).map(|place| place.join(program)).find(|path| path.exists());
        std::os::unix::fs::symlink(found.expect(program), programs.join(program)).expect("a link");
    }
    let refuses = |says: &str| {
        let made = make_env(&folder.path().join("fresh.env"), &programs);
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert_eq!(made.status.code(), Some(1), "{said}");
        assert!(said.contains(says), "{said}");
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    };
    refuses("openssl is missing");
    for script in ["exit 1", "exit 0", "echo too-short"] {
        let openssl = programs.join("openssl");
        std::fs::write(&openssl, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&openssl, std::fs::Permissions::from_mode(0o700)).expect("executable");
        refuses("");
    }
}
