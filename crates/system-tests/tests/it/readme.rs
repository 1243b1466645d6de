//! The README's calls, as they are printed there: only where the system and its programs are is put in their place.

use std::fs;
use std::process::Command;

use test_kit::database::sqlite;

use crate::harness::{AllInOne, SECRETS, environment, program, repository_file, run};

/// The shell lines of a section, one block after the other.
fn shell_of(section: &str) -> String {
    let readme = repository_file("README.md");
    let (_, text) = readme.split_once(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("no {section}"));
    let text = text.split("\n## ").next().expect("a section");
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().expect("an end"));
    blocks.collect()
}

/// Runs lines of the README against a system, whose secrets are in its data folder; what they print.
fn follow(system: &AllInOne, lines: &str) -> String {
    let secrets: String = SECRETS.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    let data = system.data.path();
    let file = data.join("secrets.env");
    fs::write(&file, secrets).expect("written");
    let crm_bridge = format!("{} --data-dir {}", program("crm-bridge").display(), data.display());
    let script = lines
        .replace("http://127.0.0.1:8080", &system.gateway)
        .replace("data/secrets.env", &file.display().to_string())
        .replace("cargo run -q --release --", &crm_bridge)
        .replace("docker-compose run --rm -T crm-bridge", &crm_bridge);
    let mut bash = Command::new("bash");
    bash.env_clear().env("PATH", environment("PATH").unwrap_or_default());
    let done = run(bash.args(["-euo", "pipefail", "-c", &script]));
    let told = String::from_utf8(done.stdout).expect("UTF-8");
    assert!(done.status.success(), "{script}\n{told}{}", String::from_utf8_lossy(&done.stderr));
    told
}

fn assert_all_answered(told: &str) {
    for word in
        ["\"status\":\"accepted\"", "\"clientId\":\"1001\"", "\"entries\":[", "/sso/impersonate?token="]
    {
        assert!(told.contains(word), "{word} is not in {told}");
    }
}

#[tokio::test]
async fn what_it_says_to_try_works() {
    let system = AllInOne::start(sqlite()).await;
    assert_all_answered(&follow(&system, &shell_of("Try it")));
}

/// In containers it is in production, where staff come by log-in alone.
#[tokio::test]
async fn what_it_says_to_try_works_as_in_containers() {
    let data = tempfile::tempdir().expect("a folder");
    let production = [("ENVIRONMENT", "production"), ("TRADING_PLATFORM_URL", "http://127.0.0.1:9090")];
    let system = AllInOne::start_with(sqlite(), data, &production).await;
    let containers = shell_of("In containers");
    let add = containers.lines().find(|line| line.contains(" staff add ")).expect("the first admin is added");
    let added = follow(&system, add);
    let (_, password) = added.trim().rsplit_once(": ").expect("a one-time password");
    let log_in = containers.split_once("password='").expect("a log-in").1;
    let log_in = format!("password='{log_in}").replace("the one-time password", password);
    let calls = shell_of("Try it");
    let (before, after) = calls.split_once("token=$(").expect("a token");
    let after = after.split_once('\n').expect("calls").1;
    assert_all_answered(&follow(&system, &format!("{before}\n{log_in}\n{after}")));
}
