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
use crate::traffic::Fate;

/// What is to hold besides what always does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) kind: Kind,
    /// Have the replicas of webhook-ingest spools, which can't see what was there before?
    pub(crate) spool: bool,
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
    /// Events that went through a spool as accepted, and stand as held.
    refused_later: BTreeSet<String>,
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
        let mut refused_later = BTreeSet::new();
        for entry in outside.trail("webhook.drain", since).await? {
            let (event, first) = (text(&entry, "/target/id"), text(&entry, "/details/duplicateOf"));
            if text(&entry, "/details/status") == "held" {
                refused_later.insert(event);
            } else {
                duplicates.entry(event).or_default().push(first);
            }
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
        Ok(Self { accepted, received, applied, inbox, duplicates, refused_later, spooled })
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

    /// What was stored was applied, once, or stands without effect, once; and nothing else was applied.
    fn against_itself(&self) -> Vec<Problem> {
        let told = self.received.values().flatten().map(|(_, event)| event).filter(|event| !event.is_empty());
        let ids = self.accepted.keys().chain(self.applied.keys()).chain(self.inbox.keys());
        let ids: BTreeSet<&String> = ids.chain(told).collect();
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
                    && self.inbox.contains_key(first)
                    && !self.duplicates.contains_key(first) =>
            {
                return None;
            }
            // Kept without effect. Whether it may be so is the sender's matter, see `against`.
            (0, 0, [state], []) if state == "held" || state == "unrecognized" => return None,
            (1, 0, [state], []) if state == "held" && self.refused_later.contains(id) => return None,
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
    /// `unseen`: what the spool said differs where it could not see what the commit saw, and the id is the same.
    fn is_told(&self, attempt: &Attempt, status: &str, id: &str, unseen: bool) -> bool {
        let told = self.received.get(&attempt.request_id).map_or(&[] as &[(String, String)], Vec::as_slice);
        let in_doubt = |of: &str| {
            self.effective(of) == self.effective(id)
                && [of, id].iter().any(|one| self.duplicates.contains_key(*one))
        };
        told.iter().any(|(said, of)| of == id && (said == status || unseen) || in_doubt(of))
    }

    /// What one sender was told is so, and is what there is to be told of such an event.
    fn of_attempt(
        &self,
        attempt: &Attempt,
        (status, id): (&str, &str),
        fate: Fate,
        spool: bool,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        let request = &attempt.request_id;
        if !fate.is_due(status, spool) {
            problems.push(Problem::new(Broken::Answer, format!("{status} {id} to {request}, a {fate:?}")));
        }
        let standing = self.inbox.get(self.effective(id)).map_or(&[] as &[String], Vec::as_slice);
        match standing {
            [] => {
                problems.push(Problem::new(Broken::Lost, format!("event {id}, {status} to {request}")));
            }
            [state] if fate.stands_well(state) => {}
            _ => {
                let what = format!("event {id}, a {fate:?}, {status} to {request}, stands as {standing:?}");
                problems.push(Problem::new(Broken::Half, what));
            }
        }
        if !self.is_told(attempt, status, id, fate == Fate::Reused && spool) {
            let told = self.received.get(request);
            problems.push(Problem::new(
                Broken::Untold,
                format!("{status} {id} to {request}: the trail has {told:?}"),
            ));
        }
        problems
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
            let Some((status, id)) = attempt.kept() else {
                problems.extend(refused(attempt, terms.kind));
                continue;
            };
            ids.entry(attempt.event).or_default().insert(self.effective(id));
            let fate = ledger.events.get(attempt.event).map_or(Fate::Effect, |event| event.fate);
            problems.extend(self.of_attempt(attempt, (status, id), fate, terms.spool));
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
mod tests;
