//! S1, S7 and the internal door: who is let in, and what becomes of the rest.

use std::collections::BTreeSet;

use contract::audit::Sealed;
use contract::clock::Clock;
use serde_json::Value;
use service_api::Config;
use test_kit::credentials::internal_token;
use test_kit::database::both;
use test_kit::waiting::{eventually, wait_for};

use crate::support::{Api, Asked, INTERNAL, Ingest, NOBODY, OLD_TOKEN, TOKEN, config, registered};

const ANN: &str = "/api/service/clients/ann@example.com";

/// A path, the headers of a call, and the code that it is refused with.
type Refused<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

async fn api_with_ann(on: &test_kit::database::TestDatabase) -> Api {
    let api = Api::start(on, NOBODY).await;
    api.applies(&[registered(1, Some("1001"), Some("ann@example.com"))]).await;
    api
}

#[tokio::test]
async fn s1_only_the_token_itself_opens() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let longer = format!("Bearer {TOKEN}0");
        let prefix = format!("Bearer {}", &TOKEN[..TOKEN.len() - 1]);
        let other_case = format!("Bearer {}", TOKEN.to_uppercase());
        let basic = format!("Basic {TOKEN}");
        let good = format!("Bearer {TOKEN}");
        let refused: [Refused<'_>; 8] = [
            (ANN, &[], "credentials_missing"),
            (ANN, &[("Authorization", "Bearer wrong")], "credentials_invalid"),
            (ANN, &[("Authorization", &prefix)], "credentials_invalid"),
            (ANN, &[("Authorization", &longer)], "credentials_invalid"),
            (ANN, &[("Authorization", &other_case)], "credentials_invalid"),
            (ANN, &[("Authorization", &basic)], "credentials_invalid"),
            (ANN, &[("Authorization", &good), ("Authorization", &good)], "credentials_invalid"),
            (&format!("{ANN}?access_token={TOKEN}"), &[], "credentials_missing"),
        ];
        for (path, headers, code) in refused {
            let answer = api.send("GET", path, headers, b"").await;
            answer.problem(401, code);
            assert!(
                answer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Bearer ")),
                "{answer:?}"
            );
        }
        for scheme in ["Bearer", "bearer", "BEARER"] {
            for token in [TOKEN, OLD_TOKEN] {
                let answer =
                    api.send("GET", ANN, &[("Authorization", &format!("{scheme} {token}"))], b"").await;
                assert_eq!(answer.status, 200, "{scheme}: {answer:?}");
            }
        }
        // Each refusal has its entry, or is in another's count.
        let all_counted = |read: &Vec<Value>| {
            let refused = read.iter().filter(|entry| entry["outcome"] == "refused");
            refused.filter_map(|entry| entry["count"].as_u64()).sum::<u64>() == 8
        };
        let read = eventually(async || api.entries("client.read", 6).await, all_counted).await;
        let known: Vec<&Value> = read.iter().filter(|entry| entry["outcome"] == "success").collect();
        assert_eq!(known.len(), 6);
        assert!(
            known.iter().all(|entry| entry["actor"]["id"] == "platform" && entry["target"]["id"].is_string()),
            "{known:?}"
        );
    }
}

#[tokio::test]
async fn s7_no_other_route_and_no_other_method() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let bearer = format!("Bearer {TOKEN}");
        let good: &[(&str, &str)] = &[("Authorization", &bearer)];
        for (method, path, status, code) in [
            ("GET", "/", 404, "route_not_found"),
            ("GET", "/api/service", 404, "route_not_found"),
            ("GET", "/api/service/accounts", 404, "route_not_found"),
            ("GET", "/api/service/clients/ann@example.com/x", 404, "route_not_found"),
            ("GET", "/API/service/clients/ann@example.com", 404, "route_not_found"),
            ("DELETE", ANN, 405, "method_not_allowed"),
            ("POST", ANN, 405, "method_not_allowed"),
            ("GET", "/internal/events/apply", 405, "method_not_allowed"),
            ("GET", "/api/service/x/../clients/ann@example.com", 400, "bad_path"),
            ("GET", "/api/service/x/%2e%2e/clients/ann@example.com", 400, "bad_path"),
            ("GET", "/api/service//clients/ann@example.com", 400, "bad_path"),
            ("GET", "/api/service/clients/ann%00@example.com", 400, "bad_path"),
        ] {
            let answer = api.send(method, path, good, b"").await;
            answer.problem(status, code);
            let allow = if path == ANN { Some("GET, HEAD") } else { Some("POST") };
            assert_eq!(answer.header("allow"), allow.filter(|_| status == 405), "{method} {path}");
        }
        let overridden = [good[0], ("X-HTTP-Method-Override", "DELETE")];
        assert_eq!(api.send("GET", ANN, &overridden, b"").await.status, 200, "the override is ignored");
        let slashed = api.send("GET", &format!("{ANN}/"), good, b"").await;
        assert_eq!(
            (slashed.status, slashed.json()["clientId"].as_str()),
            (200, Some("1001")),
            "one slash is the same route"
        );
        let head = api.send("HEAD", ANN, good, b"").await;
        assert_eq!((head.status, head.header("etag"), head.text.as_str()), (200, Some("\"1\""), ""));
    }
}

#[tokio::test]
async fn only_webhook_ingest_has_events_applied() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let body = serde_json::json!({"events": [registered(1, Some("1"), Some("a@x.org"))]}).to_string();
        let path = "/internal/events/apply";
        let bearer = format!("Bearer {TOKEN}");
        let post = async |headers: &[(&str, &str)]| api.send("POST", path, headers, body.as_bytes()).await;
        post(&[]).await.problem(401, "credentials_missing");
        post(&[("Authorization", &bearer)]).await.problem(401, "credentials_missing");
        post(&[("x-crm-internal", "forged")]).await.problem(401, "credentials_invalid");
        post(&[("x-crm-internal", &internal_token(INTERNAL, "gateway", service_api::NAME))])
            .await
            .problem(403, "permission_denied");
        assert_eq!(api.whole().await, Vec::<String>::new(), "nothing was applied");
        assert_eq!(
            post(&[("x-crm-internal", &internal_token(INTERNAL, "webhook-ingest", service_api::NAME))])
                .await
                .status,
            200
        );
        api.apply_raw(b"{").await.problem(400, "invalid_json");
        api.apply_raw(b"{\"events\":[{}]}").await.problem(422, "invalid_parameter");
    }
}

#[tokio::test]
async fn a_read_is_on_the_trail_without_the_address() {
    for on in both() {
        let ingest = Ingest::start(Asked::None).await;
        let api = Api::start(&on, &ingest.url).await;
        api.applies(&[registered(1, Some("1001"), Some("ann@example.com"))]).await;
        let id = api.record("ann@example.com").await["id"].clone();
        api.get("nobody@example.com").await.problem(404, "client_not_found");
        let trail = api.entries("client.read", 2).await;
        assert_eq!((&trail[0]["target"]["id"], &trail[0]["category"]), (&id, &Value::from("service_api")));
        assert_eq!(trail[0]["route"], "/api/service/clients/{email}");
        assert_eq!(
            (&trail[1]["outcome"], &trail[1]["reason"]),
            (&Value::from("refused"), &Value::from("client_not_found"))
        );
        assert!(trail[1]["target"]["id"]["sha256"].is_string(), "sealed: {}", trail[1]);
        let told = api.told().await;
        let payloads: String = told.iter().map(|entry| &*entry.payload).collect();
        assert!(!payloads.contains("example.com"), "{payloads}");
        let last = told.iter().rfind(|entry| entry.payload.contains("client.read")).expect("a read");
        let disclosed = last.disclosures.concat();
        assert!(disclosed.contains("nobody@example.com"), "staff can read what was asked for: {disclosed}");
    }
}

#[tokio::test]
async fn entries_are_handed_over_to_audit_log() {
    for on in both() {
        let neighbours = Ingest::start(Asked::None).await;
        let config = Config { audit_log_url: neighbours.url.clone(), ..config(&on, &neighbours.url) };
        let api = Api::start_as(&on, config, Clock::system()).await;
        api.applies(&[registered(1, Some("1001"), Some("ann@example.com"))]).await;
        api.record("ann@example.com").await;
        let action =
            |entry: &Sealed| serde_json::from_str::<Value>(&entry.payload).expect("JSON")["action"].clone();
        let actions = async || -> BTreeSet<String> {
            neighbours.entries().iter().map(|entry| action(entry).to_string()).collect()
        };
        let handed_over = eventually(actions, |actions| actions.len() == 3).await;
        let expected = ["\"client.read\"", "\"event.apply\"", "\"service.start\""];
        assert_eq!(handed_over.into_iter().collect::<Vec<_>>(), expected);
        wait_for("an empty outbox", async || api.trail().await.is_empty()).await;
    }
}
