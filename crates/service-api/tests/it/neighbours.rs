//! What other services of ours ask and tell, and what this one asks webhook-ingest.

use contract::ids::{ClientRef, EventId, TokenId};
use contract::resources::{EventState, EventStatus};
use serde_json::{Value, json};
use test_kit::database::both;

use crate::support::{Api, Asked, Ingest, NOBODY, at, registered};

const FIND: &str = "/internal/clients/find";
const ACTIVITIES: &str = "/internal/clients/activities";

#[tokio::test]
async fn sso_issuer_alone_finds_clients_by_id() {
    for on in both() {
        let api = Api::start(&on, &Ingest::start(Asked::None).await.url).await;
        let mut elsewhere = registered(3, Some("1001"), Some("other@example.com"));
        elsewhere.source = "second".to_owned();
        let alone = registered(2, None, Some("bob@example.com"));
        api.applies(&[registered(1, Some("1001"), Some("ann@example.com")), alone, elsewhere]).await;
        let find = async |id: &str| {
            let answer = api.as_service("sso-issuer", FIND, &json!({ "id": id })).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()["matches"].clone()
        };
        let both = find("1001").await;
        let sources = [&both[0]["source"], &both[1]["source"], &both[2]];
        assert_eq!(sources, [&json!("second"), &json!("site"), &Value::Null]);
        let ann = api.record("ann@example.com").await;
        let id = ann["id"].as_str().expect("an id");
        assert_eq!(
            find(id).await,
            json!([{"id": id, "clientId": "1001", "source": "site", "email": "ann@example.com", "status": "active"}])
        );
        for nobody in ["1002", "", "\u{0}", "cl_00000000000000000000000000", "../1"] {
            assert_eq!(find(nobody).await, json!([]), "{nobody}");
        }
        for other in ["webhook-ingest", "gateway", "dashboard"] {
            api.as_service(other, FIND, &json!({"id": id})).await.problem(403, "permission_denied");
        }
    }
}

#[tokio::test]
async fn impersonations_are_activities_each_once() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        api.applies(&[registered(1, Some("1001"), Some("ann@example.com"))]).await;
        let client: ClientRef =
            api.record("ann@example.com").await["id"].as_str().expect("an id").parse().expect("ours");
        let token = |n: u8| TokenId::new(at(i64::from(n)), [n; 10]);
        let told = |n: u8, client: ClientRef| json!({"tokenId": token(n), "client": client, "staffId": "st_x", "staffEmail": "eve@broker.example", "reason": "a call", "at": at(i64::from(n))});
        let body = json!({"activities": [told(1, client), told(2, client)]});
        let tell = async |body: &Value| {
            api.as_service("sso-issuer", ACTIVITIES, body).await.json()["recorded"].clone()
        };
        assert_eq!(tell(&body).await, 2);
        assert_eq!(tell(&body).await, 0, "told twice is told once");
        let nobody = ClientRef::new(at(9), [9; 10]);
        assert_eq!(tell(&json!({"activities": [told(3, nobody), told(4, client)]})).await, 1);
        let page = api
            .call("GET", "/clients/ann@example.com/activity?type=client.impersonated", &Value::Null)
            .await
            .json();
        let activities = page["activities"].as_array().expect("activities");
        assert_eq!(activities.len(), 3);
        assert_eq!(activities[2]["actor"], json!({"type": "staff", "id": "st_x"}));
        assert_eq!(activities[2]["createdAt"], json!(at(1)));
        let same = activities[2]["activityId"].as_str().and_then(|id| id.strip_prefix("act_"));
        assert_eq!(same, token(1).to_string().strip_prefix("imp_"), "the token's own UUID");
        for other in ["webhook-ingest", "gateway"] {
            api.as_service(other, ACTIVITIES, &body).await.problem(403, "permission_denied");
        }
    }
}

#[tokio::test]
async fn what_became_of_an_event_is_what_webhook_ingest_says() {
    for on in both() {
        let ingest = Ingest::start(Asked::None).await;
        let api = Api::start(&on, &ingest.url).await;
        let event_id = EventId::new(at(1), [1; 10]);
        let path = format!("/events/{event_id}");
        api.call("GET", &path, &Value::Null).await.problem(404, "event_not_found");
        ingest.knows(EventStatus {
            event_id,
            source: "site".to_owned(),
            event_type: Some("deposit.completed".to_owned()),
            status: EventState::Conflict,
            reason: Some("transaction_conflict".to_owned()),
            warnings: Vec::new(),
            received_at: at(1),
            resolved_at: Some(at(2)),
            attempts: 0,
        });
        let answer = api.call("GET", &path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let expected = json!({
            "eventId": event_id, "source": "site", "eventType": "deposit.completed", "status": "conflict",
            "reason": "transaction_conflict", "warnings": [], "receivedAt": "2025-10-13T19:00:01.000000Z",
            "resolvedAt": "2025-10-13T19:00:02.000000Z", "attempts": 0,
        });
        assert_eq!(answer.json(), expected);
        let entries = api.entries("event.read", 2).await;
        assert_eq!(entries[1]["target"], json!({"kind": "event", "id": event_id}));
        for nobody in ["evt_", "1", "%FF", "%2e", "cl_00000000000000000000000000"] {
            let answer = api.call("GET", &format!("/events/{nobody}"), &Value::Null).await;
            assert!(matches!(answer.status, 400 | 404), "{answer:?}");
        }
        let alone = Api::start(&on, NOBODY).await;
        alone.call("GET", &path, &Value::Null).await.problem(503, "unavailable");
    }
}

#[tokio::test]
async fn a_look_up_of_many_says_of_each_what_is_known() {
    for on in both() {
        let ingest = Ingest::start(Asked::None).await;
        let api = Api::start(&on, &ingest.url).await;
        api.applies(&[registered(1, Some("1001"), Some("ann@example.com"))]).await;
        let emails = json!({"emails": ["Ann@Example.com", "bob@example.com", "nobody", "Ann@Example.com", "ann@example.com"]});
        let look = async || {
            let answer = api.call("POST", "/clients/lookup", &emails).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()
        };
        let answer = look().await;
        let found: Vec<_> = answer["found"]
            .as_array()
            .expect("found")
            .iter()
            .map(|one| (one["email"].clone(), one["client"]["clientId"].clone()))
            .collect();
        assert_eq!(
            found,
            [(json!("Ann@Example.com"), json!("1001")), (json!("ann@example.com"), json!("1001"))]
        );
        assert_eq!(
            (&answer["notFound"], &answer["pending"]),
            (&json!(["bob@example.com", "nobody"]), &json!([]))
        );
        assert_eq!(ingest.heard().len(), 1, "asked about whom nobody knows, and could");
        assert_eq!(ingest.heard()[0].wait_ms, 0, "it does not wait");

        ingest.does(Asked::Pending);
        let answer = look().await;
        assert_eq!(
            (&answer["notFound"], &answer["pending"]),
            (&json!(["nobody"]), &json!(["bob@example.com"]))
        );
        ingest.does(Asked::Applies(
            api.running.address(),
            vec![registered(2, Some("1002"), Some("bob@example.com"))],
        ));
        let answer = look().await;
        assert_eq!((answer["found"].as_array().map(Vec::len), &answer["pending"]), (Some(3), &json!([])));

        ingest.does(Asked::Answers(500, ""));
        api.call("POST", "/clients/lookup", &json!({"emails": ["new@example.com"]}))
            .await
            .problem(503, "unavailable");
        for (bad, pointer) in [
            (json!({}), "/emails"),
            (json!({"emails": "ann@example.com"}), "/emails"),
            (json!({"emails": ["a@x.org", 7]}), "/emails/1"),
            (json!({"emails": vec!["a@x.org"; 201]}), "/emails"),
        ] {
            let problem = api.call("POST", "/clients/lookup", &bad).await.problem(422, "invalid_body");
            assert_eq!(problem["errors"][0]["pointer"], pointer);
        }
    }
}

#[tokio::test]
async fn a_look_up_of_many_says_on_the_trail_whom_it_found() {
    for on in both() {
        let ingest = Ingest::start(Asked::None).await;
        let api = Api::start(&on, &ingest.url).await;
        api.applies(&[
            registered(1, Some("1001"), Some("ann@example.com")),
            registered(2, Some("1002"), Some("bob@example.com")),
            registered(3, Some("1003"), Some("eve@example.com")),
        ])
        .await;
        let look = async |body: &Value| api.call("POST", "/clients/lookup", body).await.json();
        let emails = ["ann@example.com", "nobody@example.com", "bob@example.com", "ANN@example.com"];
        let answer = look(&json!({ "emails": emails })).await;
        assert!(answer.get("ignoredFields").is_none(), "{answer}");
        let mut found: Vec<Value> = Vec::new();
        for email in ["ann@example.com", "bob@example.com"] {
            found.push(api.record(email).await["id"].clone());
        }
        found.sort_by_key(ToString::to_string);
        let entries = api.entries("client.look_up", 1).await;
        assert_eq!(entries[0]["details"], json!({"asked": 4, "found": 3, "clients": found}), "each once");

        let answer = look(&json!({"emails": [], "wait": true, "emailz": ["x"]})).await;
        let nothing =
            json!({"found": [], "notFound": [], "pending": [], "ignoredFields": ["emailz", "wait"]});
        assert_eq!(answer, nothing);
    }
}
