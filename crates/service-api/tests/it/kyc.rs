//! S4: the identity check, changed by platform and staff.

use std::time::Duration;

use contract::clock::Clock;
use contract::internal::ApplyResult;
use futures_util::future::join_all;
use serde_json::{Value, json};
use test_kit::database::{both, postgres};

use crate::http::Answer;
use crate::support::{Api, NOBODY, registered, told};

const KYC: &str = "/clients/ann@example.com/kyc";

async fn api_with_ann(on: &test_kit::database::TestDatabase) -> Api {
    let api = Api::start(on, NOBODY).await;
    api.applies(&[registered(1, Some("1001"), Some("ann@example.com"))]).await;
    api
}

/// The changes of the identity check, oldest first, each as (from, to).
async fn history(api: &Api) -> Vec<(String, String)> {
    let mut changes = Vec::new();
    let mut path = "/clients/ann@example.com/activity?type=kyc.changed&limit=200".to_owned();
    loop {
        let page = api.call("GET", &path, &Value::Null).await.json();
        for activity in page["activities"].as_array().expect("activities") {
            let word = |name: &str| activity["metadata"][name].as_str().expect("a word").to_owned();
            changes.push((word("from"), word("to")));
        }
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/clients/ann@example.com/activity?type=kyc.changed&limit=200&cursor={cursor}");
    }
    changes.reverse();
    changes
}

#[tokio::test]
async fn s4_what_a_change_may_say() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let unknown = api.call("PATCH", KYC, &json!({"kycStatus": "splendid"})).await;
        let problem = unknown.problem(422, "invalid_body");
        assert_eq!(problem["errors"][0]["pointer"], "/kycStatus");
        let detail = problem["errors"][0]["detail"].as_str().expect("a sentence");
        assert!(detail.contains("not_started") && detail.contains("expired"), "it names the known: {detail}");
        for (body, status, code) in [
            (&b""[..], 400, "invalid_json"),
            (b"[]", 400, "invalid_json"),
            (b"{\"kycStatus\":", 400, "invalid_json"),
            (b"{}", 422, "invalid_body"),
            (b"{\"kycStatus\":7}", 422, "invalid_body"),
            (&vec![b' '; 200_000], 413, "payload_too_large"),
        ] {
            let bearer = format!("Bearer {}", crate::support::TOKEN);
            let path = format!("/api/service{KYC}");
            api.send("PATCH", &path, &[("Authorization", &bearer)], body).await.problem(status, code);
        }
        assert_eq!(history(&api).await, [], "nothing changed");
        assert_eq!(api.record("ann@example.com").await["version"], 1);

        let body = json!({"kycStatus": " Verified", "kycNotes": "fine \u{0}", "level": 3, "by": {"x": []}});
        let answer = api.call("PATCH", KYC, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let said = answer.json();
        assert_eq!(
            (&said["kycStatus"], &said["previousKycStatus"]),
            (&json!("approved"), &json!("not_started"))
        );
        assert_eq!(said["kycNotes"], "fine \u{fffd}");
        assert_eq!(said["ignoredFields"], json!(["by", "level"]));
        assert_eq!(answer.header("etag"), Some("\"2\""));
        let record = api.record("ann@example.com").await;
        for name in ["kycStatus", "kycNotes", "kycUpdatedAt", "version", "clientId", "email"] {
            assert_eq!(record[name], said[name], "{name}");
        }
    }
}

#[tokio::test]
async fn s4_the_same_again_has_no_history() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let body = json!({"kycStatus": "approved", "kycNotes": "by hand"});
        let first = api.call("PATCH", KYC, &body).await.json();
        let again = api.call("PATCH", KYC, &body).await;
        assert_eq!(again.status, 200);
        let again = again.json();
        assert_eq!(again["previousKycStatus"], "approved");
        let time = |said: &Value| said["kycUpdatedAt"].as_str().expect("a time").to_owned();
        assert_eq!((&first["version"], &again["version"]), (&json!(2), &json!(3)), "it was confirmed");
        assert!(time(&again) > time(&first), "{again}");
        assert!(again.get("ignoredFields").is_none());
        // Status and notes are one field: without notes it is another.
        let bare = api.call("PATCH", KYC, &json!({"kycStatus": "approved"})).await.json();
        assert_eq!((&bare["kycNotes"], &bare["version"]), (&Value::Null, &json!(4)));
        let pairs = [("not_started", "approved"), ("approved", "approved")];
        assert_eq!(history(&api).await, pairs.map(|(from, to)| (from.to_owned(), to.to_owned())));
        let entries = api.entries("kyc.change", 3).await;
        let results: Vec<&Value> = entries.iter().map(|entry| &entry["details"]["result"]).collect();
        assert_eq!(results, ["changed", "unchanged", "changed"], "each call has its one entry");
    }
}

#[tokio::test]
async fn s4_what_was_confirmed_stands_over_what_is_older() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let event = |second, status: &str| {
            told(second, "kyc.updated", &json!({"clientId": "1001", "kycStatus": status}))
        };
        api.applies(&[event(2, "approved")]).await;
        let confirmed = api.call("PATCH", KYC, &json!({"kycStatus": "approved"})).await;
        assert_eq!(confirmed.status, 200, "{confirmed:?}");
        assert_eq!(api.apply(&[event(3, "rejected")]).await[0].0, ApplyResult::Superseded);
        let record = api.record("ann@example.com").await;
        let said = confirmed.json();
        for name in ["kycStatus", "kycUpdatedAt", "version"] {
            assert_eq!(record[name], said[name], "{name}");
        }
        assert_eq!(record["kycStatus"], "approved", "an answered 200 took effect");
        assert_eq!(history(&api).await, [("not_started".to_owned(), "approved".to_owned())]);
    }
}

#[tokio::test]
async fn s4_if_match_is_honoured() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let body = json!({"kycStatus": "pending"});
        let tag = api.get("ann@example.com").await.header("etag").expect("a tag").to_owned();
        for stale in ["\"0\"", "\"99\"", "W/\"1\"", "1", "", "\"1-00\"", "garbage, \"7\""] {
            let answer = api.call_with("PATCH", KYC, &[("If-Match", stale)], &body).await;
            answer.problem(412, "precondition_failed");
        }
        assert_eq!(history(&api).await, []);
        let right = api.call_with("PATCH", KYC, &[("If-Match", &format!("\"9\", {tag}"))], &body).await;
        assert_eq!(right.status, 200, "{right:?}");
        let old = api.call_with("PATCH", KYC, &[("If-Match", &tag)], &json!({"kycStatus": "expired"})).await;
        old.problem(412, "precondition_failed");
        let any = api.call_with("PATCH", KYC, &[("If-Match", "*")], &json!({"kycStatus": "expired"})).await;
        assert_eq!(any.status, 200, "{any:?}");
        let refused = api.entries("kyc.change", 10).await;
        let stale = refused.iter().filter(|entry| entry["reason"] == "precondition_failed").count();
        assert_eq!(stale, 8, "each refusal is on the trail");
    }
}

#[tokio::test]
async fn s4_a_change_stands_over_an_event_from_the_future() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let mut future = told(2, "kyc.updated", &json!({"clientId": "1001", "kycStatus": "rejected"}));
        future.effective_at = Clock::system().now().plus(Duration::from_secs(240));
        api.applies(&[future.clone()]).await;
        assert_eq!(api.record("ann@example.com").await["kycStatus"], "rejected");
        let answer = api.call("PATCH", KYC, &json!({"kycStatus": "approved"})).await.json();
        assert_eq!(
            (&answer["kycStatus"], &answer["previousKycStatus"]),
            (&json!("approved"), &json!("rejected"))
        );
        let stamp = future.effective_at.plus(Duration::from_micros(1));
        assert_eq!(answer["kycUpdatedAt"], json!(stamp), "just after what it overrules");
        // What is older arrives later, and changes nothing.
        let late = told(3, "kyc.updated", &json!({"clientId": "1001", "kycStatus": "expired"}));
        assert_eq!(api.apply(&[late]).await[0].0, ApplyResult::Superseded);
        assert_eq!(api.record("ann@example.com").await["kycStatus"], "approved", "it holds");
        let pairs = [("not_started", "rejected"), ("rejected", "approved")];
        assert_eq!(history(&api).await, pairs.map(|(from, to)| (from.to_owned(), to.to_owned())));
    }
}

/// Sends it until it is answered otherwise than with 503, which says to try again.
async fn insists(api: &Api, body: &Value) -> Answer {
    loop {
        let answer = api.call("PATCH", KYC, body).await;
        if answer.status != 503 {
            return answer;
        }
    }
}

/// A hundred changes at once leave one line of changes, each beginning where the one before ended.
async fn a_hundred_at_once(replicas: &[&Api]) {
    let words = ["pending", "in_review", "approved", "rejected"];
    let calls = (0..100_usize).map(|n| {
        let (api, body) = (replicas[n % replicas.len()], json!({"kycStatus": words[n % words.len()]}));
        async move { insists(api, &body).await }
    });
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let changes = history(replicas[0]).await;
    let mut before = "not_started".to_owned();
    for (from, to) in &changes {
        assert_eq!(*from, before, "{changes:?}");
        assert_ne!(from, to, "no change is none");
        before.clone_from(to);
    }
    let record = replicas[0].record("ann@example.com").await;
    assert_eq!(record["kycStatus"], before, "the last one stands");
    let real = answers.iter().filter(|answer| {
        let said = answer.json();
        said["kycStatus"] != said["previousKycStatus"]
    });
    assert_eq!(real.count(), changes.len(), "one activity for each real change");
    assert_eq!(record["version"], 1 + answers.len(), "each answer has a version of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_a_hundred_at_once_make_one_history() {
    for on in both() {
        let api = api_with_ann(&on).await;
        a_hundred_at_once(&[&api]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_a_hundred_at_once_at_two_replicas() {
    let on = postgres();
    let one = api_with_ann(&on).await;
    let other = Api::start(&on, NOBODY).await;
    a_hundred_at_once(&[&one, &other]).await;
}
