//! Having events read again: from each state, after the mapping changed, many at once, two admins at once; and never a second
//! effect of what was done already.

use std::time::Duration;

use contract::clock::Clock;
use contract::internal::ApplyResult;
use contract::kyc::{KycStatus, KycWords};
use serde_json::{Value, json};
use test_kit::database::{TestDatabase, both, postgres};
use test_kit::waiting::eventually;
use webhook_ingest::Config;

use crate::http::Answer;
use crate::support::{
    Ingest, Row, ServiceApi, absent_id, all, config, each, event, registration, start, start_with, states,
};

const GREEN: &str = r#"{"clientId":"c1","email":"c1@example.com","kycStatus":"green"}"#;

/// Settings by which `green` means approved.
fn with_green(on: &TestDatabase, service_api: &ServiceApi) -> Config {
    let kyc_words = KycWords::built_in().with("green", KycStatus::Approved);
    Config { kyc_words, ..config(on, &service_api.url()) }
}

fn outcome(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{answer:?}");
    (answer.text("outcome"), answer.text("state"))
}

fn is(outcome: &str, state: &str) -> (String, String) {
    (outcome.to_owned(), state.to_owned())
}

/// The entries of replays that took place.
async fn replays(ingest: &Ingest) -> Vec<Value> {
    let trail = ingest.trail().await;
    trail.into_iter().filter(|entry| entry["details"]["outcome"] == "replayed").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_unknown_when_it_came_takes_effect_once_staff_have_mapped_it() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let before = start(&on, config(&on, &service_api.url())).await;
        let body = event("a", "kyc.updated", GREEN);
        let answer = before.deliver(&body).await;
        assert_eq!(answer.refusal(), (422, "invalid_event".to_owned()));
        let id = answer.text("eventId");
        let again = before.replay(&id, "").await;
        assert_eq!(outcome(&again), is("unreadable", "held"));
        assert_eq!(again.json()["errors"][0]["code"], "unknown_word");
        assert_eq!(replays(&before).await.len(), 0);
        before.stop().await;

        let ingest = start(&on, with_green(&on, &service_api)).await;
        assert_eq!(outcome(&ingest.replay(&id, "{}").await), is("replayed", "pending"));
        let rows = eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"]).await;
        let row = &rows[0];
        assert_eq!(row.client_id.as_deref(), Some("c1"));
        let sent = service_api.events();
        assert_eq!((sent.len(), sent[0].intake, sent[0].event_id.to_string()), (1, row.intake, id.clone()));
        assert_eq!(sent[0].effective_at.to_string(), "2025-10-13T19:00:00.000000Z", "its own time");
        // The id is the event's own now: its repeat is a duplicate.
        let repeat = ingest.deliver(&body).await;
        assert_eq!((repeat.text("status"), repeat.text("eventId")), ("duplicate".to_owned(), id.clone()));
        assert_eq!(outcome(&ingest.replay(&id, "").await), is("already_applied", "applied"));
        let entries = replays(&ingest).await;
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0]["actor"], json!({ "kind": "staff", "id": "stf_1" }));
        assert_eq!(entries[0]["action"], "event.replay");
        assert_eq!(entries[0]["target"], json!({ "kind": "event", "id": id }));
        assert_eq!(entries[0]["details"]["from"], "held");
        let shown = ingest.ask("support", &format!("/api/webhooks/events/{id}")).await.json();
        assert_eq!((&shown["replays"], &shown["reason"]), (&json!(1), &Value::Null));
        assert!(shown["replayedAt"].is_string(), "{shown}");
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_and_conflicts_are_applied_again_and_stand_as_what_comes_of_it() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let refuse = |batch: &_| {
            each(batch, |event| match event.event.identity().client_id.as_deref() {
                Some("letter") => (ApplyResult::Refused, Some("too_odd".to_owned())),
                _ => (ApplyResult::Conflict, Some("other_facts".to_owned())),
            })
        };
        service_api.behave(refuse);
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let mut ids = Vec::new();
        for client in ["letter", "conflict"] {
            ids.push(ingest.deliver(&registration(client, client)).await.text("eventId"));
        }
        eventually(|| ingest.inbox(), |rows| states(rows) == ["dead_lettered", "conflict"]).await;
        // Nothing has changed there: they come to stand where they stood, visibly.
        for id in &ids {
            assert_eq!(outcome(&ingest.replay(id, "").await), is("replayed", "pending"));
        }
        eventually(async || service_api.events().len(), |sent| *sent == 4).await;
        let rows = eventually(|| ingest.inbox(), |rows| states(rows) == ["dead_lettered", "conflict"]).await;
        assert_eq!(rows[1].reason.as_deref(), Some("other_facts"));
        service_api.behave(|batch| all(batch, ApplyResult::Applied, None));
        for id in &ids {
            assert_eq!(outcome(&ingest.replay(id, "").await), is("replayed", "pending"));
        }
        let rows = eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"; 2]).await;
        assert!(rows.iter().all(|row| row.reason.is_none()), "{rows:?}");
        assert_eq!(replays(&ingest).await.len(), 4);
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_replay_or_can_have_none_is_told_so() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|batch| {
            each(batch, |event| match event.event.identity().client_id.as_deref() {
                Some("old") => (ApplyResult::Superseded, None),
                _ => (ApplyResult::Failed, None),
            })
        });
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let unknown = ingest.deliver(&event("a", "client.vanished", "{}")).await.text("eventId");
        let old = ingest.deliver(&registration("b", "old")).await.text("eventId");
        let waiting = ingest.deliver(&registration("c", "waiting")).await.text("eventId");
        eventually(|| ingest.inbox(), |rows| states(rows) == ["unrecognized", "superseded", "pending"]).await;
        assert_eq!(outcome(&ingest.replay(&unknown, "").await), is("unrecognized", "unrecognized"));
        assert_eq!(outcome(&ingest.replay(&old, "").await), is("already_applied", "superseded"));
        assert_eq!(outcome(&ingest.replay(&waiting, "").await), is("already_pending", "pending"));
        let absent = ingest.replay(&absent_id(), "").await;
        assert_eq!(absent.refusal(), (404, "event_not_found".to_owned()));
        for (body, refusal) in [
            ("{", (400, "invalid_json")),
            ("[]", (422, "invalid_body")),
            (r#"{"acceptreusedid":true}"#, (422, "invalid_body")),
            (r#"{"acceptReusedId":"yes"}"#, (422, "invalid_body")),
        ] {
            assert_eq!(
                ingest.replay(&old, body).await.refusal(),
                (refusal.0, refusal.1.to_owned()),
                "{body}"
            );
        }
        assert_eq!(replays(&ingest).await.len(), 0);
        let quiet: Vec<_> = ingest
            .trail()
            .await
            .into_iter()
            .filter(|entry| entry["action"] == "event.replay" && entry["outcome"] == "success")
            .collect();
        assert_eq!(quiet.len(), 3, "what came to nothing is on the trail too");
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_this_version_knows_by_now_takes_effect() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let id = ingest
            .deliver(&event("a", "client.vanished", r#"{"email":"a@example.com"}"#))
            .await
            .text("eventId");
        // As a version left it that did not know the type.
        let body = event("a", "client.registered", r#"{"email":"a@example.com"}"#);
        let hex: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
        let change = "update inbox set body = ";
        on.run(webhook_ingest::SCHEMA, &format!("{change}'\\x{hex}'"), &format!("{change}x'{hex}'"));
        assert_eq!(outcome(&ingest.replay(&id, "").await), is("replayed", "pending"));
        let rows = eventually(|| ingest.inbox(), |rows| states(rows) == ["applied"]).await;
        assert_eq!(rows[0].event_type.as_deref(), Some("client.registered"));
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_event_whose_twin_was_taken_since_takes_no_second_effect() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let before = start(&on, config(&on, &service_api.url())).await;
        let body = event("a", "kyc.updated", GREEN);
        let held = before.deliver(&body).await.text("eventId");
        let mended = event("b", "kyc.updated", GREEN);
        let other = before.deliver(&mended).await.text("eventId");
        let corrected = before.deliver(&event("b", "kyc.updated", &GREEN.replace("green", "approved"))).await;
        assert_eq!(corrected.text("status"), "accepted", "a held event does not take its id");
        before.stop().await;

        let ingest = start(&on, with_green(&on, &service_api)).await;
        let twin = ingest.deliver(&body).await;
        assert_eq!(twin.text("status"), "accepted", "it can be read by now, and was never taken");
        eventually(|| ingest.inbox(), |rows| states(rows) == ["held", "held", "applied", "applied"]).await;
        let sent = service_api.events().len();
        let refuse = async |id: &str, body: &str, why: &str, named: &str| {
            let answer = ingest.replay(id, body).await;
            assert_eq!(answer.refusal(), (409, "event_not_replayable".to_owned()), "{id}");
            assert_eq!(answer.json()["errors"][0]["code"], why);
            assert!(answer.text("detail").contains(named), "{answer:?}");
        };
        // The same event, taken since: not even by force.
        for body in ["", r#"{"acceptReusedId":true}"#] {
            refuse(&held, body, "same_event_kept", &twin.text("eventId")).await;
        }
        // Another one under its id: only by force.
        refuse(&other, "", "event_id_reused", &corrected.text("eventId")).await;
        assert_eq!(states(&ingest.inbox().await), ["held", "held", "applied", "applied"]);
        assert_eq!(service_api.events().len(), sent);
        assert_eq!(
            outcome(&ingest.replay(&other, r#"{"acceptReusedId":true}"#).await),
            is("replayed", "pending")
        );
        eventually(|| ingest.inbox(), |rows| states(rows) == ["held", "applied", "applied", "applied"]).await;
        assert_eq!(service_api.events().len(), sent + 1);
        // Its repeat is still refused for its id, and names the one that was taken.
        let repeat = ingest.deliver(&mended).await;
        assert_eq!(repeat.refusal(), (409, "event_id_reused".to_owned()));
        assert_eq!(repeat.text("eventId"), other);
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_deliveries_kept_under_one_reused_id_only_one_can_be_accepted() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let before = start(&on, config(&on, &service_api.url())).await;
        let unreadable = before.deliver(&event("a", "kyc.updated", GREEN)).await.text("eventId");
        before.deliver(&registration("a", "c1")).await;
        before.stop().await;
        let ingest = start(&on, with_green(&on, &service_api)).await;
        let reused = ingest.deliver(&event("a", "kyc.updated", GREEN)).await;
        assert_eq!(reused.refusal(), (409, "event_id_reused".to_owned()));
        let reused = reused.text("eventId");
        let force = r#"{"acceptReusedId":true}"#;
        assert_eq!(ingest.replay(&reused, "").await.status, 409);
        assert_eq!(outcome(&ingest.replay(&reused, force).await), is("replayed", "pending"));
        let refused = ingest.replay(&unreadable, force).await;
        assert_eq!(refused.refusal(), (409, "event_not_replayable".to_owned()));
        assert!(refused.text("detail").contains(&reused), "{refused:?}");
        eventually(|| ingest.inbox(), |rows| states(rows) == ["held", "applied", "applied"]).await;
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signed_message_id_of_standard_webhooks_is_minded() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let before = start(&on, config(&on, &service_api.url())).await;
        let held = deliver_standard(&before, "msg_1", &event("x", "kyc.updated", GREEN)).await;
        assert_eq!(held.status, 422);
        let mended = GREEN.replace("green", "rejected");
        let taken = deliver_standard(&before, "msg_1", &event("y", "kyc.updated", &mended)).await;
        assert_eq!(taken.text("status"), "accepted");
        before.stop().await;
        let ingest = start(&on, with_green(&on, &service_api)).await;
        let answer = ingest.replay(&held.text("eventId"), "").await;
        assert_eq!(answer.refusal(), (409, "event_not_replayable".to_owned()), "its message id was taken");
        ingest.stop().await;
    }
}

async fn deliver_standard(ingest: &Ingest, id: &str, body: &[u8]) -> Answer {
    crate::signatures::standard(ingest, "site", id, Clock::system().now(), body).await
}

/// Twelve held events a second apart, every third of which stays unreadable, and one of another kind.
async fn hold_many(ingest: &Ingest, hands: &contract::clock::ManualClock) {
    for number in 0..12 {
        let word = if number % 3 == 2 { "greener" } else { "green" };
        let data = format!(r#"{{"clientId":"c{number}","kycStatus":"{word}"}}"#);
        assert_eq!(ingest.deliver(&event(&number.to_string(), "kyc.updated", &data)).await.status, 422);
        hands.advance(Duration::from_secs(1));
    }
    assert_eq!(ingest.deliver(&event("12", "client.registered", "{}")).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_replayed_by_a_filter_a_call_at_a_time() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let (clock, hands) = Clock::manual(Clock::system().now());
        let before = start_with(&on, config(&on, &service_api.url()), clock.clone()).await;
        hold_many(&before, &hands).await;
        before.stop().await;
        let ingest = start_with(&on, with_green(&on, &service_api), clock).await;
        let filter = json!({ "state": "held", "eventType": "kyc.updated", "source": "site" });
        let (mut totals, mut calls, mut cursor) = ([0, 0], 0, Value::Null);
        loop {
            let answer = ingest.replay_many(&json!({ "filter": filter, "limit": 5, "cursor": cursor })).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let counts = answer.json();
            totals[0] += counts["replayed"].as_u64().expect("a number");
            totals[1] += counts["unreadable"].as_u64().expect("a number");
            calls += 1;
            cursor = counts["nextCursor"].clone();
            assert_eq!(counts["more"], json!(cursor.is_string()));
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!((totals, calls), ([8, 4], 3));
        let applied = |rows: &Vec<Row>| rows.iter().filter(|row| row.state == "applied").count() == 8;
        eventually(|| ingest.inbox(), applied).await;
        assert_eq!(replays(&ingest).await.len(), 8, "each has its own entry");
        let none = ingest.replay_many(&json!({ "filter": { "state": "dead_lettered" } })).await.json();
        assert_eq!((&none["replayed"], &none["more"]), (&json!(0), &json!(false)));
        for (body, pointer) in [
            (json!({ "filter": { "state": "applied" } }), "/filter/state"),
            (json!({ "filter": { "stat": "held" } }), "/filter/stat"),
            (json!({ "filter": {}, "limit": 0 }), "/limit"),
            (json!({ "filter": {}, "limit": 501 }), "/limit"),
            (json!({}), ""),
            (json!({ "filter": {}, "acceptReusedId": true }), ""),
        ] {
            let answer = ingest.replay_many(&body).await;
            assert_eq!(answer.refusal(), (422, "invalid_body".to_owned()), "{body}");
            assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
        }
        let forged = ingest.replay_many(&json!({ "filter": filter, "cursor": "AAAA" })).await;
        assert_eq!(forged.refusal(), (400, "invalid_cursor".to_owned()));
        ingest.stop().await;
    }
}

/// Sixteen replays of one event at once over the replicas: one takes place.
async fn at_once(replicas: &[&Ingest], service_api: &ServiceApi) {
    let id = replicas[0].deliver(&registration("a", "c1")).await.text("eventId");
    eventually(|| replicas[0].inbox(), |rows| states(rows) == ["dead_lettered"]).await;
    let sent = service_api.events().len();
    service_api.behave(|batch| all(batch, ApplyResult::Applied, None));
    let asking = (0..16).map(|number| replicas[number % replicas.len()].replay(&id, ""));
    let answers = futures_util::future::join_all(asking).await;
    let took_place = answers.iter().filter(|answer| outcome(answer).0 == "replayed").count();
    assert_eq!(took_place, 1, "{answers:?}");
    eventually(|| replicas[0].inbox(), |rows| states(rows) == ["applied"]).await;
    assert_eq!(service_api.events().len(), sent + 1, "one more effect");
    assert_eq!(replays(replicas[0]).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_replays_at_once_one_takes_place() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|batch| all(batch, ApplyResult::Refused, None));
        let ingest = start(&on, config(&on, &service_api.url())).await;
        at_once(&[&ingest], &service_api).await;
        ingest.stop().await;
    }
    let on = postgres();
    let service_api = ServiceApi::start().await;
    service_api.behave(|batch| all(batch, ApplyResult::Refused, None));
    let one = start(&on, config(&on, &service_api.url())).await;
    let two = start(&on, config(&on, &service_api.url())).await;
    at_once(&[&one, &two], &service_api).await;
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_and_a_delivery_of_its_twin_at_once_have_one_effect() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let before = start(&on, config(&on, &service_api.url())).await;
        let bodies: Vec<_> = (0..8).map(|number| event(&number.to_string(), "kyc.updated", GREEN)).collect();
        let mut held = Vec::new();
        for body in &bodies {
            held.push(before.deliver(body).await.text("eventId"));
        }
        before.stop().await;
        let ingest = start(&on, with_green(&on, &service_api)).await;
        let racing = bodies.iter().zip(&held).map(async |(body, id)| {
            let (replayed, delivered) = tokio::join!(ingest.replay(id, ""), ingest.deliver(body));
            let won = replayed.status == 200;
            // Whoever lost is told who won.
            if won {
                assert_eq!(delivered.text("status"), "duplicate");
                assert_eq!(delivered.text("eventId"), *id);
            } else {
                assert_eq!(replayed.refusal(), (409, "event_not_replayable".to_owned()));
                assert_eq!(delivered.text("status"), "accepted");
            }
        });
        futures_util::future::join_all(racing).await;
        eventually(|| ingest.inbox(), |rows| states(rows).iter().all(|state| *state != "pending")).await;
        let applied = ingest.inbox().await.iter().filter(|row| row.state == "applied").count();
        assert_eq!((applied, service_api.events().len()), (8, 8));
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_entry_can_t_be_stored_nothing_is_replayed() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|batch| all(batch, ApplyResult::Refused, None));
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let id = ingest.deliver(&registration("a", "c1")).await.text("eventId");
        eventually(|| ingest.inbox(), |rows| states(rows) == ["dead_lettered"]).await;
        let (away, back) = ("alter table outbox rename to gone", "alter table gone rename to outbox");
        on.run(webhook_ingest::SCHEMA, away, away);
        let answer = ingest.replay(&id, "").await;
        assert!(answer.status >= 500, "{answer:?}");
        on.run(webhook_ingest::SCHEMA, back, back);
        assert_eq!(states(&ingest.inbox().await), ["dead_lettered"]);
        assert_eq!(outcome(&ingest.replay(&id, "").await), is("replayed", "pending"));
        ingest.stop().await;
    }
}
