//! The story of one event: who may hear it, what the inbox alone can tell, and what its neighbours add.

use contract::clock::Clock;
use contract::history::{Standing, Subject};
use contract::ids::{ClientRef, StaffId};
use contract::internal::trace::{Attempt, Attempts, TracedEvent, TracedField, Traces};
use contract::internal::{ApplyResult, READ_ATTEMPTS, TRACE_EVENT};
use serde_json::{Value, json};
use test_kit::database::both;
use test_kit::waiting::eventually;
use wiremock::matchers::{body_partial_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::http::Answer;
use crate::support::{
    Ingest, ServiceApi, absent_id, all, config, event, registration, start, start_alone, states,
};

async fn asked(ingest: &Ingest, role: &str, id: &str) -> Answer {
    ingest.ask(role, &format!("/api/webhooks/events/{id}/history")).await
}

async fn story(ingest: &Ingest, id: &str) -> Value {
    let answer = asked(ingest, "support", id).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn kinds(story: &Value) -> Vec<&str> {
    let steps = story["steps"].as_array().expect("steps").iter();
    steps.map(|step| step["what"].as_str().expect("a word")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_look_at_events_may_hear_their_story_and_that_is_on_the_trail() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let id = ingest.deliver(&registration("a", "c1")).await.text("eventId");
        for (role, status) in [("support", 200), ("admin", 200), ("auditor", 403), ("compliance", 403)] {
            assert_eq!(asked(&ingest, role, &id).await.status, status, "{role}");
        }
        for unknown in [absent_id(), "evt_no".to_owned()] {
            assert_eq!(asked(&ingest, "admin", &unknown).await.status, 404, "{unknown}");
        }
        let trail = ingest.trail().await;
        let told = trail
            .iter()
            .filter(|entry| entry["action"] == "events.read" && entry["target"]["id"] == json!(id));
        assert_eq!(told.filter(|entry| entry["outcome"] == "success").count(), 2);
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_inbox_knows_is_told_while_nobody_else_answers() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let id = ingest.deliver(&registration("a", "c1")).await.text("eventId");
        eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"]).await;
        let applied = story(&ingest, &id).await;
        assert_eq!(kinds(&applied), ["received", "applied"]);
        assert_eq!((&applied["signature"], &applied["state"]), (&json!("own"), &json!("applied")));
        assert_eq!(applied["unanswered"], json!(["service-api", "audit-log"]));
        assert_eq!((&applied["effect"], &applied["replay"]), (&Value::Null, &Value::Null));

        service_api.behave(|batch| all(batch, ApplyResult::Refused, Some("no_identity")));
        let refused = ingest.deliver(&registration("b", "c2")).await.text("eventId");
        eventually(|| ingest.inbox(), |rows| states(rows) == ["applied", "dead_lettered"]).await;
        let dead = story(&ingest, &refused).await;
        assert_eq!(kinds(&dead), ["received", "dead_lettered"]);
        assert_eq!(dead["steps"][1]["reason"], "no_identity");
        assert_eq!(
            (&dead["replay"]["outcome"], &dead["unanswered"]),
            (&json!("replayable"), &json!(["audit-log"]))
        );

        let senseless =
            ingest.deliver(&event("c", "kyc.updated", r#"{"clientId":"c1","kycStatus":"green"}"#)).await;
        let held = story(&ingest, &senseless.text("eventId")).await;
        assert_eq!(
            (&held["steps"][0]["status"], &held["steps"][0]["reason"]),
            (&json!("held"), &json!("invalid_event"))
        );
        assert_eq!(held["replay"]["outcome"], "unreadable");
        assert_eq!(held["replay"]["errors"][0]["code"], "unknown_word");

        let reused = ingest.deliver(&registration("a", "c3")).await.text("eventId");
        let reused = story(&ingest, &reused).await;
        assert_eq!(
            (&reused["replay"]["outcome"], &reused["replay"]["other"]),
            (&json!("event_id_reused"), &json!(id))
        );

        let twice = ingest.deliver(br#"{"event":"a","ann@example.com":1,"ann@example.com":2}"#).await;
        let twice = story(&ingest, &twice.text("eventId")).await;
        assert_eq!(twice["problem"]["errors"][0]["code"], "duplicate_key");
        assert!(!twice.to_string().contains("ann@example.com"), "{twice}");
        ingest.stop().await;
    }
}

/// What service-api and audit-log would say of an event that came three times and was replayed once.
fn neighbours(other: i64) -> (TracedEvent, Attempts) {
    let at =
        |seconds: i64| Clock::system().now().plus(std::time::Duration::from_secs(seconds.unsigned_abs()));
    let field = |field: &str, standing, intake| TracedField {
        field: field.to_owned(),
        of: Subject::Client,
        standing,
        intake,
    };
    let traces = Traces {
        applied_at: at(60),
        client: ClientRef::new(at(0), [1; 10]),
        merged_into: None,
        changes: Vec::new(),
        fields: vec![
            field("email", Standing::Stands, 1),
            field("phone", Standing::Overtaken, other),
            field("kycStatus", Standing::Overtaken, 0),
        ],
        transaction: None,
    };
    let attempt = |seconds, action: &str, status: &str| Attempt {
        at: at(seconds),
        action: action.to_owned(),
        reason: None,
        status: Some(status.to_owned()),
        staff: None,
        other: None,
        spooled: false,
    };
    let delivery = |seconds, status| Some(attempt(seconds, "webhook.receive", status));
    let staff = Some(StaffId::new(at(0), [2; 10]).to_string());
    let attempts = Attempts {
        deliveries: 3,
        first: delivery(0, "accepted").map(|first| Attempt { spooled: true, ..first }),
        second: delivery(10, "duplicate"),
        last: delivery(20, "duplicate"),
        acts: vec![Attempt { staff, ..attempt(70, "event.replay", "already_applied") }],
    };
    (TracedEvent { traces: Some(traces) }, attempts)
}

#[tokio::test(flavor = "multi_thread")]
async fn its_neighbours_say_what_it_left_behind_and_how_often_it_came() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let audit_log = MockServer::start().await;
        let settings = config(&on, &service_api.url());
        let settings = webhook_ingest::Config { audit_log_url: audit_log.uri(), ..settings };
        let ingest = start(&on, settings).await;
        let id = ingest.deliver(&registration("a", "c1")).await.text("eventId");
        let later = ingest.deliver(&registration("b", "c1")).await.text("eventId");
        let rows = eventually(|| ingest.inbox(), |rows| states(rows) == ["applied", "applied"]).await;
        let (traced, attempts) = neighbours(rows[1].intake);
        Mock::given(method("POST"))
            .and(path(TRACE_EVENT))
            .and(body_partial_json(json!({ "eventId": id, "said": { "intake": rows[0].intake } })))
            .respond_with(ResponseTemplate::new(200).set_body_json(traced))
            .mount(&service_api.server)
            .await;
        Mock::given(method("POST"))
            .and(path(READ_ATTEMPTS))
            .and(body_partial_json(json!({ "eventId": id })))
            .respond_with(ResponseTemplate::new(200).set_body_json(attempts))
            .mount(&audit_log)
            .await;

        let told = story(&ingest, &id).await;
        assert_eq!(kinds(&told), ["received", "received_again", "applied", "replayed"], "{told}");
        let steps = &told["steps"];
        assert_eq!((&steps[0]["status"], &steps[0]["spooled"]), (&json!("accepted"), &json!(true)));
        assert_eq!((&steps[1]["times"], &steps[1]["status"]), (&json!(2), &json!("duplicate")));
        assert!(
            steps[1]["until"].is_string() && steps[3]["by"].as_str().is_some_and(|by| by.starts_with("st_"))
        );
        let by = |field: usize| told["effect"]["fields"][field]["by"].clone();
        assert_eq!([by(0), by(1), by(2)], [Value::Null, json!(later), Value::Null], "{told}");
        assert_eq!(told["unanswered"], json!([]));
        ingest.stop().await;
    }
}
