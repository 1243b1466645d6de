//! What is wrong is seen, and nothing else.

use serde_json::json;
use tokio::time::{Duration, Instant};

use super::*;
use crate::outside::Answer;
use crate::traffic::{Sent, Traffic};

/// A sender with one event, and what an attempt was answered.
fn ledger(answers: &[Option<(u16, &str)>]) -> Ledger {
    ledger_of(Fate::Effect, answers)
}

fn ledger_of(fate: Fate, answers: &[Option<(u16, &str)>]) -> Ledger {
    let event = Sent { body: "{}".to_owned(), fate };
    let ledger = Ledger::of(&Traffic { events: vec![event], sendings: Vec::new() });
    for (nth, answer) in answers.iter().enumerate() {
        let answer = answer.map(|(status, said)| Answer {
            status,
            body: json!({"status": said, "eventId": "evt_1", "kept": (400..500).contains(&status)}),
            retry_after: (status == 503).then_some(Duration::from_secs(1)),
        });
        let now = Instant::now();
        ledger.note(Attempt { event: 0, request_id: format!("r{nth}"), answer, from: now, until: now });
    }
    ledger
}

/// What the services say when that event came by these requests, the first one first, and was applied so often.
fn found(requests: &[&str], applied: usize, state: &str) -> Found {
    let mut found = Found::default();
    let id = || "evt_1".to_owned();
    for (nth, request) in requests.iter().enumerate() {
        let status = if nth == 0 { "accepted" } else { "duplicate" };
        found.received.insert((*request).to_owned(), vec![(status.to_owned(), id())]);
    }
    found.accepted.extend(requests.first().map(|request| (id(), vec![(*request).to_owned()])));
    found.inbox.extend(requests.first().map(|_| (id(), vec![state.to_owned()])));
    if applied > 0 {
        found.applied.insert(id(), applied);
    }
    found
}

fn broken(found: &Found, ledger: &Ledger, kind: Kind, whole: bool) -> Vec<Broken> {
    let terms = Terms { kind, spool: false, whole, gaps: None };
    found.problems(ledger, &terms).into_iter().map(|problem| problem.broken).collect()
}

#[test]
fn what_is_as_it_must_be_is_no_problem() {
    let sent = ledger(&[None, Some((503, "")), Some((200, "accepted")), Some((200, "duplicate"))]);
    assert_eq!(broken(&found(&["r2", "r3"], 1, "applied"), &sent, Kind::Kill, true), []);
    // Nobody was told that it was stored; it was, and the retry heard so.
    let sent = ledger(&[None, Some((200, "duplicate"))]);
    assert_eq!(broken(&found(&["r0", "r1"], 1, "superseded"), &sent, Kind::Kill, true), []);
    // Nothing was stored, and nobody was told otherwise.
    assert_eq!(broken(&found(&[], 0, ""), &ledger(&[None]), Kind::Kill, false), []);
}

#[test]
fn each_broken_promise_is_seen() {
    let sent = ledger(&[Some((200, "accepted"))]);
    let lost = broken(&found(&[], 0, ""), &sent, Kind::Kill, true);
    assert_eq!(lost, [Broken::Lost, Broken::Untold]);
    assert_eq!(broken(&found(&["r0"], 0, "applied"), &sent, Kind::Kill, true), [Broken::Half]);
    assert_eq!(broken(&found(&["r0"], 1, "pending"), &sent, Kind::Kill, true), [Broken::Half]);
    assert_eq!(broken(&found(&["r0"], 1, "dead_lettered"), &sent, Kind::Kill, true), [Broken::Half]);
    assert_eq!(broken(&found(&["r0"], 2, "applied"), &sent, Kind::Kill, true), [Broken::Doubled]);
    let mut twice = found(&["r0"], 1, "applied");
    twice.accepted.insert("evt_1".to_owned(), vec!["r0".to_owned(), "r0".to_owned()]);
    assert_eq!(broken(&twice, &sent, Kind::Kill, true), [Broken::Doubled]);
    let mut told_twice = found(&["r0"], 1, "applied");
    told_twice.received.insert("r9".to_owned(), vec![("refused".to_owned(), String::new()); 2]);
    assert_eq!(broken(&told_twice, &sent, Kind::Kill, true), [Broken::Doubled]);
    let mut other = found(&["r0"], 1, "applied");
    other.accepted.insert("evt_2".to_owned(), vec!["r0".to_owned()]);
    other.applied.insert("evt_2".to_owned(), 1);
    other.inbox.insert("evt_2".to_owned(), vec!["applied".to_owned()]);
    assert_eq!(broken(&other, &sent, Kind::Kill, true), [Broken::Doubled]);
    let mut untold = found(&["r0"], 1, "applied");
    untold.received.clear();
    assert_eq!(broken(&untold, &sent, Kind::Kill, true), [Broken::Untold]);
    assert_eq!(broken(&found(&[], 0, ""), &ledger(&[None]), Kind::Kill, true), [Broken::Stuck]);
}

#[test]
fn what_must_have_no_effect_is_kept_once_and_has_none() {
    let kept = |fate, applied, state| {
        let mut found = found(&["r0", "r1"], applied, state);
        found.accepted.clear();
        let status = if fate == Fate::Unrecognized { "unrecognized" } else { "held" };
        for entries in found.received.values_mut() {
            *entries = vec![(status.to_owned(), "evt_1".to_owned())];
        }
        let answer = if fate == Fate::Unrecognized { (200, status) } else { (409, "") };
        broken(&found, &ledger_of(fate, &[Some(answer), Some(answer)]), Kind::Kill, true)
    };
    assert_eq!(kept(Fate::Reused, 0, "held"), []);
    assert_eq!(kept(Fate::Unreadable, 0, "held"), []);
    assert_eq!(kept(Fate::Unrecognized, 0, "unrecognized"), []);
    assert_eq!(kept(Fate::Reused, 1, "held"), [Broken::Half]);
    assert!(!kept(Fate::Reused, 1, "applied").is_empty());
    // Once for each attempt.
    assert_eq!(kept(Fate::Unrecognized, 0, "held"), [Broken::Half, Broken::Half]);
    // An event that is to take effect must not be told that it is held, nor a reuse that it is accepted.
    assert!(kept(Fate::Effect, 0, "held").contains(&Broken::Answer));
    let taken = ledger_of(Fate::Reused, &[Some((200, "accepted"))]);
    assert_eq!(
        broken(&found(&["r0"], 1, "applied"), &taken, Kind::Kill, true),
        [Broken::Answer, Broken::Half]
    );
}

#[test]
fn trouble_is_told_by_its_own_status() {
    for (status, kind, fine) in [
        (503, Kind::Disk, true),
        (500, Kind::Disk, false),
        (502, Kind::Sync, false),
        (502, Kind::Kill, true),
        (400, Kind::Kill, false),
    ] {
        let problems = broken(&found(&[], 0, ""), &ledger(&[Some((status, ""))]), kind, false);
        assert_eq!(problems.is_empty(), fine, "{status}: {problems:?}");
    }
}

/// An event that came by r0, and, through a spool that could not see that, by r1 as another.
fn found_twice() -> Found {
    let mut found = found(&["r0"], 1, "applied");
    found.accepted.insert("evt_2".to_owned(), vec!["r1".to_owned()]);
    found.received.insert("r1".to_owned(), vec![("accepted".to_owned(), "evt_2".to_owned())]);
    found.inbox.insert("evt_2".to_owned(), vec!["superseded".to_owned()]);
    found.duplicates.insert("evt_2".to_owned(), vec!["evt_1".to_owned()]);
    found
}

#[test]
fn what_a_spool_could_not_see_is_one_event_where_the_trail_says_so() {
    let sent = ledger(&[Some((200, "accepted")), None]);
    assert_eq!(broken(&found_twice(), &sent, Kind::Outage, true), []);
    let mut applied = found_twice();
    applied.applied.insert("evt_2".to_owned(), 1);
    assert_eq!(broken(&applied, &sent, Kind::Outage, true), [Broken::Half]);
    let mut untold = found_twice();
    untold.duplicates.clear();
    assert_eq!(broken(&untold, &sent, Kind::Outage, true), [Broken::Half, Broken::Doubled]);
    let mut lost = found_twice();
    lost.accepted.remove("evt_1");
    lost.inbox.remove("evt_1");
    lost.applied.clear();
    assert!(broken(&lost, &sent, Kind::Outage, true).contains(&Broken::Lost));
}

#[test]
fn who_tries_once_is_heard_unless_there_was_nobody() {
    let sent = ledger(&[Some((503, ""))]);
    let tried = sent.attempts().pop().expect("an attempt");
    let within = |from, until| {
        let gaps = [Gap { from, until }];
        let terms = Terms { kind: Kind::Outage, spool: true, whole: false, gaps: Some(&gaps) };
        Found::default().problems(&sent, &terms).len()
    };
    let second = Duration::from_secs(1);
    assert_eq!(within(tried.from - second, tried.until + second), 0);
    assert_eq!(within(tried.from - second * 2, tried.from - second), 1);
    assert_eq!(within(tried.until + second, tried.until + second * 2), 1);
}
