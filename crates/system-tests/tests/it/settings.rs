//! The settings that the code reads, from its text: each is in the example of an environment, in the operators' document, and handed
//! to the service that reads it.

use std::collections::BTreeSet;

use crate::cluster::SERVICES;
use crate::containers::told_to;
use crate::harness::{command, repository_file, run};
use crate::sources::{product_files, product_part};

/// The image says where a program in it listens and where its data is.
const OF_THE_IMAGE: [&str; 2] = ["LISTEN_ADDRESS", "CRM_DATA_DIR"];

/// Secrets that webhook-ingest reads where it happens to have them; it is handed none that it can do without.
const NOT_HANDED: [&str; 2] = ["SERVICE_API_TOKEN", "SSO_SECRET"];

/// What the text of a file reads: names in capitals, and the fields of what is read as a whole.
fn read_in(text: &str) -> BTreeSet<String> {
    let code = product_part(text).join("\n");
    let mut names: BTreeSet<String> =
        code.split('"').filter(|word| is_name(word)).map(str::to_owned).collect();
    for settings in code.split("#[derive(Deserialize)]\nstruct ").skip(1) {
        let fields = settings.split(['{', '}']).nth(1).expect("fields");
        let fields = fields.lines().filter_map(|line| line.trim().split_once(": ")).map(|(field, _)| field);
        names.extend(fields.map(str::to_uppercase));
    }
    names
}

/// `TWO_WORDS`, or more of them, that are not the build's own.
fn is_name(word: &str) -> bool {
    let mut words = word.split('_');
    let in_capitals = words.all(|one| {
        !one.is_empty() && one.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    });
    in_capitals && word.contains('_') && !word.starts_with("CARGO_")
}

fn is_secret(name: &str) -> bool {
    name.contains("_SECRET") || name.contains("_TOKEN")
}

/// What all programs read together.
fn known() -> BTreeSet<String> {
    let texts = product_files().into_iter().map(|(_, text)| text);
    texts
        .filter(|text| text.contains("Environment") || text.contains("env = \""))
        .flat_map(|text| read_in(&text))
        .collect()
}

#[test]
fn the_settings_that_the_code_reads_are_in_the_documents() {
    let known = known();
    for name in
        ["WORKERS", "KYC_WORDS", "STAFF_JWT_UNKNOWN", "CRM_STAFF_EMAIL", "CRM_SSO_SECRET", "DASHBOARD_URL"]
    {
        assert!(known.contains(name), "the search misses {name}: {known:?}");
    }
    let (example, operations) = (repository_file(".env.example"), repository_file("docs/OPERATIONS.md"));
    for name in &known {
        let in_example = example.lines().any(|line| {
            let line = line.trim_start_matches('#');
            line.split_once('=').is_some_and(|(setting, _)| setting == name)
        });
        assert!(in_example, "{name} is not in .env.example");
        assert!(operations.contains(&format!("`{name}`")), "{name} is not in docs/OPERATIONS.md");
    }
}

#[test]
fn no_secret_of_the_example_is_fit_for_production() {
    let example = repository_file(".env.example");
    let settings = example.lines().filter_map(|line| line.trim_start_matches('#').split_once('='));
    let secrets: Vec<_> = settings.filter(|(name, value)| is_secret(name) && !value.is_empty()).collect();
    assert!(secrets.len() > 8, "{secrets:?}");
    for (name, value) in secrets {
        assert!(value.len() < auth::secret::MIN_BYTES, "{name} would do");
        // The platform's names of our secrets are none of ours.
        let ours = if name.starts_with("CRM_") { "SSO_SECRET" } else { name };
        let mut check = command("crm-bridge");
        check.args(["--data-dir", "/nonexistent", "secrets", "check"]).env("ENVIRONMENT", "production");
        assert_eq!(run(check.env(ours, value)).status.code(), Some(1), "{name}");
    }
}

#[test]
fn each_service_in_a_container_is_told_what_it_reads_and_no_other_s_secret() {
    let common = read_in(&repository_file("crates/http-kit/src/config/common.rs"));
    for service in SERVICES {
        let code = repository_file(&format!("crates/{service}/src/config.rs"));
        let mut reads = read_in(&code);
        reads.extend(
            common.iter().filter(|name| *name != "KYC_WORDS" || code.contains("kyc_words()")).cloned(),
        );
        if service == "webhook-ingest" {
            reads.retain(|name| !NOT_HANDED.contains(&name.as_str()));
        }
        reads.retain(|name| !OF_THE_IMAGE.contains(&name.as_str()));
        let rings: Vec<_> =
            reads.iter().filter(|name| is_secret(name)).map(|name| format!("{name}_PREVIOUS")).collect();
        reads.extend(rings);
        let told = told_to(service);
        assert_eq!(
            reads.difference(&told).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "{service} is not told"
        );
        let more: Vec<_> = told.difference(&reads).filter(|name| is_secret(name)).collect();
        assert_eq!(more, Vec::<&String>::new(), "{service} is told what it does not read");
    }
}
