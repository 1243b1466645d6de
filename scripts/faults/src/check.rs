//! What must hold after a run, looked at from the outside alone: by the answers that senders got, the trail, the inbox and the clients'
//! records. Every 2xx was applied exactly once; nothing was half applied; every attempt that was answered with success is on the trail.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::clock::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use trading_sim::check::look;
use trading_sim::platform::{ExpectedClient, Plan};

use crate::callers::{Call, What};
use crate::error::Error;
use crate::outside::{Outside, Who, segment};
use crate::scenario::Kind;
use crate::sender::{Attempt, Ledger};

/// How long everything may take to come to rest. The longest waits of the services are leases of the dead, and backoffs: 10 s each.
const REST: Duration = Duration::from_secs(75);

/// Between two looks, growing.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What kind of promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Broken {
    /// Acknowledged, and without effect.
    Lost,
    /// Done more than once.
    Doubled,
    /// Done in part.
    Half,
    /// Not on the trail.
    Untold,
    /// The record is not what it must be.
    Record,
    /// An answer that must not be.
    Answer,
    /// A retry was not accepted, or something did not come to rest.
    Stuck,
}

/// A broken promise.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    pub(crate) broken: Broken,
    pub(crate) what: String,
}

impl Problem {
    fn new(broken: Broken, what: impl Into<String>) -> Self {
        Self { broken, what: what.into() }
    }
}

/// Looks until all is as it must be; the problems of the last look, if it never is. With `whole`, every event must be there.
pub(crate) async fn events(
    outside: &Outside,
    ledger: &Ledger,
    since: Timestamp,
    (kind, whole): (Kind, bool),
) -> Result<Vec<Problem>, Error> {
    at_rest(outside).await?;
    until_none(async || {
        let found = Found::look(outside, since).await?;
        Ok(found.problems(ledger, kind, whole))
    })
    .await
}

/// Waits until no event is pending, or too long: what the whole look that follows would see again and again is asked for by itself.
async fn at_rest(outside: &Outside) -> Result<(), Error> {
    let until = Instant::now() + REST;
    let pending = "/api/webhooks/events?state=pending&limit=1";
    while Instant::now() < until {
        let page = outside.get(Who::Staff, pending).await?;
        if page.get("events").and_then(Value::as_array).is_none_or(Vec::is_empty) {
            break;
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// The records of all clients, and their histories.
pub(crate) async fn records(outside: &Outside, plan: &Plan, calls: &[Call]) -> Result<Vec<Problem>, Error> {
    let crm = outside.platform()?;
    let mut problems = Vec::new();
    for (id, expected) in &plan.expectation.clients {
        let differences = look(expected, &crm).await?;
        problems.extend(
            differences.into_iter().map(|what| Problem::new(Broken::Record, format!("client {id}: {what}"))),
        );
        let of_client: Vec<&Call> = calls.iter().filter(|call| call.client == *id).collect();
        problems.extend(until_none(async || history(outside, expected, &of_client).await).await?);
    }
    Ok(problems)
}

/// The calls that were to be made once each: answered in the end, done once, on the trail.
pub(crate) async fn calls(
    outside: &Outside,
    calls: &[Call],
    since: Timestamp,
) -> Result<Vec<Problem>, Error> {
    let mut problems = Vec::new();
    for call in calls.iter().filter(|call| call.done_by.is_none()) {
        problems.push(Problem::new(Broken::Stuck, format!("{:?} was never taken: {}", call.what, call.last)));
    }
    let told = until_none(async || {
        let mut untold = Vec::new();
        for (action, sessions) in [("note.add", false), ("client.impersonate", true)] {
            let entries = outside.trail(action, since).await?;
            for call in calls.iter().filter(|call| matches!(call.what, What::Session) == sessions) {
                let Some(request) = &call.done_by else { continue };
                let told = entries.iter().filter(|entry| text(entry, "/requestId") == *request);
                match told.filter(|entry| text(entry, "/outcome") == "success").count() {
                    1 => {}
                    0 => untold.push(Problem::new(Broken::Untold, format!("{action} by {request}"))),
                    more => untold.push(Problem::new(
                        Broken::Doubled,
                        format!("{action} by {request}: {more} entries"),
                    )),
                }
            }
        }
        Ok(untold)
    });
    problems.extend(told.await?);
    Ok(problems)
}

async fn until_none(look: impl AsyncFn() -> Result<Vec<Problem>, Error>) -> Result<Vec<Problem>, Error> {
    let until = Instant::now() + REST;
    let mut pause = PAUSE;
    loop {
        let problems = look().await?;
        if problems.is_empty() || Instant::now() > until {
            return Ok(problems);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What the services say of the events since a time.
struct Found {
    /// By event: the requests that brought it first, by the trail.
    accepted: BTreeMap<String, Vec<String>>,
    /// By request: the status and event of its entries.
    received: BTreeMap<String, Vec<(String, String)>>,
    /// By event: how often it was applied, by the trail.
    applied: BTreeMap<String, usize>,
    /// By event: where it stands, by the inbox.
    inbox: BTreeMap<String, Vec<String>>,
}

impl Found {
    async fn look(outside: &Outside, since: Timestamp) -> Result<Self, Error> {
        let (mut accepted, mut received) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for entry in outside.trail("webhook.receive", since).await? {
            let (event, status) = (text(&entry, "/target/id"), text(&entry, "/details/status"));
            let request = text(&entry, "/requestId");
            if status == "accepted" {
                accepted.entry(event.clone()).or_default().push(request.clone());
            }
            received.entry(request).or_default().push((status, event));
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
        Ok(Self { accepted, received, applied, inbox })
    }

    fn problems(&self, ledger: &Ledger, kind: Kind, whole: bool) -> Vec<Problem> {
        let mut problems = self.against_itself();
        problems.extend(self.against(ledger, kind, whole));
        problems
    }

    /// What was stored was applied, once, and nothing else was.
    fn against_itself(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let ids: BTreeSet<&String> =
            self.accepted.keys().chain(self.applied.keys()).chain(self.inbox.keys()).collect();
        for id in ids {
            let accepted = self.accepted.get(id).map_or(0, Vec::len);
            let applied = self.applied.get(id).copied().unwrap_or(0);
            let standing = self.inbox.get(id).map_or(&[] as &[String], Vec::as_slice);
            let resolved = standing.iter().all(|state| state == "applied" || state == "superseded");
            let broken = match (accepted, applied, standing.len()) {
                (1, 1, 1) if resolved => continue,
                (a, b, c) if a > 1 || b > 1 || c > 1 => Broken::Doubled,
                _ => Broken::Half,
            };
            let what = format!(
                "event {id}: accepted {accepted} times, applied {applied} times, in the inbox as {standing:?}"
            );
            problems.push(Problem::new(broken, what));
        }
        problems
    }

    /// What senders were told is so.
    fn against(&self, ledger: &Ledger, kind: Kind, whole: bool) -> Vec<Problem> {
        let attempts = ledger.attempts();
        let events_of: BTreeMap<&str, usize> =
            attempts.iter().map(|attempt| (attempt.request_id.as_str(), attempt.event)).collect();
        let mut problems = Vec::new();
        // By event of the sender's: ours.
        let mut ids: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        for (id, requests) in &self.accepted {
            for request in requests {
                match events_of.get(request.as_str()) {
                    Some(event) => drop(ids.entry(*event).or_default().insert(id)),
                    None => problems.push(Problem::new(
                        Broken::Untold,
                        format!("event {id} came by {request}, which nobody made"),
                    )),
                }
            }
        }
        for attempt in &attempts {
            let Some((status, id)) = attempt.acknowledged() else {
                problems.extend(refused(attempt, kind));
                continue;
            };
            ids.entry(attempt.event).or_default().insert(id);
            if !self.accepted.contains_key(id) {
                problems.push(Problem::new(
                    Broken::Lost,
                    format!("event {id}, {status} to {}", attempt.request_id),
                ));
            }
            let told =
                self.received.get(&attempt.request_id).map_or(&[] as &[(String, String)], Vec::as_slice);
            if !told.iter().any(|(said, of)| said == status && of == id) {
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
        if whole && ids.len() != ledger.events.len() {
            let what = format!("{} of {} events were taken in the end", ids.len(), ledger.events.len());
            problems.push(Problem::new(Broken::Stuck, what));
        }
        problems
    }
}

/// An event that is not taken is told so by the statuses of trouble that passes, if at all: where it is the disk's, by 503.
fn refused(attempt: &Attempt, kind: Kind) -> Option<Problem> {
    let status = attempt.answer.as_ref()?.status;
    let fine = match kind {
        Kind::Disk | Kind::Sync => status == 503,
        _ => (502..=504).contains(&status),
    };
    (!fine).then(|| Problem::new(Broken::Answer, format!("{status} to {}", attempt.request_id)))
}

/// Each thing that happened to a client stands in the history, once.
async fn history(
    outside: &Outside,
    expected: &ExpectedClient,
    calls: &[&Call],
) -> Result<Vec<Problem>, Error> {
    let path = format!("/api/service/clients/{}", segment(expected.email()));
    let activities = outside.list(Who::Platform, &format!("{path}/activity?"), "activities").await?;
    let notes = outside.list(Who::Platform, &format!("{path}/notes?"), "notes").await?;
    let sessions = outside.list(Who::Staff, "/api/impersonations?", "impersonations").await?;
    let client = expected.record.get("clientId").and_then(Value::as_str).unwrap_or_default();
    let paid = |kind: &str| expected.transactions.iter().filter(|one| one.kind.as_str() == kind).count();
    let noted = |wanted: &str| notes.iter().filter(|note| text(note, "/comment") == wanted).count();
    let opened = sessions.iter().filter(|session| text(session, "/clientId") == client).count();
    let wanted_sessions = calls.iter().filter(|call| matches!(call.what, What::Session)).count();
    let mut counts = vec![
        ("client.registered".to_owned(), 1, None),
        ("deposit.completed".to_owned(), paid("deposit.completed"), None),
        ("withdrawal.completed".to_owned(), paid("withdrawal.completed"), None),
        ("note.added".to_owned(), notes.len(), None),
        // A session whose answer was lost was opened all the same: as often as it is listed.
        ("client.impersonated".to_owned(), opened.max(wanted_sessions), None),
    ];
    for call in calls {
        if let What::Note(wanted) = &call.what {
            counts.push((format!("\"{wanted}\""), 1, Some(noted(wanted))));
        }
    }
    let differs = counts.into_iter().filter_map(|(what, wanted, found)| {
        let of_type = || activities.iter().filter(|activity| text(activity, "/type") == what).count();
        let found = found.unwrap_or_else(of_type);
        let broken = if found > wanted { Broken::Doubled } else { Broken::Lost };
        (found != wanted).then(|| {
            Problem::new(broken, format!("{what} of client {client}: {found} where {wanted} are due"))
        })
    });
    Ok(differs.collect())
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trading_sim::platform::PlanOptions;

    use super::*;
    use crate::outside::Answer;

    /// A sender with one event, and what an attempt was answered.
    fn ledger(answers: &[Option<(u16, &str)>]) -> Ledger {
        let ledger = Ledger::of(&Plan::new(&PlanOptions::new(1, 1)));
        for (nth, answer) in answers.iter().enumerate() {
            let answer = answer.map(|(status, said)| Answer {
                status,
                body: json!({"status": said, "eventId": "evt_1"}),
                retry_after: None,
            });
            ledger.note(Attempt { event: 0, request_id: format!("r{nth}"), answer });
        }
        ledger
    }

    /// What the services say when that event came by these requests, the first one first, and was applied so often.
    fn found(requests: &[&str], applied: usize, state: &str) -> Found {
        let mut found = Found {
            accepted: BTreeMap::new(),
            received: BTreeMap::new(),
            applied: BTreeMap::new(),
            inbox: BTreeMap::new(),
        };
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
        found.problems(ledger, kind, whole).into_iter().map(|problem| problem.broken).collect()
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
}
