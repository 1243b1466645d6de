//! `crm-bridge demo`, as a person starts it and follows what it prints.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::Receiver;

use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use crate::all_in_one::{greeting, said};
use crate::calls::{Caller, registration, told};
use crate::harness::{Running, WEBHOOK_SECRET, client, command, openssl_signature, run, wait_for};

/// A former secret and a source's secret of a real system, which the shell has.
const FORMER: &str = "test-former-secret-test-former-secret-test-former-secret-0000006";
const OF_A_SOURCE: &str = "test-source-secret-test-source-secret-test-source-secret-0000007";

/// The demonstration in a shell that is set up for a real system in production.
fn demo(data: &Path) -> (Running, Receiver<String>) {
    Running::start(
        command("crm-bridge")
            .arg("--data-dir")
            .arg(data)
            .args(["demo", "--rate", "10"])
            .env("LISTEN_ADDRESS", "127.0.0.1:0")
            .env("ENVIRONMENT", "production")
            .env("DATABASE_URL", "postgres://nobody@127.0.0.1:9/nothing")
            .env("STAFF_JWT_UNKNOWN", "refuse")
            .env("WEBHOOK_SECRET", WEBHOOK_SECRET)
            .env("WEBHOOK_SECRET_PREVIOUS", FORMER)
            .env("WEBHOOK_SECRET_ACME", OF_A_SOURCE),
    )
}

/// The status of a webhook that is signed with this secret.
async fn webhook(caller: &Caller, source: &str, secret: &str) -> u16 {
    let body = registration("1", "ann@example.com");
    let request = caller
        .request(Method::POST, &format!("/api/webhooks/{source}"))
        .header("x-webhook-signature", openssl_signature(secret, &body));
    request.body(body).send().await.expect("an answer").status().as_u16()
}

/// What a member of staff is answered.
async fn ask(caller: &Caller, method: Method, path: &str, token: &str) -> (u16, Value) {
    told(caller.request(method, path).bearer_auth(token).send().await.expect("an answer")).await
}

/// One client of the platform's life, as soon as there is one.
async fn somebody(caller: &Caller, token: &str) -> String {
    let clients = async || ask(caller, Method::GET, "/api/clients?limit=1", token).await.1;
    wait_for("a client", async || clients().await["clients"][0]["id"].is_string()).await;
    clients().await["clients"][0]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_person_logs_in_and_looks_at_a_client_s_account_as_the_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut process, lines) = demo(folder.path());
    let printed = greeting(&lines);
    let caller = Caller::of(said(&printed, "CRM"));
    let body = json!({
        "email": said(&printed, "email"), "password": said(&printed, "password"), "newPassword": "a password of my own",
    });
    let log_in = caller.request(Method::POST, "/api/auth/login").body(body.to_string());
    let (status, answer) = told(log_in.send().await.expect("an answer")).await;
    assert_eq!(status, 200, "{answer}");
    let token = answer["token"].as_str().expect("a token");

    let id = somebody(&caller, token).await;
    let email = async || {
        let (_, record) = ask(&caller, Method::GET, &format!("/api/clients/{id}"), token).await;
        record["email"].as_str().expect("an address").to_owned()
    };
    // People's addresses change while we look.
    let before = email().await;
    let (status, link) = ask(&caller, Method::POST, &format!("/api/clients/{id}/impersonate"), token).await;
    assert_eq!(status, 200, "{link}");
    let url = link["ssoUrl"].as_str().expect("a link");
    let platform = said(&printed, "platform");
    let platform = platform.split(',').next().expect("an address");
    assert!(url.starts_with(&format!("{platform}/sso/impersonate?token=")), "{url}");
    let page = client().get(url).header(ACCEPT, "text/html").send().await.expect("a page");
    assert_eq!(page.status(), 200);
    let page = page.text().await.expect("text").replace("&#39;", "'");
    let after = email().await;
    assert!(page.contains(&before) || page.contains(&after), "neither {before} nor {after} is in {page}");

    // What opens a real system opens nothing here.
    for (source, secret) in [("site", WEBHOOK_SECRET), ("site", FORMER), ("acme", OF_A_SOURCE)] {
        let status = webhook(&caller, source, secret).await;
        assert!([401, 404].contains(&status), "{source}: {status}");
    }
    assert_eq!(process.stop(), Some(0), "{}", process.log());
}

#[tokio::test]
async fn what_it_prints_works_as_it_stands_the_second_time_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut process, lines) = demo(folder.path());
    let first = greeting(&lines);
    assert_eq!(process.stop(), Some(0), "{}", process.log());

    let (mut process, lines) = demo(folder.path());
    let printed = greeting(&lines);
    let password = said(&first, "password");
    assert!(!printed.iter().any(|line| line.contains(&password)), "shown twice: {printed:?}");
    let reset = printed.iter().find(|line| line.contains("staff reset-password")).expect("a way in");
    let reset = run(Command::new("sh").args(["-c", reset]));
    assert!(String::from_utf8_lossy(&reset.stdout).contains("one-time password"), "{reset:?}");

    let token = command("crm-bridge")
        .arg("--data-dir")
        .arg(folder.path().join("demo"))
        .args(["staff", "token", "--email", "you@example.com", "--role", "admin"])
        .output()
        .expect("it runs");
    let token = String::from_utf8(token.stdout).expect("UTF-8");
    somebody(&Caller::of(said(&printed, "CRM")), token.trim()).await;
    let commands: Vec<_> = printed.iter().skip_while(|line| !line.starts_with("Look on")).skip(1).collect();
    let script: String =
        commands.iter().filter(|line| line.starts_with("  ")).map(|line| format!("{line}\n")).collect();
    let followed = run(Command::new("sh").args(["-euc", &script]));
    let told = String::from_utf8_lossy(&followed.stdout);
    assert!(
        followed.status.success() && told.contains("\"entries\"") && told.contains("\"ssoUrl\""),
        "{script}{followed:?}"
    );
    assert_eq!(process.stop(), Some(0), "{}", process.log());
}
