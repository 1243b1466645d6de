//! What must hold after a run, looked at from the outside alone: by the answers that senders got, the trail and the inbox ([`crate::found`]), and
//! the clients' records. Every 2xx was applied exactly once; nothing was half applied; every attempt that was answered with success is on the trail.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::clock::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use trading_sim::check::look;
use trading_sim::platform::{Expectation, ExpectedClient};

use crate::callers::{Call, What};
use crate::error::Error;
use crate::found::{Found, Terms, text};
use crate::outside::{Outside, Who, segment};
use crate::sender::Ledger;
use crate::world::World;

/// How long everything may take to come to rest. The longest waits of the services are leases of the dead, and backoffs: 10 s each.
const REST: Duration = Duration::from_secs(75);

/// How much longer for each event, which only counts where they are very many.
const EACH: Duration = Duration::from_millis(20);

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
    /// A service ended by itself, or panicked.
    Died,
}

/// A broken promise.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    pub(crate) broken: Broken,
    pub(crate) what: String,
}

impl Problem {
    pub(crate) fn new(broken: Broken, what: impl Into<String>) -> Self {
        Self { broken, what: what.into() }
    }
}

/// Looks until all is as it must be; the problems of the last look, if it never is, and what was found.
pub(crate) async fn events(
    world: &World,
    ledger: &Ledger,
    since: Timestamp,
    terms: &Terms<'_>,
) -> Result<(Vec<Problem>, Found), Error> {
    let (outside, rest) = (world.outside()?, rest(ledger));
    if let Some(waiting) = drained(world, rest).await {
        return Ok((vec![waiting], Found::default()));
    }
    at_rest(&outside, rest).await?;
    let mut last = Found::default();
    let problems = until_none(rest, async || {
        last = Found::look(&outside, since).await?;
        Ok(last.problems(ledger, terms))
    });
    Ok((problems.await?, last))
}

/// What clients' histories say is of events that were applied, each kind of thing once for an event. To be looked at before what nobody
/// acknowledged is sent again, which would make good what was done in part.
pub(crate) async fn effects(
    outside: &Outside,
    expectation: &Expectation,
    found: &Found,
) -> Result<Vec<Problem>, Error> {
    let mut problems = Vec::new();
    for (id, expected) in &expectation.clients {
        let path = format!("/api/service/clients/{}/activity?", segment(expected.email()));
        let activities = outside.list_if_there(Who::Platform, &path, "activities").await?;
        problems.extend(
            of_events(&activities, found)
                .map(|(broken, what)| Problem::new(broken, format!("client {id}: {what}"))),
        );
    }
    Ok(problems)
}

/// What is wrong with activities that events made.
fn of_events<'a>(activities: &'a [Value], found: &'a Found) -> impl Iterator<Item = (Broken, String)> {
    let mut seen = BTreeSet::new();
    let of_event = activities.iter().map(|one| (text(one, "/type"), text(one, "/metadata/eventId")));
    of_event.filter(|(_, event)| !event.is_empty()).filter_map(move |(kind, event)| {
        if !found.was_applied(&event) {
            return Some((Broken::Half, format!("{kind} by {event}, which was not applied")));
        }
        let again = !seen.insert((kind.clone(), event.clone()));
        again.then(|| (Broken::Doubled, format!("{kind} by {event} more than once")))
    })
}

/// How long it may take until all of these events are done with.
fn rest(ledger: &Ledger) -> Duration {
    let events = u32::try_from(ledger.events.len()).unwrap_or(u32::MAX);
    REST + EACH.saturating_mul(events)
}

/// Waits until nothing waits in a spool, or too long: what is in one is nowhere else.
async fn drained(world: &World, rest: Duration) -> Option<Problem> {
    let until = Instant::now() + rest;
    loop {
        let waiting = world.spooled().await;
        if waiting == Some(0) {
            return None;
        }
        if Instant::now() > until {
            return Some(Problem::new(Broken::Stuck, format!("events that wait in spools: {waiting:?}")));
        }
        sleep(PAUSE).await;
    }
}

/// Waits until no event is pending, or too long: what the whole look that follows would see again and again is asked for by itself.
async fn at_rest(outside: &Outside, rest: Duration) -> Result<(), Error> {
    let until = Instant::now() + rest;
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
pub(crate) async fn records(
    outside: &Outside,
    expectation: &Expectation,
    calls: &[Call],
) -> Result<Vec<Problem>, Error> {
    let crm = outside.platform()?;
    let mut problems = Vec::new();
    for (id, expected) in &expectation.clients {
        let differences = look(expected, &crm).await?;
        problems.extend(
            differences.into_iter().map(|what| Problem::new(Broken::Record, format!("client {id}: {what}"))),
        );
        let of_client: Vec<&Call> = calls.iter().filter(|call| call.client == *id).collect();
        problems.extend(until_none(REST, async || history(outside, expected, &of_client).await).await?);
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
    let told = until_none(REST, async || {
        let mut untold = Vec::new();
        let actions: BTreeSet<&str> = calls.iter().map(|call| call.what.action()).collect();
        for action in actions {
            let entries = outside.trail(action, since).await?;
            for call in calls.iter().filter(|call| call.what.action() == action) {
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

async fn until_none(
    rest: Duration,
    mut look: impl AsyncFnMut() -> Result<Vec<Problem>, Error>,
) -> Result<Vec<Problem>, Error> {
    let until = Instant::now() + rest;
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
    let checked = |wanted: &str| {
        let changes = activities.iter().filter(|one| text(one, "/type") == "kyc.changed");
        changes.filter(|change| text(change, "/metadata/notes") == wanted).count()
    };
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
        match &call.what {
            What::Note(wanted) => counts.push((format!("\"{wanted}\""), 1, Some(noted(wanted)))),
            What::Kyc(status, wanted) => {
                counts.push((format!("{status}, \"{wanted}\""), 1, Some(checked(wanted))));
            }
            What::Session => {}
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
