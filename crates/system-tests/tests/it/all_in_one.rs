//! The all-in-one as a person starts it: what it makes, what it prints, and what a kill -9 leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use contract::clock::Clock;
use contract::events::{Envelope, Reading, read};
use contract::kyc::KycWords;
use test_kit::database::both;

use crate::calls::{Caller, registration, segment, told};
use crate::harness::{
    AllInOne, PATIENCE, Running, SECRETS, WEBHOOK_SECRET, address_line, command, repository_file, run,
    wait_for, wait_until_ready,
};

/// Starts it with no setting but the address: as `cargo run` on a laptop.
fn start_bare(data: &Path) -> (Running, String, Vec<String>) {
    let (process, lines) = Running::start(
        command("crm-bridge").arg("--data-dir").arg(data).env("LISTEN_ADDRESS", "127.0.0.1:0"),
    );
    let (address, printed) = address_line(&lines, &process);
    (process, address, printed)
}

#[tokio::test]
async fn the_first_start_makes_secrets_and_the_next_keeps_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (mut process, gateway, printed) = start_bare(&data);
    wait_until_ready(&gateway).await;
    let secrets = data.join("secrets.env");
    let first = fs::read_to_string(&secrets).expect("made");
    assert_eq!(fs::metadata(&secrets).expect("there").permissions().mode() & 0o777, 0o600);
    for (name, _) in SECRETS {
        let value = first.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).expect(name);
        assert_eq!(value.len(), 64, "{name}");
        assert!(!printed.iter().any(|line| line.contains(value)), "{name} was printed");
        assert!(!process.log().contains(value), "{name} was logged");
    }
    assert_eq!(process.stop(), Some(0), "{}", process.log());

    let (mut process, gateway, _) = start_bare(&data);
    wait_until_ready(&gateway).await;
    assert_eq!(fs::read_to_string(&secrets).expect("there"), first, "never made anew");
    assert!(!process.log().contains("chmod"), "{}", process.log());
    assert_eq!(process.stop(), Some(0));

    // A copy that somebody made, say.
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o644)).expect("set");
    let (mut process, gateway, _) = start_bare(&data);
    wait_until_ready(&gateway).await;
    assert!(process.log().contains("secrets.env; chmod 600 it"), "{}", process.log());
    assert_eq!(process.stop(), Some(0));
}

/// What it prints for people, to the last line.
pub(crate) fn greeting(lines: &std::sync::mpsc::Receiver<String>) -> Vec<String> {
    let mut printed = Vec::new();
    while printed.last().is_none_or(|line: &String| !line.starts_with("Ctrl-C")) {
        printed.push(lines.recv_timeout(PATIENCE).expect("a whole greeting"));
    }
    printed
}

/// What a greeting says under this name.
pub(crate) fn said(printed: &[String], name: &str) -> String {
    let found = printed.iter().find_map(|line| line.trim().strip_prefix(&format!("{name} ")));
    found.unwrap_or_else(|| panic!("no {name} in {printed:?}")).trim().to_owned()
}

#[tokio::test]
async fn the_first_start_makes_an_admin_whose_password_is_shown_once_and_used_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || {
        let mut command = command("crm-bridge");
        command.arg("--data-dir").arg(folder.path()).env("LISTEN_ADDRESS", "127.0.0.1:0");
        Running::start(command.env("CRM_ADMIN_EMAIL", "boss@broker.example"))
    };
    let (mut process, lines) = start();
    let printed = greeting(&lines);
    let (gateway, password) = (said(&printed, "gateway"), said(&printed, "password"));
    assert_eq!(said(&printed, "email"), "boss@broker.example");
    wait_until_ready(&gateway).await;
    let caller = Caller::of(gateway);
    let log_in = async || {
        let body = format!(
            r#"{{"email":"boss@broker.example","password":"{password}","newPassword":"a password of my own"}}"#
        );
        let asked = caller.request(reqwest::Method::POST, "/api/auth/login").body(body);
        told(asked.send().await.expect("an answer")).await
    };
    let (status, answer) = log_in().await;
    assert_eq!(status, 200, "{answer}");
    let (status, _) = log_in().await;
    assert_eq!(status, 401);
    assert!(!process.log().contains(&password), "it was logged");
    assert_eq!(process.stop(), Some(0), "{}", process.log());

    let (mut process, lines) = start();
    let printed = greeting(&lines);
    assert!(!printed.iter().any(|line| line.trim().starts_with("password")), "{printed:?}");
    // Whoever has lost theirs is told a command that works as it stands.
    let reset = printed.iter().find(|line| line.contains("staff reset-password")).expect("a way in");
    let reset = run(Command::new("sh").args(["-c", reset.trim()]));
    assert!(reset.status.success(), "{reset:?}");
    assert!(String::from_utf8_lossy(&reset.stdout).contains("one-time password"), "{reset:?}");
    assert_eq!(process.stop(), Some(0));
}

#[tokio::test]
async fn a_secret_of_the_environment_wins_and_is_not_written() {
    let data = tempfile::tempdir().expect("a folder");
    let (process, lines) = Running::start(
        command("crm-bridge")
            .arg("--data-dir")
            .arg(data.path())
            .env("LISTEN_ADDRESS", "127.0.0.1:0")
            .env("WEBHOOK_SECRET", WEBHOOK_SECRET),
    );
    let (gateway, _) = address_line(&lines, &process);
    wait_until_ready(&gateway).await;
    let (status, _) = told(Caller::of(gateway).webhook(&registration("1", "ann@example.com")).await).await;
    assert_eq!(status, 200);
    let written = fs::read_to_string(data.path().join("secrets.env")).expect("made");
    assert!(!written.contains("WEBHOOK_SECRET="), "the environment's secret does not belong in the file");
    assert!(written.contains("JWT_SECRET="));
}

/// W10, as far as one process goes: acknowledged, killed at once, started again, applied once.
#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_applied_once_after_it() {
    for database in both() {
        let mut system = AllInOne::start(database).await;
        for number in 0..30 {
            let body = registration(&number.to_string(), &format!("{number}@example.com"));
            assert_eq!(system.caller().webhook(&body).await.status(), 200);
        }
        system.process.kill();
        let AllInOne { data, database, .. } = system;
        let system = AllInOne::start_in(database, data).await;
        let caller = system.caller();
        for number in 0..30 {
            let email = format!("{number}@example.com");
            wait_for(&format!("{email} to be applied"), async || caller.client(&email).await.status() == 200)
                .await;
            let (_, record) = told(caller.client(&email).await).await;
            assert_eq!(record["version"], 1, "{record}");
        }
        caller.on_trail("action=webhook.receive", 30).await;
        caller.on_trail("action=event.apply", 30).await;
    }
}

/// Bodies as other platforms write them: each is taken or held, none is refused into nothing.
#[tokio::test]
async fn nothing_of_the_corpus_is_refused_into_nothing() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../contract/tests/corpus"));
    let mut bodies: Vec<_> = fs::read_dir(corpus)
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    bodies.sort();
    assert!(bodies.len() >= 20, "the corpus has {}", bodies.len());
    for database in both() {
        let system = AllInOne::start(database).await;
        for path in &bodies {
            let body = fs::read(path).expect("a body");
            let (status, answer) = told(system.caller().webhook(&body).await).await;
            let kept = status == 200 || answer["kept"] == true;
            assert!(kept && answer["eventId"].is_string(), "{}: {status} {answer}", path.display());
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            if answer["status"] == "accepted" && name.starts_with("client_registered") {
                applied(&system.caller(), &body).await;
            }
        }
    }
}

/// The client that a registration names can be read, and is never 404.
async fn applied(caller: &Caller, body: &[u8]) {
    let Reading::Known(Envelope { event: Some(event), .. }) =
        read(body, &KycWords::built_in(), Clock::system().now())
    else {
        panic!("accepted and unreadable: {}", String::from_utf8_lossy(body));
    };
    let Some(email) = event.identity().email else { return };
    let (status, record) = caller.acknowledged(&segment(email.trim())).await;
    assert_eq!(status, 200, "{email}: {record}");
}

/// The commands of a help text, and those below them.
fn commands_of(path: &[String]) -> Vec<Vec<String>> {
    let help = run(command("crm-bridge").args(path).arg("--help"));
    assert!(help.status.success(), "{path:?}");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let Some((_, listed)) = help.split_once("Commands:\n") else { return vec![path.to_vec()] };
    // What is indented more goes on with a line.
    let names = listed.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("  "));
    let names = names.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next());
    let below = names.filter(|name| *name != "help").map(|name| [path, &[name.to_owned()]].concat());
    below.flat_map(|path| commands_of(&path)).collect()
}

/// The README's own words: its example body is the one in `examples/`, and its table has every command.
#[test]
fn the_readme_says_what_is() {
    let readme = repository_file("README.md");
    assert!(readme.contains(&repository_file("examples/client.registered.json")), "the example body");
    let rows: Vec<Vec<&str>> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `crm-bridge")?.split(" | ").next())
        .map(|cell| {
            cell.split(|c: char| !c.is_ascii_alphabetic() && c != '-')
                .filter(|word| !word.is_empty())
                .collect()
        })
        .collect();
    let commands = commands_of(&[]);
    assert!(commands.len() > 15, "{commands:?}");
    for command in &commands {
        let has = |row: &&Vec<&str>| command.iter().all(|word| row.contains(&word.as_str()));
        assert!(rows.iter().any(|row| has(&row)), "{command:?} is not in the README's table: {rows:?}");
    }
    for row in &rows {
        let named = |command: &Vec<String>| row.contains(&command.first().expect("a word").as_str());
        assert!(row.is_empty() || commands.iter().any(named), "no such command: {row:?}");
    }
}
