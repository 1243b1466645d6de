//! The operator's commands, as an operator types them.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use test_kit::database::{Backend, both, postgres, sqlite};
use test_kit::ports::free_port;

use crate::harness::{
    AllInOne, JWT_SECRET, Running, SECRETS, SERVICE_API_TOKEN, WEBHOOK_SECRET, client, command,
    openssl_signature, run, wait_for,
};

const BODY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/client.registered.json");

/// A command in an empty data folder.
fn crm_bridge(arguments: &[&str]) -> Command {
    let mut command = command("crm-bridge");
    command.arg("--data-dir").arg("/nonexistent").args(arguments);
    command
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8").trim().to_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error} in {}", text(output)))
}

#[test]
fn sign_makes_what_openssl_makes() {
    let body = fs::read(BODY).expect("the example");
    let expected = openssl_signature(WEBHOOK_SECRET, &body);
    assert_eq!(
        text(&run(crm_bridge(&["webhook", "sign", BODY]).env("WEBHOOK_SECRET", WEBHOOK_SECRET))),
        expected
    );
    let mut from_input = crm_bridge(&["webhook", "sign", "-", "--json"]);
    let mut child = from_input
        .env("WEBHOOK_SECRET", WEBHOOK_SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(&body).expect("written");
    let signed = json(&child.wait_with_output().expect("it ends"));
    assert_eq!(signed["signature"], expected);
    assert_eq!(signed["header"], "x-webhook-signature");
}

#[test]
fn what_is_missing_is_named() {
    let output = run(&mut crm_bridge(&["webhook", "sign", BODY]));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("WEBHOOK_SECRET is not set"));
    let output =
        run(crm_bridge(&["webhook", "sign", "/nonexistent/body"]).env("WEBHOOK_SECRET", WEBHOOK_SECRET));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/body"));
}

#[tokio::test]
async fn send_says_what_came_back() {
    let system = AllInOne::start(sqlite()).await;
    let send = |extra: &[&str]| {
        run(crm_bridge(&["webhook", "send", BODY, "--url", &system.gateway])
            .args(extra)
            .env("WEBHOOK_SECRET", WEBHOOK_SECRET))
    };
    let first = send(&["--json"]);
    assert!(first.status.success());
    let said = json(&first);
    assert_eq!((&said["status"], &said["body"]["status"]), (&200.into(), &"accepted".into()), "{said}");
    assert!(text(&send(&[])).starts_with("200 {\"status\":\"duplicate\""));
    let refused =
        run(crm_bridge(&["webhook", "send", BODY, "--url", &system.gateway])
            .env("WEBHOOK_SECRET", JWT_SECRET));
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).starts_with("401"), "{}", text(&refused));
    let nobody = run(crm_bridge(&["webhook", "send", BODY, "--url", "http://127.0.0.1:9"])
        .env("WEBHOOK_SECRET", WEBHOOK_SECRET));
    assert_eq!(nobody.status.code(), Some(2));
}

#[test]
fn diagnose_names_the_mistake() {
    let body = fs::read(BODY).expect("the example");
    let line = [&body[..], b"\n"].concat();
    let diagnose = |signature: &str| {
        let mut command = crm_bridge(&["webhook", "diagnose", BODY, "--signature", signature, "--json"]);
        let output =
            run(command.env("WEBHOOK_SECRET", WEBHOOK_SECRET).env("SERVICE_API_TOKEN", SERVICE_API_TOKEN));
        (output.status.code(), json(&output))
    };
    let (code, said) = diagnose(&openssl_signature(WEBHOOK_SECRET, &line));
    assert_eq!((code, &said["hint"]), (Some(1), &"body_plus_newline".into()), "{said}");
    let (_, said) = diagnose(&openssl_signature("WEBHOOK_SECRET", &body));
    assert_eq!(said["hint"], "variable_name_as_key");
    let (_, said) = diagnose(&openssl_signature(SERVICE_API_TOKEN, &body));
    assert_eq!(said["hint"], "other_secret");
    let (_, said) = diagnose(&"00".repeat(32));
    assert_eq!((&said["valid"], &said["hint"]), (&false.into(), &Value::Null));
    let (code, said) = diagnose(&openssl_signature(WEBHOOK_SECRET, &body));
    assert_eq!((code, &said["valid"]), (Some(0), &true.into()));
}

#[test]
fn generated_secrets_pass_the_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("fresh.env");
    let path = file.to_str().expect("UTF-8");
    assert!(run(&mut crm_bridge(&["secrets", "generate", "--out", path])).status.success());
    let again = run(&mut crm_bridge(&["secrets", "generate", "--out", path]));
    assert_eq!(again.status.code(), Some(2), "an existing file is not touched");
    let lines = fs::read_to_string(&file).expect("made");
    let values: Vec<_> = lines.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(values.len(), 5);
    let good = run(crm_bridge(&["secrets", "check", "--json"])
        .envs(values.iter().copied())
        .env("ENVIRONMENT", "production"));
    assert!(good.status.success(), "{}", text(&good));
    assert_eq!(json(&good)["good"], true);
    assert!(!values.iter().any(|(_, value)| text(&good).contains(value)), "a value is shown");
}

#[test]
fn unfit_secrets_are_named_and_never_shown() {
    let check = |name: &str, value: &str, mode: &str| {
        let mut command = crm_bridge(&["secrets", "check"]);
        let output = run(command.envs(SECRETS).env(name, value).env("ENVIRONMENT", mode));
        let said = text(&output) + &String::from_utf8_lossy(&output.stderr);
        assert!(value.len() < 4 || !said.contains(value.trim()), "{said}");
        (output.status.code(), said)
    };
    for (value, mode) in [
        (" padded-padded-padded-padded-padded-padded", "development"),
        ("hunter2hunter2", "production"),
        (JWT_SECRET, "development"),
    ] {
        let (code, said) = check("SSO_SECRET", value, mode);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("SSO_SECRET"), "{said}");
    }
    let (code, said) = check("SSO_SECRET", "hunter2hunter2", "development");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("note:"), "{said}");
}

#[tokio::test]
async fn a_staff_token_opens_what_its_role_may() {
    let system = AllInOne::start(sqlite()).await;
    for (role, expected) in [("auditor", 200), ("admin", 200), ("support", 403)] {
        let arguments =
            ["staff", "token", "--email", "ann@example.com", "--role", role, "--minutes", "5", "--json"];
        let said = json(&run(crm_bridge(&arguments).env("JWT_SECRET", JWT_SECRET)));
        assert_eq!(said["expiresIn"], 300);
        let token = said["token"].as_str().expect("a token");
        let read = system.caller().request(reqwest::Method::GET, "/api/audit/entries").bearer_auth(token);
        assert_eq!(read.send().await.expect("an answer").status(), expected, "{role}");
    }
}

/// I6, over processes: what the operator's command changes, every service minds at the next request.
#[tokio::test]
async fn staff_are_added_disabled_and_reset_by_command_and_each_change_is_on_the_trail() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let staff = |arguments: &[&str]| {
            let mut command = command("crm-bridge");
            command.arg("--data-dir").arg(system.data.path()).arg("staff").args(arguments).arg("--json");
            if system.database.backend() == Backend::Postgres {
                command.env("DATABASE_URL", system.database.url_text("whole"));
            }
            run(&mut command)
        };
        let added = json(&staff(&["add", "--email", "sue@broker.example", "--role", "auditor"]));
        let (id, one_time) = (added["staff"]["id"].as_str(), added["oneTimePassword"].as_str());
        let (id, one_time) = (id.expect("an id"), one_time.expect("a password"));
        let again = staff(&["add", "--email", "SUE@broker.example", "--role", "admin"]);
        assert_eq!(again.status.code(), Some(1));
        let body = format!(
            r#"{{"email":"sue@broker.example","password":"{one_time}","newPassword":"a password of her own"}}"#
        );
        let log_in = system.caller().request(reqwest::Method::POST, "/api/auth/login").body(body);
        let answer = log_in.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let answer: serde_json::Value =
            serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
        let token = answer["token"].as_str().expect("a token");
        let read = async || {
            let read = system.caller().request(reqwest::Method::GET, "/api/audit/entries").bearer_auth(token);
            read.send().await.expect("an answer").status().as_u16()
        };
        assert_eq!(read().await, 200);
        assert!(staff(&["set-role", id, "--role", "support"]).status.success());
        assert_eq!(read().await, 403);
        assert!(staff(&["set-role", id, "--role", "auditor"]).status.success());
        assert_eq!(read().await, 200);
        assert!(staff(&["disable", "sue@broker.example"]).status.success());
        assert_eq!(read().await, 401);
        assert!(staff(&["enable", "sue@broker.example"]).status.success());
        let reset = json(&staff(&["reset-password", id]));
        assert_ne!(reset["oneTimePassword"].as_str(), Some(one_time));
        assert_eq!(staff(&["disable", "nobody@broker.example"]).status.code(), Some(1));
        let listed = json(&staff(&["list"]));
        let emails: Vec<_> =
            listed["staff"].as_array().expect("staff").iter().map(|one| &one["email"]).collect();
        assert_eq!(emails, ["admin@example.com", "sue@broker.example"], "the first admin, and Sue");
        assert_eq!(staff(&["disable", "admin@example.com"]).status.code(), Some(1), "the last admin stays");
        wait_for("the changes on the trail", async || {
            let entries = system.caller().trail(&format!("target={id}&text=staff")).await;
            let of = |action: &str| entries.iter().filter(|entry| entry["action"] == action).count();
            (of("staff.create"), of("staff.change"), of("staff.reset_password")) == (1, 4, 1)
        })
        .await;
    }
}

#[tokio::test]
async fn health_is_yes_or_no() {
    let health = |url: &str| {
        let output = run(&mut crm_bridge(&["health", url, "--json"]));
        (output.status.code(), json(&output))
    };
    let system = AllInOne::start(sqlite()).await;
    assert_eq!(health(&system.gateway), (Some(0), serde_json::json!({"ready": true, "status": 200})));

    // One whose tables were never made.
    let address = format!("127.0.0.1:{}", free_port());
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = command("audit-log");
    program.envs(SECRETS).env("LISTEN_ADDRESS", &address).env("SSO_ISSUER_URL", "http://127.0.0.1:9");
    program.env("DATABASE_URL", format!("sqlite:{}/audit-log.sqlite", folder.path().display()));
    let (mut process, _lines) = Running::start(&mut program);
    let url = format!("http://{address}");
    wait_for("it to serve", async || client().get(format!("{url}/livez")).send().await.is_ok()).await;
    assert_eq!(health(&url), (Some(1), serde_json::json!({"ready": false, "status": 503})));
    process.kill();
    // Nobody there: no as well, and Docker keeps the code 2 for itself.
    assert_eq!(health(&url), (Some(1), serde_json::json!({"ready": false, "status": null})));
    let said = run(&mut crm_bridge(&["health", &url]));
    assert!(String::from_utf8_lossy(&said.stderr).contains("can't be reached"), "{said:?}");
}

#[test]
fn migrate_makes_a_bare_folder_and_a_check_makes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let migrate = |extra: &[&str]| {
        run(command("crm-bridge").arg("--data-dir").arg(&data).args(["migrate", "--json"]).args(extra))
    };
    let before = migrate(&["--check"]);
    assert_eq!((before.status.code(), &json(&before)["current"]), (Some(1), &false.into()));
    assert!(!data.exists(), "a look makes nothing");
    assert!(migrate(&[]).status.success());
    assert!(migrate(&["--check"]).status.success());
}

#[test]
fn migrate_says_what_it_did() {
    let database = postgres();
    let migrate = |extra: &[&str]| {
        run(crm_bridge(&["migrate", "--json"]).args(extra).env("DATABASE_URL", database.url_text("whole")))
    };
    let before = migrate(&["--check"]);
    assert_eq!((before.status.code(), &json(&before)["current"]), (Some(1), &false.into()));
    let ran = migrate(&[]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(json(&ran)["services"].as_array().map(Vec::len), Some(4));
    let after = migrate(&["--check"]);
    assert_eq!((after.status.code(), &json(&after)["current"]), (Some(0), &true.into()));
    let again = migrate(&[]);
    assert!(
        json(&again)["services"]
            .as_array()
            .expect("services")
            .iter()
            .all(|one| one["ran"] == serde_json::json!([]))
    );
}
