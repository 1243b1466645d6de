//! S5 and idempotency: remarks are kept as they were written, and once for each key.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::clock::Clock;
use futures_util::future::join_all;
use serde_json::{Value, json};
use test_kit::credentials::staff_token;
use test_kit::database::{TestDatabase, both, postgres};
use test_kit::waiting::wait_for;

use crate::support::{Api, JWT_SECRET, NOBODY, TOKEN, config, registered, told};

const NOTES: &str = "/clients/ann@example.com/notes";

async fn api_with_ann(on: &TestDatabase) -> Api {
    let api = Api::start(on, NOBODY).await;
    api.applies(&[registered(1, Some("1001"), Some("ann@example.com"))]).await;
    api
}

async fn comments(api: &Api) -> Vec<String> {
    api.texts("select comment as text from notes order by created_at, id").await
}

#[tokio::test]
async fn s5_what_is_no_note_is_refused_and_what_is_one_stays_as_it_is() {
    for on in both() {
        let api = api_with_ann(&on).await;
        for bad in [
            json!({}),
            json!({"comment": ""}),
            json!({"comment": " \t\r\n "}),
            json!({"comment": "a\u{0}b"}),
            json!({"comment": ["x"]}),
            json!({"comment": "x".repeat(10_001)}),
        ] {
            let problem = api.call("POST", NOTES, &bad).await.problem(422, "invalid_body");
            assert_eq!(problem["errors"][0]["pointer"], "/comment");
        }
        let bearer = format!("Bearer {TOKEN}");
        let path = format!("/api/service{NOTES}");
        let large = format!("{{\"comment\":\"{}\"}}", "x".repeat(1_000_000));
        let answer = api.send("POST", &path, &[("Authorization", &bearer)], large.as_bytes()).await;
        answer.problem(413, "payload_too_large");
        assert_eq!(comments(&api).await, Vec::<String>::new());

        let longest = "\u{1f600}".repeat(10_000);
        let kept =
            ["<script>alert(1)</script>", "\u{202e}drawkcab", "=HYPERLINK(\"x\")", &longest, "\u{fffd}"];
        for comment in kept {
            let answer = api.call("POST", NOTES, &json!({ "comment": format!("  {comment}\n") })).await;
            assert_eq!(answer.status, 201, "{answer:?}");
            assert_eq!(answer.json()["comment"], comment);
        }
        assert_eq!(comments(&api).await, kept);
        // The same longest note with every character as two escapes.
        let escaped = format!("{{\"comment\":\"{}\"}}", "\\ud83d\\ude00".repeat(10_000));
        let answer = api.send("POST", &path, &[("Authorization", &bearer)], escaped.as_bytes()).await;
        assert_eq!((answer.status, answer.json()["comment"].as_str()), (201, Some(&*longest)));
        let trail = api.texts("select entries as text from outbox").await.concat();
        assert!(!trail.contains("HYPERLINK") && !trail.contains("<script>"), "no note is on the trail");
        assert_eq!(api.entries("note.add", 13).await.len(), 13, "each call has its one entry");
    }
}

#[tokio::test]
async fn a_key_is_one_note_and_one_answer() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let key: &[(&str, &str)] = &[("Idempotency-Key", "order-66")];
        let body = json!({"comment": "called", "extra": 1});
        let first = api.call_with("POST", NOTES, key, &body).await;
        assert_eq!((first.status, first.header("idempotency-replayed")), (201, None));
        let again = api.call_with("POST", NOTES, key, &body).await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
        assert_eq!(again.text, first.text, "byte for byte");
        assert_eq!(again.header("content-type"), first.header("content-type"));
        let spaced = "{ \"extra\": 1.0, \"comment\":\"called\" }";
        let bearer = format!("Bearer {TOKEN}");
        let headers = [key[0], ("Authorization", &*bearer)];
        let same = api.send("POST", &format!("/api/service{NOTES}"), &headers, spaced.as_bytes()).await;
        assert_eq!(same.text, first.text, "equal as JSON is the same body");
        let entries = api.entries("note.add", 3).await;
        let told: Vec<_> =
            entries.iter().map(|entry| (&entry["outcome"], &entry["details"]["result"])).collect();
        let (success, replayed) = (json!("success"), json!("replayed"));
        let replay = (&success, &replayed);
        assert_eq!(told, [(&success, &Value::Null), replay, replay], "each call has its one entry");

        api.applies(&[registered(2, Some("1002"), Some("bob@example.com"))]).await;
        api.call_with("POST", NOTES, key, &json!({"comment": "other"}))
            .await
            .problem(422, "idempotency_key_reused");
        let elsewhere = api.call_with("POST", "/clients/bob@example.com/notes", key, &body).await;
        elsewhere.problem(422, "idempotency_key_reused");
        for bad in ["", "a b", "caf\u{e9}", &"k".repeat(256)] {
            let answer = api.call_with("POST", NOTES, &[("Idempotency-Key", bad)], &body).await;
            answer.problem(422, "invalid_parameter");
        }
        assert_eq!(comments(&api).await, ["called"]);
        let staff =
            api.as_staff("support", "POST", "/api/clients/1001/notes", &json!({"comment": "mine"})).await;
        assert_eq!((staff.status, &staff.json()["author"]), (201, &json!({"type": "staff", "id": "stf_1"})));
        assert_eq!(api.call("GET", "/clients/ann@example.com/activity?type=note.added", &Value::Null).await.json()["activities"].as_array().map(Vec::len), Some(2));
    }
}

#[tokio::test]
async fn a_key_outlives_the_record_it_was_used_for() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let by_address = json!({"email": "ann@example.com", "kycStatus": "pending"});
        api.applies(&[
            told(1, "client.registered", &json!({"clientId": "1001", "email": "new@example.com"})),
            told(2, "kyc.updated", &by_address),
        ])
        .await;
        let key: &[(&str, &str)] = &[("Idempotency-Key", "k")];
        let body = json!({"comment": "called"});
        let first = api.call_with("POST", NOTES, key, &body).await;
        assert_eq!((first.status, &first.json()["clientId"]), (201, &Value::Null));
        let id = api.record("ann@example.com").await["id"].as_str().expect("an id").to_owned();
        let staff_path = format!("/api/clients/{id}/notes");
        let by_staff = async || {
            let bearer = format!("Bearer {}", staff_token(JWT_SECRET, &json!("support")));
            let headers = [("Authorization", &*bearer), key[0]];
            api.send("POST", &staff_path, &headers, body.to_string().as_bytes()).await
        };
        let first_by_staff = by_staff().await;
        assert_eq!(first_by_staff.status, 201, "{first_by_staff:?}");

        let both_names = json!({"clientId": "1001", "email": "ann@example.com", "kycStatus": "approved"});
        api.applies(&[told(3, "kyc.updated", &both_names)]).await;
        let record = api.record("ann@example.com").await;
        assert_eq!(record["clientId"], "1001");
        assert_ne!(record["id"], id, "the record was merged into another");
        for spelling in ["ann@example.com", "%20ANN@example.com"] {
            let again = api.call_with("POST", &format!("/clients/{spelling}/notes"), key, &body).await;
            assert_eq!(
                (again.status, again.header("idempotency-replayed")),
                (201, Some("true")),
                "{again:?}"
            );
            assert_eq!(again.text, first.text);
        }
        assert_eq!(by_staff().await.text, first_by_staff.text);
        assert_eq!(comments(&api).await, ["called", "called"], "one of each caller");
        let other = api.call_with("POST", "/clients/new@example.com/notes", key, &body).await;
        other.problem(422, "idempotency_key_reused");
    }
}

#[tokio::test]
async fn without_a_trail_nothing_is_answered_again() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let key: &[(&str, &str)] = &[("Idempotency-Key", "k")];
        let body = json!({"comment": "called"});
        let first = api.call_with("POST", NOTES, key, &body).await;
        assert_eq!(first.status, 201, "{first:?}");
        let move_outbox = |from: &str, to: &str| {
            let statement = format!("alter table {from} rename to {to}");
            on.run(service_api::SCHEMA, &statement, &statement);
        };
        move_outbox("outbox", "elsewhere");
        api.call_with("POST", NOTES, key, &body).await.problem(503, "unavailable");
        move_outbox("elsewhere", "outbox");
        assert_eq!(api.call_with("POST", NOTES, key, &body).await.text, first.text);
    }
}

#[tokio::test]
async fn a_key_is_free_again_after_a_day() {
    for on in both() {
        let (clock, hand) = Clock::manual(Clock::system().now());
        let api = Api::start_as(&on, config(&on, NOBODY), clock.clone()).await;
        api.applies(&[registered(1, Some("1001"), Some("ann@example.com"))]).await;
        let key: &[(&str, &str)] = &[("Idempotency-Key", "k")];
        let note =
            async |comment: &str| api.call_with("POST", NOTES, key, &json!({ "comment": comment })).await;
        let first = note("one").await;
        hand.advance(Duration::from_secs(24 * 60 * 60 - 1));
        assert_eq!(note("one").await.text, first.text, "a second before the day is over");
        note("two").await.problem(422, "idempotency_key_reused");
        hand.advance(Duration::from_secs(1));
        let second = note("two").await;
        assert_eq!((second.status, second.header("idempotency-replayed")), (201, None));
        assert_eq!(comments(&api).await, ["one", "two"]);
        assert_eq!(note("two").await.text, second.text, "it is in use again");

        hand.advance(Duration::from_secs(24 * 60 * 60));
        let other = Api::start_as(&on, config(&on, NOBODY), clock).await;
        let kept = "select key as text from idempotency_keys";
        wait_for("old keys to be forgotten", async || other.texts(kept).await.is_empty()).await;
        assert_eq!(comments(&api).await.len(), 2, "the notes stay");
    }
}

async fn sixty_four_at_once(replicas: &[&Api]) {
    let calls = (0..64_usize).map(|n| async move {
        let api = replicas[n % replicas.len()];
        loop {
            let body = json!({"comment": "once"});
            let answer = api.call_with("POST", NOTES, &[("Idempotency-Key", "k")], &body).await;
            if answer.status != 503 {
                return answer;
            }
        }
    });
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    let texts: BTreeSet<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
    assert_eq!(texts.len(), 1, "all hear the same");
    let new = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none());
    assert_eq!(new.count(), 1);
    assert_eq!(comments(replicas[0]).await, ["once"]);
    let told = "select type as text from activities where type = 'note.added'";
    assert_eq!(replicas[0].texts(told).await.len(), 1);
    let mut entries = replicas[0].entries("note.add", 64).await;
    entries.retain(|entry| entry["outcome"] == "success");
    let replayed = entries.iter().filter(|entry| entry["details"]["result"] == "replayed").count();
    assert_eq!((entries.len(), replayed), (64, 63), "each answer has its one entry");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_at_once_are_one_note() {
    for on in both() {
        let api = api_with_ann(&on).await;
        sixty_four_at_once(&[&api]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_at_once_at_two_replicas_are_one_note() {
    let on = postgres();
    let one = api_with_ann(&on).await;
    let other = Api::start(&on, NOBODY).await;
    sixty_four_at_once(&[&one, &other]).await;
}
