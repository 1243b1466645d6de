//! The metrics of the whole system: what the operators' document lists is what is told, to nobody outside, and of no person.

use std::collections::BTreeSet;

use test_kit::database::{both, sqlite};
use test_kit::ports::free_address;

use crate::calls::{registration, told};
use crate::cluster::{Cluster, SERVICES};
use crate::harness::{AllInOne, client, repository_file, wait_for};

/// The names in the table of docs/OPERATIONS.md.
fn documented() -> BTreeSet<String> {
    let document = repository_file("docs/OPERATIONS.md");
    let (_, section) = document.split_once("\n## Metrics\n").expect("a section");
    let section = section.split("\n## ").next().expect("its text");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
}

/// The names in a text of metrics, as samples have them.
fn names(text: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned).collect()
}

/// The text of the metrics at this address.
pub(crate) async fn read(base: &str) -> String {
    let answer = client().get(format!("{base}/metrics")).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{base}");
    let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = answer.text().await.expect("text");
    assert!(text.ends_with("# EOF\n"), "{text}");
    text
}

#[tokio::test]
async fn the_all_in_one_tells_what_the_document_lists_at_an_address_of_its_own() {
    for database in both() {
        let own = free_address().to_string();
        let folder = tempfile::tempdir().expect("a folder");
        let system = AllInOne::start_with(database, folder, &[("METRICS_ADDRESS", &own)]).await;
        let caller = system.caller();
        assert_eq!(caller.webhook(&registration("1001", "ann@example.com")).await.status(), 200);
        assert_eq!(caller.acknowledged("ann@example.com").await.0, 200);
        let base = format!("http://{own}");
        let text = read(&base).await;
        assert_eq!(names(&text), documented(), "the table of docs/OPERATIONS.md");
        for service in SERVICES {
            assert!(text.contains(&format!("service=\"{service}\"")), "{service}: {text}");
        }
        let accepted = r#"crm_webhook_answers_total{service="webhook-ingest",status="accepted"} 1"#;
        assert!(text.lines().any(|line| line == accepted), "{text}");
        for personal in ["ann", "1001", "127.0.0.1", "evt_", "cli_"] {
            assert!(!text.contains(personal), "{personal} in {text}");
        }
        // A family stands once, whoever has samples of it.
        let types: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE ")).collect();
        assert_eq!(types.len(), types.iter().collect::<BTreeSet<_>>().len());
        assert_eq!(client().get(format!("{base}/livez")).send().await.expect("an answer").status(), 404);

        // Through the door there is nothing of it.
        let answer = client().get(format!("{}/metrics", system.gateway)).send().await.expect("an answer");
        let (status, problem) = told(answer).await;
        assert_eq!((status, problem["code"].as_str()), (404, Some("route_not_found")));
    }
}

#[tokio::test]
async fn each_program_tells_of_itself_and_the_gateway_only_where_it_is_told_to() {
    let own = free_address().to_string();
    let cluster = Cluster::start_with(sqlite(), vec![("METRICS_ADDRESS", own.clone())]).await;
    for service in SERVICES.into_iter().filter(|service| *service != gateway::NAME) {
        let text = read(&cluster.url(service)).await;
        assert!(text.contains(&format!("crm_refusals_waiting{{service=\"{service}\"}} ")), "{text}");
        assert!(names(&text).is_subset(&documented()));
    }
    assert!(
        read(&format!("http://{own}")).await.contains("crm_body_room_taken_bytes{service=\"gateway\"} 0")
    );
    let outside =
        client().get(format!("{}/metrics", cluster.url("gateway"))).send().await.expect("an answer");
    assert_eq!(outside.status(), 404);
}

/// Every service's start is on the trail, a second one again.
#[tokio::test]
async fn each_start_of_each_service_is_on_the_trail() {
    for database in both() {
        let mut system = AllInOne::start(database).await;
        for starts in 1..=2 {
            wait_for(&format!("start {starts} of every service on the trail"), async || {
                let entries = system.caller().trail("category=system&action=service.start").await;
                assert!(entries.iter().all(|entry| entry["details"]["version"].is_string()), "{entries:?}");
                let of = |service: &str| entries.iter().filter(|entry| entry["service"] == service).count();
                assert!(SERVICES.into_iter().all(|service| of(service) <= starts), "{entries:?}");
                SERVICES.into_iter().all(|service| of(service) == starts)
            })
            .await;
            if starts == 1 {
                let AllInOne { mut process, data, database, .. } = system;
                process.kill();
                system = AllInOne::start_in(database, data).await;
            }
        }
    }
}
