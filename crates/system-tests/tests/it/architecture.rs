//! The rules of docs/ARCHITECTURE.md about what may depend on what, held against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::cluster::SERVICES;

/// What each crate of ours may depend on in shipped code. A crate that is not listed here fails the test: a new room needs a
/// place in the house.
const MAY_DEPEND_ON: [(&str, &[&str]); 18] = [
    ("auth", &["contract"]),
    ("contract", &[]),
    ("db", &[]),
    ("telemetry", &[]),
    ("http-kit", &["auth", "contract", "telemetry"]),
    ("outbox", &["auth", "contract", "db", "http-kit"]),
    ("gateway", &["auth", "contract", "http-kit"]),
    ("webhook-ingest", &["auth", "contract", "db", "http-kit", "outbox"]),
    ("service-api", &["auth", "contract", "db", "http-kit", "outbox"]),
    ("audit-log", &["auth", "contract", "db", "http-kit", "outbox"]),
    ("sso-issuer", &["auth", "contract", "db", "http-kit", "outbox"]),
    ("dashboard", &["auth", "contract", "http-kit"]),
    // From outside of the house: it may know the words of the wire and how to sign, as a platform does.
    ("trading-sim", &["auth", "contract", "http-kit", "telemetry"]),
    (
        "crm-bridge",
        &[
            "audit-log",
            "auth",
            "contract",
            "dashboard",
            "db",
            "gateway",
            "http-kit",
            "outbox",
            "service-api",
            "sso-issuer",
            "telemetry",
            "trading-sim",
            "webhook-ingest",
        ],
    ),
    ("test-kit", &["auth", "contract", "db", "http-kit"]),
    ("system-tests", &[]),
    // Knows the programs by their settings and their HTTP.
    ("bench", &["auth"]),
    // From outside too, with the names of the fail points and what tests have.
    ("faults", &["auth", "contract", "db", "http-kit", "test-kit", "trading-sim"]),
];

/// Outside crates that only the named crates of ours may touch.
const ONLY_IN: [(&str, &[&str]); 7] = [
    ("ring", &["auth"]),
    ("jsonwebtoken", &["auth"]),
    ("argon2", &["auth"]),
    ("diesel_migrations", &["db"]),
    ("r2d2", &["db"]),
    ("reqwest", &["http-kit", "crm-bridge", "trading-sim", "faults"]),
    ("hyper", &["gateway"]),
];

/// Crates that must not be anywhere in the tree that ships, with the reason.
const BANNED: [(&str, &str); 12] = [
    ("awc", "drags h2 0.3 in"),
    ("aws-lc-rs", "needs cmake"),
    ("aws-lc-sys", "needs cmake"),
    ("openssl", "a C compiler is all the build may need"),
    ("openssl-sys", "a C compiler is all the build may need"),
    ("native-tls", "a C compiler is all the build may need"),
    ("actix-governor", "GPL, and its limit is not exact"),
    ("async-compression", "an HMAC must see raw bytes"),
    ("brotli", "an HMAC must see raw bytes"),
    ("cmake", "a C compiler is all the build may need"),
    ("prost-build", "protoc must not be needed"),
    ("rust_decimal", "28 digits are too few for tokens with 18 decimals"),
];

/// The licences we may ship under; an SPDX expression passes if one of its alternatives has only these.
const LICENCES: [&str; 13] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "0BSD",
    "Unlicense",
    "CDLA-Permissive-2.0",
    "PostgreSQL",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .expect("cargo metadata runs")
}

fn ours(metadata: &Metadata) -> Vec<&Package> {
    metadata.workspace_packages()
}

/// The packages reachable over normal and build dependencies from what we ship.
fn shipped(metadata: &Metadata) -> Vec<&Package> {
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut waiting: Vec<_> = ours(metadata)
        .into_iter()
        .filter(|package| !["system-tests", "test-kit", "bench", "faults"].contains(&package.name.as_str()))
        .map(|package| &package.id)
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        for dependency in &nodes[id].deps {
            if dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development) {
                waiting.push(&dependency.pkg);
            }
        }
    }
    metadata.packages.iter().filter(|package| seen.contains(&package.id)).collect()
}

#[test]
fn each_crate_depends_only_on_those_it_may_know() {
    let metadata = metadata();
    let names: BTreeSet<String> = ours(&metadata).iter().map(|package| package.name.to_string()).collect();
    let rules: BTreeMap<_, _> = MAY_DEPEND_ON.into_iter().collect();
    for package in ours(&metadata) {
        let allowed = rules
            .get(package.name.as_str())
            .unwrap_or_else(|| panic!("{} has no line in MAY_DEPEND_ON", package.name));
        for dependency in package.dependencies.iter().filter(|d| names.contains(&d.name)) {
            let test_only = dependency.kind == DependencyKind::Development;
            let fine = allowed.contains(&dependency.name.as_str())
                || (test_only && dependency.name == "test-kit")
                || (test_only && !SERVICES.contains(&dependency.name.as_str()))
                || (test_only && package.name == "system-tests");
            assert!(fine, "{} must not depend on {}", package.name, dependency.name);
        }
    }
}

#[test]
fn no_service_knows_another() {
    let metadata = metadata();
    for package in ours(&metadata).iter().filter(|package| SERVICES.contains(&package.name.as_str())) {
        for dependency in &package.dependencies {
            assert!(
                !SERVICES.contains(&dependency.name.as_str()),
                "{} knows {}",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn delicate_libraries_stay_in_their_room() {
    let metadata = metadata();
    for (library, rooms) in ONLY_IN {
        for package in ours(&metadata) {
            let uses =
                package.dependencies.iter().any(|d| d.name == library && d.kind == DependencyKind::Normal);
            assert!(
                !uses || rooms.contains(&package.name.as_str()),
                "{} uses {library}, which belongs in {rooms:?}",
                package.name
            );
        }
    }
}

#[test]
fn nothing_banned_ships() {
    let metadata = metadata();
    let shipped = shipped(&metadata);
    assert!(shipped.len() > 100, "the graph was walked");
    for package in &shipped {
        for (name, reason) in BANNED {
            assert!(package.name != name, "{name} is in the tree: {reason}");
        }
        let old_h2 = package.name == "h2" && package.version.major == 0 && package.version.minor < 4;
        assert!(!old_h2, "h2 {} is in the tree: it has an open advisory", package.version);
    }
}

#[test]
fn actix_web_has_no_feature_that_changes_bodies_or_speaks_http2() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let actix = metadata.packages.iter().find(|package| package.name == "actix-web").expect("actix-web");
    let node = resolve.nodes.iter().find(|node| node.id == actix.id).expect("its node");
    for feature in &node.features {
        assert!(
            !feature.starts_with("compress") && *feature != "http2",
            "actix-web has the feature {feature}"
        );
    }
}

#[test]
fn every_licence_is_permissive() {
    let metadata = metadata();
    for package in shipped(&metadata) {
        let expression = package.license.as_deref().unwrap_or("none stated").replace('/', " OR ");
        let permissive = expression
            .replace(['(', ')'], "")
            .split(" OR ")
            .any(|alternative| alternative.split(" AND ").all(|licence| LICENCES.contains(&licence.trim())));
        assert!(permissive, "{} {} is under {expression}", package.name, package.version);
    }
}

/// An SPDX expression with brackets is read above as if `OR` bound weaker everywhere; this keeps the reading honest by listing
/// the few packages whose expression has brackets, so that a new one is looked at by a person.
#[test]
fn bracketed_licences_are_known() {
    let metadata = metadata();
    let bracketed: BTreeSet<String> = shipped(&metadata)
        .into_iter()
        .filter(|package| package.license.as_deref().is_some_and(|licence| licence.contains('(')))
        .map(|package| format!("{}: {}", package.name, package.license.as_deref().unwrap_or_default()))
        .collect();
    let known: BTreeSet<String> = [
        "encoding_rs: (Apache-2.0 OR MIT) AND BSD-3-Clause",
        "unicode-ident: (MIT OR Apache-2.0) AND Unicode-3.0",
        "unicode-normalization: (MIT OR Apache-2.0) AND Unicode-3.0",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    assert_eq!(bracketed, known);
}

/// No feature of ours turns anything on: what is tested is what is built.
#[test]
fn no_feature_changes_what_we_do() {
    let metadata = metadata();
    for package in ours(&metadata) {
        for (feature, turns_on) in &package.features {
            assert!(turns_on.is_empty(), "{} has the feature {feature}: {turns_on:?}", package.name);
        }
    }
}

/// deny.toml is for those with network, this file for all; they ban the same.
#[test]
fn deny_toml_bans_what_is_banned_here() {
    let text = crate::harness::repository_file("deny.toml");
    let (_, bans) = text.split_once("\n[bans]\n").expect("its section");
    let (bans, _) = bans.split_once("\n]").expect("the end of its list");
    let theirs: BTreeSet<&str> =
        bans.split("{ name = \"").skip(1).filter_map(|after| after.split('"').next()).collect();
    // h2 is banned by version, and looked at by `nothing_banned_ships` itself.
    let here: BTreeSet<&str> = BANNED.iter().map(|(name, _)| *name).chain(["h2"]).collect();
    assert_eq!(theirs, here);
}
