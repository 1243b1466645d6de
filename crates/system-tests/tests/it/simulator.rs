//! The program `trading-sim`, as a platform's people use it: what it does, what it prints, and what it ends with.

use std::process::{Command, Output};

use reqwest::Method;
use serde_json::Value;
use test_kit::database::{both, sqlite};
use test_kit::ports::free_port;

use crate::calls::{registration, told};
use crate::harness::{
    AllInOne, Running, SERVICE_API_TOKEN, SSO_SECRET, WEBHOOK_SECRET, address_line, client, command, run,
    wait_for,
};

/// The program with a platform's settings.
fn trading_sim(crm: &str, arguments: &[&str]) -> Command {
    let mut command = command("trading-sim");
    command
        .args(arguments)
        .env("CRM_BASE_URL", crm)
        .env("WEBHOOK_SECRET", WEBHOOK_SECRET)
        .env("CRM_SERVICE_TOKEN", SERVICE_API_TOKEN)
        .env("CRM_SSO_SECRET", SSO_SECRET);
    command
}

/// All of standard output: one JSON value.
fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error} in {output:?}"))
}

#[tokio::test]
async fn what_was_sent_is_verified_payments_too() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let arguments =
            ["send", "--events", "150", "--rate", "0", "--seed", "3", "--shuffle", "0.2", "--verify"];
        let sent = run(&mut trading_sim(&system.gateway, &[&arguments[..], &["--json"]].concat()));
        assert_eq!(sent.status.code(), Some(0), "{sent:?}");
        let told = json(&sent);
        assert_eq!(
            (&told["tally"]["accepted"], &told["differences"]),
            (&150.into(), &serde_json::json!([])),
            "{told}"
        );
        // It read the payments back.
        assert!(system.caller().count("action=transaction.list").await > 0);

        let again = run(&mut trading_sim(&system.gateway, &arguments));
        let said = String::from_utf8_lossy(&again.stdout);
        assert!(again.status.success() && said.contains("The CRM's record is what it must be."), "{again:?}");
        assert!(said.lines().any(|line| line.split_whitespace().eq(["duplicate", "150"])), "{said}");
    }
}

#[tokio::test]
async fn a_visit_reads_and_writes() {
    let system = AllInOne::start(sqlite()).await;
    assert_eq!(system.caller().webhook(&registration("1", "ann@example.com")).await.status(), 200);
    let visit = run(&mut trading_sim(&system.gateway, &["call", "--email", "ann@example.com", "--json"]));
    assert_eq!(visit.status.code(), Some(0), "{visit:?}");
    assert_eq!(json(&visit).as_object().map(serde_json::Map::len), Some(5));
    let (_, record) = told(system.caller().client("ann@example.com").await).await;
    assert_eq!(record["kycStatus"], "in_review", "{record}");
    let nobody = run(&mut trading_sim(&system.gateway, &["call", "--email", "nobody@example.com"]));
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
}

#[tokio::test]
async fn the_page_is_where_it_says_and_json_has_no_text_beside_it() {
    let nothing = "http://127.0.0.1:9";
    let (mut process, lines) =
        Running::start(&mut trading_sim(nothing, &["serve", "--listen", "127.0.0.1:0"]));
    let (url, _) = address_line(&lines, &process);
    let answer = client().get(&url).send().await.expect("an answer");
    assert_eq!(answer.status(), 401, "no token");
    assert_eq!(process.stop(), Some(0), "{}", process.log());

    let system = AllInOne::start(sqlite()).await;
    let listen = format!("127.0.0.1:{}", free_port());
    let arguments = ["run", "--rate", "50", "--listen", &listen, "--json"];
    let (mut process, lines) = Running::start(&mut trading_sim(&system.gateway, &arguments));
    let staff = crate::calls::staff_token("admin");
    let clients = async || {
        let asked = system.caller().request(Method::GET, "/api/clients?limit=1").bearer_auth(&staff);
        told(asked.send().await.expect("an answer")).await.1
    };
    wait_for("a client", async || clients().await["clients"][0].is_object()).await;
    assert_eq!(process.stop(), Some(0), "{}", process.log());
    let printed: Vec<String> = lines.iter().collect();
    let [only] = &printed[..] else { panic!("{printed:?}") };
    let told: Value = serde_json::from_str(only).expect("JSON");
    assert!(told["tally"]["accepted"].as_u64() > Some(0), "{told}");
    assert!(process.log().contains(&listen), "people are told where the page is: {}", process.log());
}

#[test]
fn what_it_cannot_do_is_said() {
    let refused = |command: &mut Command, says: &str| {
        let output = run(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{said}");
    };
    let nothing = "http://127.0.0.1:9";
    refused(trading_sim(nothing, &["send"]).env_remove("WEBHOOK_SECRET"), "WEBHOOK_SECRET is not set");
    refused(trading_sim(nothing, &["serve"]).env_remove("CRM_SSO_SECRET"), "CRM_SSO_SECRET is not set");
    refused(&mut trading_sim(nothing, &["run", "--rate", "0"]), "--rate");
    refused(command("crm-bridge").args(["demo", "--rate", "0"]), "--rate");
    // Nothing is listened on by default that the CRM does not lead to by default.
    let help = run(&mut trading_sim(nothing, &["serve", "--help"]));
    assert!(String::from_utf8_lossy(&help.stdout).contains("127.0.0.1:9090"), "{help:?}");
}
