//! What webhook-ingest is told of one of its events, and that nobody else is.

use std::time::Duration;

use contract::audit::{Actor, ActorKind, Category, Entry, Target, Text, Value as Detail};
use contract::ids::{EventId, StaffId};
use contract::internal::READ_ATTEMPTS;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use test_kit::credentials::{internal_token, staff_token};
use test_kit::database::both;

use crate::world::{INTERNAL_SECRET, JWT_SECRET, World, body, entry, long_ago, problem, seal};

/// An entry of webhook-ingest about an event.
fn about(event: EventId, minute: u64, action: &str, details: &[(&str, Detail)]) -> Entry {
    Entry {
        service: "webhook-ingest",
        category: Category::Webhook,
        action: action.to_owned(),
        target: Some(Target { kind: "event".to_owned(), id: Text::open(event.to_string()) }),
        details: details.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        ..entry(minute)
    }
}

fn word(name: &'static str, word: &str) -> (&'static str, Detail) {
    (name, Text::open(word).into())
}

async fn ask(world: &World, service: &str, event: EventId) -> Response {
    world
        .request(Method::POST, READ_ATTEMPTS)
        .header("x-crm-internal", internal_token(INTERNAL_SECRET, service, audit_log::NAME))
        .json(&json!({ "eventId": event }))
        .send()
        .await
        .expect("an answer")
}

#[tokio::test]
async fn deliveries_are_counted_and_other_acts_listed() {
    let [event, other] = [[1; 10], [2; 10]].map(|random| EventId::new(long_ago(), random));
    let staff = StaffId::new(long_ago(), [3; 10]);
    for database in both() {
        let world = World::start(&database).await;
        let none = body(ask(&world, "webhook-ingest", event).await, 200).await;
        assert_eq!(none, json!({"deliveries": 0, "first": null, "second": null, "last": null, "acts": []}));
        let receive = "webhook.receive";
        let replay = about(event, 6, "event.replay", &[word("outcome", "replayed")]);
        let by = |id: String| Actor { kind: ActorKind::Staff, id: Some(Text::open(id)) };
        let mut entries = vec![
            about(event, 1, receive, &[word("status", "accepted"), ("spooled", true.into())]),
            about(
                event,
                9,
                "webhook.drain",
                &[word("status", "duplicate"), word("duplicateOf", &other.to_string())],
            ),
            about(event, 3, "events.read", &[]),
            about(other, 2, receive, &[word("status", "accepted")]),
            Entry { actor: by(staff.to_string()), ..replay.clone() },
            Entry {
                actor: by("ann@example.com".to_owned()),
                time: replay.time.plus(Duration::from_secs(1)),
                id: about(event, 7, receive, &[]).id,
                ..replay
            },
            Entry { reason: Some("no_identity".to_owned()), ..about(event, 5, "webhook.dead_letter", &[]) },
        ];
        entries.extend((10..310).map(|minute| about(event, minute, receive, &[word("status", "duplicate")])));
        let sealed: Vec<_> = entries.iter().map(seal).collect();
        let total = u64::try_from(sealed.len()).expect("few");
        world.appends(&sealed, [total, 0, 0]).await;

        let told = body(ask(&world, "webhook-ingest", event).await, 200).await;
        assert_eq!(told["deliveries"], 301);
        let of = |name: &str| (told[name]["status"].clone(), told[name]["spooled"].clone());
        assert_eq!(of("first"), (json!("accepted"), json!(true)));
        assert_eq!(of("second"), (json!("duplicate"), json!(false)));
        assert_eq!(told["last"]["at"], json!(long_ago().plus(Duration::from_secs(60 * 309))));
        let acts = told["acts"].as_array().expect("acts");
        let names: Vec<_> = acts.iter().map(|act| act["action"].as_str().expect("a word")).collect();
        assert_eq!(names, ["webhook.dead_letter", "event.replay", "event.replay", "webhook.drain"]);
        assert_eq!(acts[0]["reason"], "no_identity");
        assert_eq!((&acts[1]["staff"], &acts[1]["status"]), (&json!(staff), &json!("replayed")));
        assert_eq!(acts[2]["staff"], Value::Null, "an address is no id of ours");
        assert_eq!(acts[3]["other"], json!(other));
        assert!(!told.to_string().contains("203.0.113.7") && !told.to_string().contains("ann@"), "{told}");
    }
}

#[tokio::test]
async fn the_trail_is_told_to_no_other_service_and_to_no_staff_this_way() {
    let event = EventId::new(long_ago(), [1; 10]);
    for database in both() {
        let world = World::start(&database).await;
        for service in ["gateway", "service-api", "dashboard", "sso-issuer"] {
            problem(ask(&world, service, event).await, 403, "permission_denied").await;
        }
        let bearer = staff_token(JWT_SECRET, &json!("admin"));
        let asked =
            world.request(Method::POST, READ_ATTEMPTS).bearer_auth(bearer).json(&json!({ "eventId": event }));
        assert_eq!(asked.send().await.expect("an answer").status(), 401);
    }
}
