//! What the services say of a run's events, on the trail and in the inbox, held against itself and against what senders were told.

use std::collections::{BTreeMap, BTreeSet};

use contract::clock::Timestamp;
use serde_json::Value;

use crate::check::{Broken, Problem};
use crate::error::Error;
use crate::inject::Gap;
use crate::outside::{Outside, Who};
use crate::scenario::Kind;
use crate::sender::{Attempt, Ledger};

/// What is to hold besides what always does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) kind: Kind,
    /// Every event must be there.
    pub(crate) whole: bool,
    /// Every event that was sent must be there, however often it was tried, unless it was in one of these times.
    pub(crate) gaps: Option<&'a [Gap]>,
}

/// What the services say of the events since a time.
#[derive(Default)]
pub(crate) struct Found {
    /// By event: the requests that brought it first, by the trail.
    accepted: BTreeMap<String, Vec<String>>,
    /// By request: the status and event of its entries.
    received: BTreeMap<String, Vec<(String, String)>>,
    /// By event: how often it was applied, by the trail.
    applied: BTreeMap<String, usize>,
    /// By event: where it stands, by the inbox.
    inbox: BTreeMap<String, Vec<String>>,
    /// By event that went through a spool, and was then found to be there already: under which id, each time that it was told.
    duplicates: BTreeMap<String, Vec<String>>,
    /// Attempts that went through a spool.
    pub(crate) spooled: u64,
}

impl Found {
    pub(crate) async fn look(outside: &Outside, since: Timestamp) -> Result<Self, Error> {
        let (mut accepted, mut received) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        let mut spooled = 0;
        for entry in outside.trail("webhook.receive", since).await? {
            spooled += u64::from(entry.pointer("/details/spooled") == Some(&Value::Bool(true)));
            let (event, status) = (text(&entry, "/target/id"), text(&entry, "/details/status"));
            let request = text(&entry, "/requestId");
            if status == "accepted" {
                accepted.entry(event.clone()).or_default().push(request.clone());
            }
            received.entry(request).or_default().push((status, event));
        }
        let mut duplicates = BTreeMap::<_, Vec<_>>::new();
        for entry in outside.trail("webhook.drain", since).await? {
            let first = text(&entry, "/details/duplicateOf");
            duplicates.entry(text(&entry, "/target/id")).or_default().push(first);
        }
        let mut applied = BTreeMap::new();
        for entry in outside.trail("event.apply", since).await? {
            *applied.entry(text(&entry, "/details/eventId")).or_default() += 1;
        }
        let mut inbox = BTreeMap::<_, Vec<_>>::new();
        for event in outside.list(Who::Staff, &format!("/api/webhooks/events?from={since}"), "events").await?
        {
            inbox.entry(text(&event, "/eventId")).or_default().push(text(&event, "/state"));
        }
        Ok(Self { accepted, received, applied, inbox, duplicates, spooled })
    }

    /// Was this event applied, by the trail?
    pub(crate) fn was_applied(&self, id: &str) -> bool {
        self.applied.contains_key(id)
    }

    pub(crate) fn problems(&self, ledger: &Ledger, terms: &Terms<'_>) -> Vec<Problem> {
        let mut problems = self.against_itself();
        problems.extend(self.against(ledger, terms));
        problems
    }

    /// What was stored was applied, once, and nothing else was.
    fn against_itself(&self) -> Vec<Problem> {
        let ids: BTreeSet<&String> =
            self.accepted.keys().chain(self.applied.keys()).chain(self.inbox.keys()).collect();
        let ids = ids.into_iter().chain(self.duplicates.keys().filter(|id| !self.inbox.contains_key(*id)));
        ids.filter_map(|id| self.of_one(id)).collect()
    }

    fn of_one(&self, id: &String) -> Option<Problem> {
        let accepted = self.accepted.get(id).map_or(0, Vec::len);
        let applied = self.applied.get(id).copied().unwrap_or(0);
        let standing = self.inbox.get(id).map_or(&[] as &[String], Vec::as_slice);
        let firsts = self.duplicates.get(id).map_or(&[] as &[String], Vec::as_slice);
        let resolved = standing.iter().all(|state| state == "applied" || state == "superseded");
        let broken = match (accepted, applied, standing, firsts) {
            (1, 1, [_], []) if resolved => return None,
            // An event that was there already, which the spool could not see: it stands beside the first one, without effect.
            (0 | 1, 0, [state], [first])
                if state == "superseded"
                    && self.accepted.contains_key(first)
                    && !self.duplicates.contains_key(first) =>
            {
                return None;
            }
            (a, b, c, d) if a > 1 || b > 1 || c.len() > 1 || d.len() > 1 => Broken::Doubled,
            _ => Broken::Half,
        };
        let what = format!(
            "event {id}: accepted {accepted} times, applied {applied} times, in the inbox as {standing:?}, the same as {firsts:?}"
        );
        Some(Problem::new(broken, what))
    }

    /// The id under which an event takes effect.
    fn effective<'a>(&'a self, id: &'a str) -> &'a str {
        self.duplicates.get(id).and_then(|firsts| firsts.first()).map_or(id, String::as_str)
    }

    /// Does the trail have an attempt as it was answered?
    ///
    /// Where the database went away in a commit, the attempt may be kept by that commit and, once more, in the spool, each time with what
    /// could be seen there. The trail takes one of both, and tells by `webhook.drain` that the two ids are one event.
    fn is_told(&self, attempt: &Attempt, status: &str, id: &str) -> bool {
        let told = self.received.get(&attempt.request_id).map_or(&[] as &[(String, String)], Vec::as_slice);
        let in_doubt = |of: &str| {
            self.effective(of) == self.effective(id)
                && [of, id].iter().any(|one| self.duplicates.contains_key(*one))
        };
        told.iter().any(|(said, of)| (said == status && of == id) || in_doubt(of))
    }

    /// What senders were told is so.
    fn against(&self, ledger: &Ledger, terms: &Terms<'_>) -> Vec<Problem> {
        let attempts = ledger.attempts();
        let events_of: BTreeMap<&str, usize> =
            attempts.iter().map(|attempt| (attempt.request_id.as_str(), attempt.event)).collect();
        let twice = self.received.iter().filter(|(_, entries)| entries.len() > 1);
        let mut problems: Vec<Problem> = twice
            .map(|(request, entries)| {
                Problem::new(
                    Broken::Doubled,
                    format!("{request} is on the trail more than once: {entries:?}"),
                )
            })
            .collect();
        // By event of the sender's: ours.
        let mut ids: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        for (id, requests) in &self.accepted {
            for request in requests {
                match events_of.get(request.as_str()) {
                    Some(event) => drop(ids.entry(*event).or_default().insert(self.effective(id))),
                    None => problems.push(Problem::new(
                        Broken::Untold,
                        format!("event {id} came by {request}, which nobody made"),
                    )),
                }
            }
        }
        for attempt in &attempts {
            let Some((status, id)) = attempt.acknowledged() else {
                problems.extend(refused(attempt, terms.kind));
                continue;
            };
            ids.entry(attempt.event).or_default().insert(self.effective(id));
            if !self.accepted.contains_key(self.effective(id)) {
                problems.push(Problem::new(
                    Broken::Lost,
                    format!("event {id}, {status} to {}", attempt.request_id),
                ));
            }
            if !self.is_told(attempt, status, id) {
                let told = self.received.get(&attempt.request_id);
                problems.push(Problem::new(
                    Broken::Untold,
                    format!("{status} {id} to {}: the trail has {told:?}", attempt.request_id),
                ));
            }
        }
        for (event, ids) in ids.iter().filter(|(_, ids)| ids.len() > 1) {
            problems
                .push(Problem::new(Broken::Doubled, format!("event {event} of the sender's became {ids:?}")));
        }
        problems.extend(untaken(&attempts, &ids, terms.gaps));
        if terms.whole && ids.len() != ledger.events.len() {
            let what = format!("{} of {} events were taken in the end", ids.len(), ledger.events.len());
            problems.push(Problem::new(Broken::Stuck, what));
        }
        problems
    }
}

/// An event that is not taken is told so by the statuses of trouble that passes, if at all: where it is the disk's, by 503. Whoever
/// hears that hears when to come again, too.
fn refused(attempt: &Attempt, kind: Kind) -> Option<Problem> {
    let answer = attempt.answer.as_ref()?;
    let status = answer.status;
    let fine = match kind {
        _ if status == 503 && answer.retry_after.is_none() => false,
        Kind::Disk | Kind::Sync => status == 503,
        _ => (502..=504).contains(&status),
    };
    (!fine).then(|| Problem::new(Broken::Answer, format!("{status} to {}", attempt.request_id)))
}

/// Events that were sent while there was somebody to take them, and were not taken.
fn untaken(
    attempts: &[Attempt],
    taken: &BTreeMap<usize, BTreeSet<&str>>,
    gaps: Option<&[Gap]>,
) -> Vec<Problem> {
    let Some(gaps) = gaps else { return Vec::new() };
    let in_gap =
        |attempt: &Attempt| gaps.iter().any(|gap| attempt.from <= gap.until && gap.from <= attempt.until);
    let heard = attempts.iter().filter(|attempt| !in_gap(attempt) && !taken.contains_key(&attempt.event));
    heard
        .map(|attempt| {
            let Attempt { event, request_id, answer, .. } = attempt;
            let what = format!("event {event} of the sender's, by {request_id}, was not taken: {answer:?}");
            Problem::new(Broken::Lost, what)
        })
        .collect()
}

/// The text at a place of an entry; empty where there is none.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::{Duration, Instant};
    use trading_sim::platform::{Plan, PlanOptions};

    use super::*;
    use crate::outside::Answer;

    /// A sender with one event, and what an attempt was answered.
    fn ledger(answers: &[Option<(u16, &str)>]) -> Ledger {
        let ledger = Ledger::of(&Plan::new(&PlanOptions::new(1, 1)));
        for (nth, answer) in answers.iter().enumerate() {
            let answer = answer.map(|(status, said)| Answer {
                status,
                body: json!({"status": said, "eventId": "evt_1"}),
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
        let terms = Terms { kind, whole, gaps: None };
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
            let terms = Terms { kind: Kind::Outage, whole: false, gaps: Some(&gaps) };
            Found::default().problems(&sent, &terms).len()
        };
        let second = Duration::from_secs(1);
        assert_eq!(within(tried.from - second, tried.until + second), 0);
        assert_eq!(within(tried.from - second * 2, tried.from - second), 1);
        assert_eq!(within(tried.until + second, tried.until + second * 2), 1);
    }
}
