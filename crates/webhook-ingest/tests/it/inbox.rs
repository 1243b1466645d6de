//! The staff's view of the inbox: lists, single events, and who may see them.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::clock::{Clock, ManualClock, Timestamp};
use contract::internal::{ApplyEvent, ApplyResult};
use serde_json::{Value, json};
use test_kit::database::both;
use test_kit::waiting::eventually;

use crate::http::{get, post};
use crate::support::{
    Ingest, NOBODY, Row, ServiceApi, absent_id, config, each, event, registration, start, start_alone,
    start_with, states,
};

const LIST: &str = "/api/webhooks/events";

/// The events of a list, by id.
fn ids(page: &Value) -> Vec<String> {
    let events = page["events"].as_array().unwrap_or_else(|| panic!("no events in {page}"));
    events.iter().map(|event| event["eventId"].as_str().expect("an id").to_owned()).collect()
}

async fn list(ingest: &Ingest, query: &str) -> Value {
    let answer = ingest.ask("support", &format!("{LIST}?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    answer.json()
}

/// Six events of three kinds, a second apart; their ids, oldest first.
async fn six(ingest: &Ingest, hands: &ManualClock) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..6 {
        let body = match number % 3 {
            0 => registration(&number.to_string(), "c1"),
            1 => event(&number.to_string(), "client.registered", "{}"),
            _ => event(&number.to_string(), "client.vanished", "{}"),
        };
        ids.push(ingest.deliver(&body).await.text("eventId"));
        hands.advance(Duration::from_secs(1));
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_newest_first_and_filters_let_through_what_they_say() {
    for on in both() {
        let begin: Timestamp = "2026-03-01T00:00:00.000500Z".parse().expect("a time");
        let (clock, hands) = Clock::manual(begin);
        let ingest = start_with(&on, config(&on, NOBODY), clock).await;
        let made = six(&ingest, &hands).await;
        let of = |numbers: &[usize]| numbers.iter().map(|number| made[*number].clone()).collect::<Vec<_>>();
        for (query, expected) in [
            ("", of(&[5, 4, 3, 2, 1, 0])),
            ("state=held", of(&[4, 1])),
            ("state=unrecognized&limit=200", of(&[5, 2])),
            ("state=pending&source=site", of(&[3, 0])),
            ("source=acme", vec![]),
            ("eventType=client.registered", of(&[4, 3, 1, 0])),
            ("clientId=c1", of(&[3, 0])),
            ("clientId=c", vec![]),
            ("from=2026-03-01T00:00:02.000500Z", of(&[5, 4, 3, 2])),
            ("from=2026-03-01T00:00:02.000501Z", of(&[5, 4, 3])),
            ("to=2026-03-01T00:00:02.000500Z", of(&[1, 0])),
            ("to=2026-03-01T00:00:02.000501Z", of(&[2, 1, 0])),
            ("from=2026-03-01T01:00:01%2B01:00&to=2026-03-01T00:00:04Z&state=held", of(&[1])),
            ("from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", of(&[5, 4, 3, 2, 1, 0])),
        ] {
            assert_eq!(ids(&list(&ingest, query).await), expected, "{query}");
        }
        let held = &list(&ingest, "state=held").await["events"][0];
        assert_eq!((&held["reason"], &held["state"]), (&json!("invalid_event"), &json!("held")));
        assert_eq!(held["receivedAt"], "2026-03-01T00:00:04.000500Z");
        ingest.stop().await;
    }
}

/// Whether it took effect at once or after failing, and whatever else became of it: each is in the list of its state, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_in_the_list_of_its_state_with_how_it_got_there() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        let verdicts = |late| {
            move |event: &ApplyEvent| match event.event.identity().client_id.as_deref() {
                Some("late") => (late, Some("our_fault".to_owned()).filter(|_| late == ApplyResult::Failed)),
                Some("bad") => (ApplyResult::Failed, Some("our_fault".to_owned())),
                Some("old") => (ApplyResult::Superseded, None),
                Some("noted") => (ApplyResult::Applied, Some("noted".to_owned())),
                _ => (ApplyResult::Applied, None),
            }
        };
        service_api.behave(move |batch| each(batch, verdicts(ApplyResult::Failed)));
        let (clock, hands) = Clock::manual(Clock::system().now());
        let ingest = start_with(&on, config(&on, &service_api.url()), clock).await;
        let mut made = Vec::new();
        for client in ["late", "bad", "old", "noted", "good"] {
            made.push(ingest.deliver(&registration(client, client)).await.text("eventId"));
            hands.advance(Duration::from_millis(2));
        }
        let tried = |rows: &Vec<Row>| {
            states(rows)[2..] == ["superseded", "applied", "applied"]
                && rows[..2].iter().all(|row| row.attempts == 1)
        };
        eventually(|| ingest.inbox(), tried).await;
        service_api.behave(move |batch| each(batch, verdicts(ApplyResult::Applied)));
        hands.advance(Duration::from_secs(2));
        eventually(|| ingest.inbox(), |rows| states(rows)[0] == "applied" && rows[1].attempts == 2).await;
        for (state, expected) in [
            ("applied", vec![(4, 0, Value::Null), (3, 0, json!("noted")), (0, 1, Value::Null)]),
            ("pending", vec![(1, 2, json!("our_fault"))]),
            ("superseded", vec![(2, 0, Value::Null)]),
            ("held", vec![]),
        ] {
            let page = list(&ingest, &format!("state={state}")).await;
            let events = page["events"].as_array().expect("events");
            assert_eq!(events.len(), expected.len(), "{state}: {page}");
            for (event, (number, attempts, reason)) in events.iter().zip(expected) {
                assert_eq!((&event["eventId"], &event["state"]), (&json!(made[number]), &json!(state)));
                assert_eq!((&event["attempts"], &event["reason"]), (&json!(attempts), &reason), "{event}");
                assert_eq!(event["resolvedAt"].is_string(), state != "pending", "{event}");
                let whole = ingest.ask("support", &format!("{LIST}/{}", made[number])).await.json();
                assert_eq!(whole["nextAttemptAt"].is_string(), state == "pending", "{whole}");
            }
        }
        let pages: Vec<String> = ids(&list(&ingest, "").await);
        assert_eq!(pages, made.iter().rev().cloned().collect::<Vec<_>>());
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_each_event_once_and_foreign_cursors_are_refused() {
    for on in both() {
        let (clock, hands) = Clock::manual(Clock::system().now());
        let ingest = start_with(&on, config(&on, NOBODY), clock).await;
        let made = six(&ingest, &hands).await;
        let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
        let cursor = loop {
            let answer = ingest.ask("admin", &format!("{LIST}?{query}")).await;
            let page = answer.json();
            seen.extend(ids(&page));
            let Some(next) = page["nextCursor"].as_str() else {
                assert_eq!(answer.header("link"), None);
                break query.split_once("cursor=").expect("pages").1.to_owned();
            };
            let link = answer.header("link").expect("a link");
            assert!(link.contains(next) && link.ends_with("rel=\"next\""), "{link}");
            // What comes in meanwhile is newer, and disturbs nothing.
            ingest.deliver(&registration(&format!("new{}", seen.len()), "c2")).await;
            query = format!("limit=2&cursor={next}");
        };
        assert_eq!(seen, made.iter().rev().cloned().collect::<Vec<_>>());
        let mut edited = cursor.clone();
        let last = if edited.pop() == Some('A') { 'Q' } else { 'A' };
        edited.push(last);
        for query in
            [format!("cursor={edited}"), "cursor=abc".to_owned(), format!("cursor={cursor}&state=held")]
        {
            let refusal = ingest.ask("admin", &format!("{LIST}?{query}")).await.refusal();
            assert_eq!(refusal, (400, "invalid_cursor".to_owned()), "{query}");
        }
        let replay = ingest.replay_many(&json!({ "filter": {}, "cursor": cursor })).await.refusal();
        assert_eq!(replay, (400, "invalid_cursor".to_owned()), "a list's cursor is none for replays");
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_t_be_asked_is_refused_with_its_place() {
    for on in both() {
        let ingest = start_alone(&on).await;
        for query in ["limit=0", "limit=-1", "limit=abc", "limit=1e9", "state=lost", "stat=held", "from=now"]
        {
            let answer = ingest.ask("admin", &format!("{LIST}?{query}")).await;
            assert_eq!(answer.refusal(), (422, "invalid_parameter".to_owned()), "{query}");
            let name = query.split_once('=').expect("a name").0;
            assert_eq!(answer.json()["errors"][0]["pointer"], format!("/{name}"));
        }
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_shown_whole_with_what_was_wrong_and_the_raw_body() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|batch| each(batch, |_| (ApplyResult::Refused, Some("too_odd".to_owned()))));
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let show = async |id: &str| {
            let answer = ingest.ask("support", &format!("{LIST}/{id}")).await;
            assert_eq!((answer.status, answer.header("cache-control").as_deref()), (200, Some("no-store")));
            answer.json()
        };
        let body = event("a", "deposit.completed", r#"{"clientId":"c1","amount":"1,000","method":7}"#);
        let held = show(&ingest.deliver(&body).await.text("eventId")).await;
        assert_eq!(held["body"].as_str().map(str::as_bytes), Some(body.as_slice()));
        assert_eq!((&held["state"], &held["bodyIsExact"]), (&json!("held"), &json!(true)));
        assert_eq!(held["problem"]["code"], "invalid_event");
        assert_eq!(held["problem"]["errors"][0]["pointer"], "/data/amount");

        let odd =
            event("b", "client.registered", r#"{"clientId":"c1","email":"a@example.com","createdAt":"?"}"#);
        let id = ingest.deliver(&odd).await.text("eventId");
        eventually(|| ingest.inbox(), |rows| states(rows) == ["held", "dead_lettered"]).await;
        let letter = show(&id).await;
        assert_eq!((&letter["state"], &letter["reason"]), (&json!("dead_lettered"), &json!("too_odd")));
        assert_eq!((&letter["problem"], &letter["clientId"]), (&Value::Null, &json!("c1")));
        assert_eq!(letter["warnings"][0]["pointer"], "/data/createdAt");
        assert_eq!(letter["effectiveAt"], "2025-10-13T19:00:00.000000Z");
        assert!(letter["resolvedAt"].is_string() && letter["intake"].is_number(), "{letter}");

        let bytes = show(&ingest.deliver(b"\xff{}").await.text("eventId")).await;
        assert_eq!((&bytes["body"], &bytes["bodyIsExact"]), (&json!("\u{fffd}{}"), &json!(false)));
        assert_eq!(bytes["reason"], "invalid_json");

        let unknown = absent_id();
        for id in [unknown.as_str(), "evt_x", "replay"] {
            let refusal = ingest.ask("admin", &format!("{LIST}/{id}")).await.refusal();
            let expected =
                if id == "replay" { (405, "method_not_allowed") } else { (404, "event_not_found") };
            assert_eq!(refusal, (expected.0, expected.1.to_owned()), "{id}");
        }
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn support_sees_events_and_only_an_admin_replays_them() {
    for on in both() {
        let ingest = start_alone(&on).await;
        let id = ingest.deliver(&event("a", "client.registered", "{}")).await.text("eventId");
        let one = format!("{LIST}/{id}");
        let replay_one = format!("{LIST}/{id}/replay");
        let replay_many = format!("{LIST}/replay");
        let denied = (403, "permission_denied".to_owned());
        for (role, reads, replays) in [
            ("admin", true, true),
            ("support", true, false),
            ("compliance", false, false),
            ("auditor", false, false),
        ] {
            for path in [LIST, &one] {
                let answer = ingest.ask(role, path).await;
                if reads {
                    assert_eq!(answer.status, 200, "{role} {path}");
                } else {
                    assert_eq!(answer.refusal(), denied, "{role} {path}");
                }
            }
            for (path, body) in [(&replay_one, ""), (&replay_many, r#"{"filter":{}}"#)] {
                let answer = ingest.tell(role, path, body).await;
                if replays {
                    assert_eq!(answer.status, 200, "{role} {path}");
                } else {
                    assert_eq!(answer.refusal(), denied, "{role} {path}");
                }
            }
        }
        for path in [LIST, &one] {
            assert_eq!(get(ingest.address, path, &[]).await.refusal().0, 401, "{path}");
        }
        for path in [&replay_one, &replay_many] {
            assert_eq!(post(ingest.address, path, &[], b"").await.refusal().0, 401, "{path}");
        }
        let trail = ingest.trail().await;
        let actions: BTreeSet<&str> = trail.iter().filter_map(|entry| entry["action"].as_str()).collect();
        assert!(actions.is_superset(&BTreeSet::from(["events.read", "event.replay"])), "{actions:?}");
        let refused: Vec<_> = trail
            .iter()
            .filter(|entry| entry["action"] == "event.replay" && entry["outcome"] == "refused")
            .collect();
        assert_eq!(refused.len(), 6, "each refusal of a known caller has its own entry");
        ingest.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nobody_can_say_what_staff_may_nothing_is_shown_and_nothing_replayed() {
    for on in both() {
        let service_api = ServiceApi::start().await;
        service_api.behave(|batch| each(batch, |_| (ApplyResult::Refused, None)));
        let ingest = start(&on, config(&on, &service_api.url())).await;
        let id = ingest.deliver(&registration("a", "c1")).await.text("eventId");
        eventually(|| ingest.inbox(), |rows| states(rows) == ["dead_lettered"]).await;
        ingest.sso_issuer.reset().await;
        assert_eq!(ingest.ask("admin", LIST).await.refusal(), (503, "unavailable".to_owned()));
        assert_eq!(ingest.replay(&id, "").await.refusal(), (503, "unavailable".to_owned()));
        assert_eq!(states(&ingest.inbox().await), ["dead_lettered"]);
        ingest.stop().await;
    }
}
