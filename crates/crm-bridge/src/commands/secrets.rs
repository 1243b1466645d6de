//! `crm-bridge secrets`: makes secrets, and says what is wrong with those of the environment. It never prints a value that somebody uses.

use std::path::Path;

use auth::random::Random;
use auth::secret::{self, Secret, Strictness};
use http_kit::config::{ConfigError, Environment};
use serde_json::json;

use super::{Ended, in_words, say};
use crate::cli::{CheckArgs, GenerateArgs, SecretsCommand};
use crate::{secrets_file, settings};

pub(crate) fn run(data: &Path, command: SecretsCommand) -> Ended {
    match command {
        SecretsCommand::Generate(arguments) => generate(&arguments),
        SecretsCommand::Check(arguments) => check(data, &arguments),
    }
}

fn generate(arguments: &GenerateArgs) -> Ended {
    let random = Random::system();
    if let Some(path) = &arguments.out {
        secrets_file::create(path, &random).map_err(in_words)?;
        let report = json!({"file": path, "names": secrets_file::NAMES});
        say(if arguments.json { report.to_string() } else { format!("made {}", path.display()) });
        return Ok(true);
    }
    let lines = secrets_file::lines(&secrets_file::NAMES, &random);
    if arguments.json {
        let values: serde_json::Map<_, _> = lines
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        say(serde_json::Value::Object(values));
    } else {
        say(lines.trim_end());
    }
    Ok(true)
}

/// What was found about one setting.
struct Finding {
    name: String,
    says: String,
    /// Whether a service would not start with it.
    refused: bool,
}

fn check(data: &Path, arguments: &CheckArgs) -> Ended {
    let environment = settings::environment(data).map_err(in_words)?;
    let strictness = environment.mode().map_err(in_words)?.into();
    let names = environment.secret_names();
    let mut findings = Vec::new();
    for name in &names {
        match environment.text(name).map(|text| text.map(Secret::new)) {
            Err(error) => {
                findings.push(Finding { name: name.clone(), says: error.to_string(), refused: true });
            }
            Ok(None) => {}
            Ok(Some(value)) => findings.extend(of_one(name, &value, strictness)),
        }
    }
    for name in secrets_file::NAMES.into_iter().filter(|name| !environment.is_set(name)) {
        findings.push(Finding { name: name.to_owned(), says: "is not set".to_owned(), refused: false });
    }
    if findings.iter().all(|finding| !finding.refused) {
        findings.extend(of_all(environment));
    }
    report(&findings, names.len(), arguments.json)
}

fn of_one(name: &str, value: &Secret, strictness: Strictness) -> Vec<Finding> {
    let finding = |says: String, refused| Finding { name: name.to_owned(), says, refused };
    match secret::check(name, value, strictness) {
        Ok(weaknesses) => weaknesses.iter().map(|weakness| finding(weakness.to_string(), false)).collect(),
        Err(error) => vec![finding(error.to_string(), true)],
    }
}

/// What only shows when all are looked at: two of one value, and what webhook-ingest, which has the most of them, says to the rest.
fn of_all(mut environment: Environment) -> Option<Finding> {
    let refused =
        |error: ConfigError| Finding { name: String::new(), says: error.to_string(), refused: true };
    if let Err(error) = environment.require_distinct_secrets() {
        return Some(refused(error));
    }
    for name in ["WEBHOOK_SECRET", "INTERNAL_SECRET", "JWT_SECRET"] {
        environment.set_default(name, "placeholder-for-a-secret-that-is-not-set");
    }
    environment.set("DATABASE_URL", "postgres://unused");
    for name in ["SERVICE_API_URL", "AUDIT_LOG_URL", "SSO_ISSUER_URL"] {
        environment.set(name, "http://127.0.0.1");
    }
    webhook_ingest::Config::from_environment(&environment).err().map(refused)
}

/// Prints what was found; the answer is no if a service would not start with it, or if there is nothing to check.
fn report(findings: &[Finding], checked: usize, as_json: bool) -> Ended {
    let good = checked > 0 && !findings.iter().any(|finding| finding.refused);
    if as_json {
        let list: Vec<_> = findings
            .iter()
            .map(|Finding { name, says, refused }| json!({"name": name, "finding": says, "refused": refused}))
            .collect();
        say(json!({"good": good, "checked": checked, "findings": list}));
        return Ok(good);
    }
    for Finding { name, says, refused } in findings {
        let told = if says.starts_with(name.as_str()) { says.clone() } else { format!("{name} {says}") };
        say(format_args!("{} {told}", if *refused { "refused:" } else { "note:   " }));
    }
    say(format_args!("{checked} secrets checked: {}", if good { "fit for use" } else { "not fit for use" }));
    Ok(good)
}
