//! Never 404 for a client whom an acknowledged event names.

use contract::email::EmailKey;
use contract::ids::ClientRef;
use contract::internal::{ClientName, FIND_CLIENTS};
use serde_json::{Value, json};
use test_kit::database::both;

use crate::support::{Api, Asked, Ingest, NOBODY, at, registered};

/// Every call that names a client by address: its method, the path before and behind the address, and a body.
fn calls() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    vec![
        ("GET", "/clients/", "", Value::Null),
        ("PATCH", "/clients/", "/kyc", json!({"kycStatus": "approved"})),
        ("POST", "/clients/", "/notes", json!({"comment": "called"})),
        ("GET", "/clients/", "/notes", Value::Null),
        ("GET", "/clients/", "/activity", Value::Null),
        ("GET", "/clients/", "/transactions", Value::Null),
        ("GET", "/accounts/", "", Value::Null),
    ]
}

#[tokio::test]
async fn w13_no_call_denies_a_client_whom_an_event_names() {
    for on in both() {
        let ingest = Ingest::start(Asked::None).await;
        let api = Api::start(&on, &ingest.url).await;
        for (n, (method, before, behind, body)) in (1_i64..).zip(calls()) {
            for slash in ["", "/"] {
                let path = format!("{before}c{n}@x.org{behind}{slash}");
                ingest.does(Asked::None);
                api.call(method, &path, &body).await.problem(404, "client_not_found");
                ingest.does(Asked::Pending);
                let answer = api.call(method, &path, &body).await;
                answer.problem(503, "client_pending");
                assert_eq!(answer.header("retry-after"), Some("1"), "{method} {path}");
            }
            let late = registered(n, Some(&format!("c{n}")), Some(&format!("c{n}@x.org")));
            ingest.does(Asked::Applies(api.running.address(), vec![late]));
            let answer = api.call(method, &format!("{before}C{n}%40X.org{behind}/"), &body).await;
            assert!(matches!(answer.status, 200 | 201), "{method} {answer:?}");
        }
        assert_eq!(api.texts("select comment as text from notes").await, ["called"], "nothing is lost");
        assert_eq!(api.record("c2@x.org").await["kycStatus"], "approved");
    }
}

/// Staff name a client by the platform's id, sso-issuer for them too.
#[tokio::test]
async fn nobody_denies_staff_a_client_whom_an_event_names() {
    for on in both() {
        let ingest = Ingest::start(Asked::None).await;
        let api = Api::start(&on, &ingest.url).await;
        let read =
            async |id: &str| api.as_staff("admin", "GET", &format!("/api/clients/{id}"), &Value::Null).await;
        let find =
            async |id: &str| api.as_service("sso-issuer", FIND_CLIENTS, &json!({"id": id})).await.json();
        read("c1").await.problem(404, "client_not_found");
        assert_eq!(find("c1").await, json!({"matches": [], "pending": false}));
        let name = ClientName::ClientId("c1".into());
        assert!(ingest.heard().iter().all(|heard| heard.name == name && heard.wait_ms == 2_000));
        assert_eq!(ingest.heard().len(), 2);

        ingest.does(Asked::Pending);
        read("c1").await.problem(503, "client_pending");
        assert_eq!(find("c1").await, json!({"matches": [], "pending": true}));
        let heard = ingest.heard().len();
        let long = "x".repeat(256);
        let ours = ClientRef::new(at(0), [7; 10]).to_string();
        for nobody in [&*ours, "%00", &long] {
            let answer = read(nobody).await;
            assert!(matches!(answer.status, 400 | 404), "{nobody}: {answer:?}");
        }
        assert_eq!(ingest.heard().len(), heard, "no event can name these");

        let late = |n| registered(n, Some(&format!("c{n}")), Some(&format!("c{n}@x.org")));
        ingest.does(Asked::Applies(api.running.address(), vec![late(1)]));
        assert_eq!(read("c1").await.json()["clientId"], "c1");
        ingest.does(Asked::Applies(api.running.address(), vec![late(2)]));
        assert_eq!(find("c2").await["matches"][0]["clientId"], "c2");
    }
}

#[tokio::test]
async fn who_is_on_record_is_answered_without_asking() {
    for on in both() {
        let ingest = Ingest::start(Asked::Pending).await;
        let api = Api::start(&on, &ingest.url).await;
        api.applies(&[registered(1, Some("1"), Some("ann@example.com"))]).await;
        api.record("Ann@Example.com").await;
        assert!(ingest.heard().is_empty());
    }
}

#[tokio::test]
async fn the_unknown_is_denied_only_when_nothing_is_pending() {
    for on in both() {
        let ingest = Ingest::start(Asked::None).await;
        let api = Api::start(&on, &ingest.url).await;
        api.get("Ann@Example.com").await.problem(404, "client_not_found");
        let heard = ingest.heard();
        assert_eq!(heard.len(), 1);
        let name = ClientName::EmailKey(EmailKey::of("ann@example.com").expect("an address"));
        assert_eq!((&heard[0].name, heard[0].wait_ms), (&name, 2_000));

        ingest.does(Asked::Pending);
        let answer = api.get("ann@example.com").await;
        answer.problem(503, "client_pending");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}

#[tokio::test]
async fn what_was_applied_while_asking_is_answered() {
    for on in both() {
        let ingest = Ingest::start(Asked::None).await;
        let api = Api::start(&on, &ingest.url).await;
        let late = registered(1, Some("1"), Some("ann@example.com"));
        ingest.does(Asked::Applies(api.running.address(), vec![late]));
        assert_eq!(api.record("ann@example.com").await["clientId"], "1");
        assert_eq!(ingest.heard().len(), 1);
    }
}

#[tokio::test]
async fn when_nobody_can_say_nothing_is_denied() {
    for on in both() {
        let ingest = Ingest::start(Asked::Answers(500, "")).await;
        let api = Api::start(&on, &ingest.url).await;
        for asked in [
            Asked::Answers(500, ""),
            Asked::Answers(503, "{\"code\":\"unavailable\"}"),
            Asked::Answers(404, ""),
            Asked::Answers(200, "[]"),
            Asked::Answers(302, ""),
        ] {
            ingest.does(asked);
            let answer = api.get("ann@example.com").await;
            let problem = answer.problem(503, "unavailable");
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert!(!problem.to_string().contains("ingest"), "no cause: {problem}");
        }
        let alone = Api::start(&on, NOBODY).await;
        alone.get("ann@example.com").await.problem(503, "unavailable");
        let failed = alone.entries("client.read", 6).await;
        assert!(
            failed.iter().all(|entry| entry["outcome"] == "failed" && entry["reason"] == "unavailable"),
            "{failed:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_address_is_denied_without_asking() {
    for on in both() {
        let ingest = Ingest::start(Asked::Pending).await;
        let api = Api::start(&on, &ingest.url).await;
        let long = format!("{}@example.com", "a".repeat(400));
        for nobody in
            ["ann", "@example.com", "ann@", "ann%FF@example.com", "%C3%28@x.org", "ann%0A@example.com", &long]
        {
            api.get(nobody).await.problem(404, "client_not_found");
        }
        assert!(ingest.heard().is_empty(), "no senseless address gets that far");
        assert_eq!(api.entries("client.read", 7).await.len(), 7);
    }
}
