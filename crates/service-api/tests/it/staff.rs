//! The staff's own calls: who may what, by which id, and how a client stands.

use serde_json::{Value, json};
use test_kit::database::{TestDatabase, both};

use crate::support::{Api, Asked, Ingest, NOBODY, TOKEN, registered};

const ROLES: [&str; 4] = ["admin", "compliance", "support", "auditor"];

async fn api_with_ann(on: &TestDatabase) -> Api {
    let api = Api::start(on, NOBODY).await;
    api.applies(&[registered(1, Some("1001"), Some("ann@example.com"))]).await;
    api
}

#[tokio::test]
async fn each_role_may_what_it_may() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let read = ["admin", "compliance", "support"];
        let kyc = json!({"kycStatus": "pending"});
        let status = json!({"status": "active"});
        let note = json!({"comment": "x"});
        let calls: [(&str, &str, &Value, &[&str]); 9] = [
            ("GET", "", &Value::Null, &read),
            ("GET", "/1001", &Value::Null, &read),
            ("GET", "/1001/notes", &Value::Null, &read),
            ("GET", "/1001/activity", &Value::Null, &read),
            ("GET", "/1001/transactions", &Value::Null, &read),
            ("GET", "/1001/accounts", &Value::Null, &read),
            ("PATCH", "/1001/kyc", &kyc, &["admin", "compliance"]),
            ("PATCH", "/1001/status", &status, &["admin", "compliance"]),
            ("POST", "/1001/notes", &note, &["admin", "support"]),
        ];
        for (method, path, body, may) in calls {
            let path = format!("/api/clients{path}");
            for role in ROLES {
                let answer = api.as_staff(role, method, &path, body).await;
                if may.contains(&role) {
                    assert!(matches!(answer.status, 200 | 201), "{role} {method} {path}: {answer:?}");
                } else {
                    answer.problem(403, "permission_denied");
                }
            }
            let bearer = format!("Bearer {TOKEN}");
            let answer =
                api.send(method, &path, &[("Authorization", &bearer)], body.to_string().as_bytes()).await;
            answer.problem(401, "credentials_invalid");
            api.send(method, &path, &[], b"").await.problem(401, "credentials_missing");
        }
        // 403 comes before any 404.
        api.as_staff("auditor", "GET", "/api/clients/nobody", &Value::Null)
            .await
            .problem(403, "permission_denied");
        api.as_staff("support", "PATCH", "/api/clients/nobody/kyc", &kyc)
            .await
            .problem(403, "permission_denied");
        let entries = api.entries("kyc.change", 5).await;
        let known = entries.iter().filter(|entry| !entry["actor"]["id"].is_null());
        let actors: Vec<_> = known.map(|entry| (&entry["category"], &entry["actor"]["id"])).collect();
        assert!(actors.len() >= 5, "{entries:?}");
        assert!(actors.iter().all(|actor| *actor == (&json!("staff"), &json!("stf_1"))), "{actors:?}");
    }
}

#[tokio::test]
async fn a_client_has_two_ids_and_neither_is_another_source_s() {
    for on in both() {
        let ingest = Ingest::start(Asked::None).await;
        let api = Api::start(&on, &ingest.url).await;
        let mut elsewhere = registered(3, Some("1001"), Some("other@example.com"));
        elsewhere.source = "second".to_owned();
        api.applies(&[
            registered(1, Some("1001"), Some("ann@example.com")),
            registered(2, Some("a/b c"), Some("bob@example.com")),
            elsewhere,
        ])
        .await;
        let get = async |id: &str| {
            api.as_staff("support", "GET", &format!("/api/clients/{id}"), &Value::Null).await
        };
        let ann = api.record("ann@example.com").await;
        let own = get(ann["id"].as_str().expect("an id")).await;
        assert_eq!((own.status, own.json()), (200, ann.clone()));
        assert_eq!(own.header("etag"), Some("\"1\""));
        assert_eq!(get("a%2Fb%20c").await.json()["email"], "bob@example.com");
        let problem = get("1001").await.problem(409, "client_ambiguous");
        let detail = problem["detail"].as_str().expect("a sentence");
        for named in ["site", "second", ann["id"].as_str().expect("an id")] {
            assert!(detail.contains(named), "{detail}");
        }
        for nobody in ["1002", "ann@example.com", "cl_00000000000000000000000000", "%FF", &"9".repeat(3_000)]
        {
            get(nobody).await.problem(404, "client_not_found");
        }
        assert_eq!(ingest.heard().len(), 3, "what is no id of ours may be in an event, if it can be a text");
    }
}

#[tokio::test]
async fn a_client_stands_as_staff_say() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let set =
            async |body: &Value| api.as_staff("compliance", "PATCH", "/api/clients/1001/status", body).await;
        for bad in [
            json!({}),
            json!({"status": "provisional"}),
            json!({"status": "gone"}),
            json!({"status": "closed", "reason": 7}),
        ] {
            set(&bad).await.problem(422, "invalid_body");
        }
        let suspended = set(&json!({"status": "suspended", "reason": " fraud? "})).await;
        assert_eq!(
            (suspended.status, &suspended.json()["status"], suspended.header("etag")),
            (200, &json!("suspended"), Some("\"2\""))
        );
        assert!(suspended.json().get("ignoredFields").is_none(), "{suspended:?}");
        let again = set(&json!({"status": "suspended", "until": "2030-01-01", "by": {}})).await;
        assert_eq!(again.json()["ignoredFields"], json!(["by", "until"]));
        assert_eq!((again.status, &again.json()["version"]), (200, &json!(2)), "the same again is no change");
        assert_eq!(set(&json!({"status": "active"})).await.status, 200);
        assert_eq!(set(&json!({"status": "closed"})).await.status, 200);
        set(&json!({"status": "active"})).await.problem(409, "client_closed");
        // A later registration does not open it again.
        api.apply(&[registered(9, Some("1001"), Some("ann@example.com"))]).await;
        assert_eq!(api.record("ann@example.com").await["status"], "closed");
        let page = api
            .as_staff("support", "GET", "/api/clients/1001/activity?type=client.status_changed", &Value::Null)
            .await
            .json();
        let told: Vec<_> = page["activities"]
            .as_array()
            .expect("activities")
            .iter()
            .map(|activity| activity["metadata"].clone())
            .collect();
        assert_eq!(
            told,
            [
                json!({"from": "active", "to": "closed", "reason": null}),
                json!({"from": "suspended", "to": "active", "reason": null}),
                json!({"from": "active", "to": "suspended", "reason": "fraud?"}),
            ]
        );
        let entries = api.entries("client.status_change", 9).await;
        assert_eq!(entries.len(), 9);
        let given: Vec<&Value> = entries.iter().filter_map(|entry| entry["details"].get("reason")).collect();
        assert!(
            given.len() == 1 && given[0]["sha256"].is_string(),
            "sealed, as what is said of a person: {given:?}"
        );
        let disclosed = api.told().await.into_iter().flat_map(|entry| entry.disclosures).collect::<String>();
        assert!(disclosed.contains("fraud?"), "staff can read why: {disclosed}");
    }
}

#[tokio::test]
async fn without_a_trail_nothing_changes() {
    for on in both() {
        let api = api_with_ann(&on).await;
        on.run(
            service_api::SCHEMA,
            "alter table outbox rename to elsewhere",
            "alter table outbox rename to elsewhere",
        );
        for (method, path, body) in [
            ("PATCH", "/api/clients/1001/kyc", json!({"kycStatus": "approved"})),
            ("PATCH", "/api/clients/1001/status", json!({"status": "closed"})),
            ("POST", "/api/clients/1001/notes", json!({"comment": "x"})),
            ("GET", "/api/clients/1001/notes", Value::Null),
            ("GET", "/api/clients", Value::Null),
        ] {
            api.as_staff("admin", method, path, &body).await.problem(503, "unavailable");
        }
        on.run(
            service_api::SCHEMA,
            "alter table elsewhere rename to outbox",
            "alter table elsewhere rename to outbox",
        );
        let record = api.record("ann@example.com").await;
        assert_eq!((&record["version"], &record["kycStatus"]), (&json!(1), &json!("not_started")));
        assert_eq!(api.texts("select comment as text from notes").await, Vec::<String>::new());
        let made = api.texts("select type as text from activities where type <> 'client.registered'").await;
        assert_eq!(made, Vec::<String>::new());
    }
}
