//! `crm-bridge secrets`: makes secrets, and says what is wrong with those of the environment. It never prints a value that somebody uses.

use std::path::Path;

use auth::random::Random;
use auth::secret;
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
        if path.exists() {
            return Err(format!("{} exists; secrets are never made anew in place", path.display()));
        }
        secrets_file::add(path, &secrets_file::NAMES, &random).map_err(in_words)?;
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

fn check(data: &Path, arguments: &CheckArgs) -> Ended {
    let environment = settings::environment(data).map_err(in_words)?;
    let mode = environment.mode().map_err(in_words)?;
    let mut findings: Vec<(String, String, bool)> = Vec::new();
    let mut found = Vec::new();
    let mut names: Vec<String> = secrets_file::NAMES.map(str::to_owned).to_vec();
    names.extend(environment.names_under("WEBHOOK_SECRET_"));
    names.extend(secrets_file::NAMES.map(|name| format!("{name}_PREVIOUS")));
    names.sort();
    names.dedup();
    for name in names {
        match environment.secret(&name) {
            Ok(Some(secret)) => found.push((name, secret)),
            Ok(None) if secrets_file::NAMES.contains(&name.as_str()) => {
                findings.push((name, "is not set".to_owned(), true));
            }
            Ok(None) => {}
            Err(error) => findings.push((name, error.to_string(), true)),
        }
    }
    for (name, value) in &found {
        match secret::check(name, value, mode.into()) {
            Ok(weaknesses) => {
                findings
                    .extend(weaknesses.iter().map(|weakness| (name.clone(), weakness.to_string(), false)));
            }
            Err(error) => findings.push((name.clone(), error.to_string(), true)),
        }
    }
    let pairs: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value)).collect();
    if let Err(error) = secret::check_distinct(&pairs) {
        findings.push((String::new(), error.to_string(), true));
    }
    report(&findings, found.len(), arguments.json)
}

/// Prints what was found; the answer is no if anything of it would be refused at start.
fn report(findings: &[(String, String, bool)], checked: usize, as_json: bool) -> Ended {
    let good = !findings.iter().any(|(_, _, refused)| *refused);
    if as_json {
        let list: Vec<_> = findings
            .iter()
            .map(|(name, finding, refused)| json!({"name": name, "finding": finding, "refused": refused}))
            .collect();
        say(json!({"good": good, "checked": checked, "findings": list}));
        return Ok(good);
    }
    for (name, finding, refused) in findings {
        let told =
            if finding.starts_with(name.as_str()) { finding.clone() } else { format!("{name} {finding}") };
        say(format_args!("{} {}", if *refused { "refused:" } else { "weak:   " }, told.trim_start()));
    }
    say(format_args!("{checked} secrets checked: {}", if good { "fit for use" } else { "not fit for use" }));
    Ok(good)
}
