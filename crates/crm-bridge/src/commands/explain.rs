//! `crm-bridge explain`: in plain lines what happened to one webhook event, when and why. Fields are named; what they hold is not told.

use std::collections::BTreeMap;
use std::path::Path;

use contract::clock::Timestamp;
use contract::events::Warning;
use contract::history::{
    Change, EventEffect, EventHistory, Prospect, ProspectOutcome, SignatureScheme, Standing, Step, StepKind,
};
use contract::ids::EventId;
use contract::resources::{ActivityType, EventState, TransactionState};

use super::api::{Api, one, plain, understood};
use super::{Ended, say};
use crate::cli::events::ShowArgs;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(data: &Path, arguments: &ShowArgs) -> Ended {
    let api = Api::of(data, &arguments.api)?;
    let body = api.get(&format!("{}/history", one(&arguments.event_id)), &[]).await??;
    if arguments.api.json {
        say(body);
    } else {
        lines(&understood(body)?).iter().for_each(|line| say(plain(line)));
    }
    Ok(true)
}

/// The whole story.
fn lines(history: &EventHistory) -> Vec<String> {
    let summary = &history.summary;
    let event_type = summary.event_type.as_deref().unwrap_or("event of no type");
    let mut lines = vec![format!("{} {event_type} from {}", summary.event_id, summary.source)];
    lines.extend(history.steps.iter().map(|step| line(&time(step.at), &told(step, history))));
    if let Some(effect) = &history.effect {
        lines.extend(since(effect).iter().map(|told| line("since then", told)));
    }
    lines.extend(now(history).map(|told| line("now", &told)));
    lines.extend(history.warnings.iter().map(|warning| line("noted", &fault(warning))));
    let id = summary.event_id;
    lines.extend(history.replay.iter().flat_map(|replay| next(id, replay)).map(|told| line("next", &told)));
    lines.extend(history.unanswered.iter().map(|service| {
        line("not known", &format!("what {service} knows of it: it did not answer, ask again later"))
    }));
    lines
}

fn line(when: &str, told: &str) -> String {
    format!("{when:<27}  {told}")
}

/// `2026-11-25 10:00:01.123 UTC`
fn time(at: Timestamp) -> String {
    let text: String = at.to_string().chars().take("2026-11-25T10:00:01.123".len()).collect();
    format!("{} UTC", text.replace('T', " "))
}

fn told(step: &Step, history: &EventHistory) -> String {
    let reason = step.reason.as_deref();
    match step.what {
        StepKind::Received => received(step, history),
        StepKind::ReceivedAgain => received_again(step),
        StepKind::Drained => {
            let other = step.other.map(|id| format!(" of {id}")).unwrap_or_default();
            format!("taken from the spool: {}{other}", step.status.as_deref().unwrap_or("stored"))
        }
        StepKind::Replayed => replayed(step),
        StepKind::Applied => applied(history.effect.as_ref()),
        StepKind::Superseded => match reason {
            Some("duplicate") => "not applied: the same event was there already".to_owned(),
            Some("rejected_by_staff") => "superseded: staff decided that other facts stand".to_owned(),
            _ => format!(
                "applied{}: changed nothing, newer statements were there",
                whose(history.effect.as_ref())
            ),
        },
        StepKind::Conflict => {
            format!("in conflict with what is on record ({})", reason.unwrap_or("unknown reason"))
        }
        StepKind::DeadLettered => {
            format!("refused for good, a dead letter: {}", reason.unwrap_or("unknown reason"))
        }
    }
}

fn received(step: &Step, history: &EventHistory) -> String {
    let header = match history.signature {
        SignatureScheme::Own => "own header",
        SignatureScheme::StandardWebhooks => "Standard Webhooks",
    };
    let place = if step.spooled { "stored in the spool while the database was away" } else { "stored" };
    let end = match step.status.as_deref() {
        Some("unrecognized") => ", as an event type that was not known".to_owned(),
        Some("held") => {
            let faults = history.problem.iter().flat_map(|because| &because.errors).map(place_of);
            let faults: String = faults.map(|fault| format!("; {fault}")).collect();
            format!(" and held: {}{faults}", step.reason.as_deref().unwrap_or("it could not be read"))
        }
        _ => String::new(),
    };
    format!("received, signature verified ({header}), {place}{end}")
}

fn received_again(step: &Step) -> String {
    let answered = match step.status.as_deref() {
        Some("held") => "refused as before",
        _ => "answered as duplicate",
    };
    match step.until {
        Some(until) => format!("received again: {answered} ({} times until {})", step.times, time(until)),
        None => format!("received again: {answered}"),
    }
}

fn replayed(step: &Step) -> String {
    let by = step.by.as_ref().map(|id| format!(" by {id}")).unwrap_or_default();
    let times = if step.times > 1 { format!(" ({} times until then)", step.times) } else { String::new() };
    match (step.status.as_deref(), step.reason.as_deref()) {
        (Some("replayed"), _) => format!("replayed{by}: read again, and put to work{times}"),
        (Some(outcome), _) => format!("replay asked for{by}: {}, so nothing was done", in_text(outcome)),
        (None, reason) => format!("replay asked for{by}: {}", in_text(reason.unwrap_or("refused"))),
    }
}

fn in_text(word: &str) -> String {
    word.replace('_', " ")
}

/// ` to client cl_...`
fn whose(effect: Option<&EventEffect>) -> String {
    let Some(EventEffect { client, merged_into, .. }) = effect else { return String::new() };
    let now = merged_into.map(|id| format!(" (part of {id} since)")).unwrap_or_default();
    format!(" to client {client}{now}")
}

fn applied(effect: Option<&EventEffect>) -> String {
    let changes: Vec<String> =
        effect.iter().flat_map(|known| known.changes.iter().map(|change| changed(change, known))).collect();
    match (effect, changes.is_empty()) {
        (None, _) => "applied".to_owned(),
        (Some(_), true) => format!("applied{}: all of it stood so already", whose(effect)),
        (Some(_), false) => format!("applied{}: {}", whose(effect), changes.join("; ")),
    }
}

fn changed(change: &Change, effect: &EventEffect) -> String {
    let fields = change.fields.join(", ");
    match change.activity_type {
        ActivityType::ClientRegistered => {
            let stated: Vec<&str> = effect.fields.iter().map(|stated| stated.field.as_str()).collect();
            if stated.is_empty() {
                "registered".to_owned()
            } else {
                format!("registered, stating {}", stated.join(", "))
            }
        }
        ActivityType::AccountChanged if change.new && fields.is_empty() => "recorded an account".to_owned(),
        ActivityType::AccountChanged if change.new => format!("recorded an account: {fields}"),
        ActivityType::AccountChanged => format!("changed of an account {fields}"),
        ActivityType::DepositCompleted => "told of a deposit".to_owned(),
        ActivityType::WithdrawalCompleted => "told of a withdrawal".to_owned(),
        _ => format!("changed {fields}"),
    }
}

/// What came after it.
fn since(effect: &EventEffect) -> Vec<String> {
    let mut groups: BTreeMap<(Standing, Option<EventId>), Vec<&str>> = BTreeMap::new();
    for stated in effect.fields.iter().filter(|stated| stated.standing != Standing::Stands) {
        groups.entry((stated.standing, stated.by)).or_default().push(&stated.field);
    }
    let groups = groups.into_iter().map(|((standing, by), fields)| {
        let (fields, were) = (fields.join(", "), if fields.len() == 1 { "was" } else { "were" });
        let by = by.map_or_else(|| "in the CRM".to_owned(), |id| format!("by {id} (a later statement)"));
        match standing {
            Standing::Confirmed => format!("{fields} {were} stated the same {by}"),
            Standing::Overtaken | Standing::Stands => format!("{fields} {were} changed {by}"),
        }
    });
    let transaction = match effect.transaction {
        Some(TransactionState::Conflict) => {
            Some("the transaction is in conflict, and in no total".to_owned())
        }
        Some(TransactionState::Rejected) => Some("staff decided against the transaction".to_owned()),
        Some(TransactionState::Completed) | None => None,
    };
    groups.chain(transaction).collect()
}

/// Where it stands, unless its last step says so.
fn now(history: &EventHistory) -> Option<String> {
    let summary = &history.summary;
    match (summary.state, summary.attempts) {
        (EventState::Pending, 0) => Some("waiting to be applied".to_owned()),
        (EventState::Pending, attempts) => {
            let reason = summary.reason.as_deref().unwrap_or("unknown reason");
            let next =
                history.next_attempt_at.map(|at| format!(", next at {}", time(at))).unwrap_or_default();
            Some(format!("waiting to be applied: tried {attempts} times in vain, last for {reason}{next}"))
        }
        (state @ (EventState::Held | EventState::Unrecognized), _) => Some(state.as_str().to_owned()),
        _ => None,
    }
}

/// What staff can do.
fn next(id: EventId, replay: &Prospect) -> Vec<String> {
    let other = replay.other.map_or_else(|| "another event".to_owned(), |id| id.to_string());
    match replay.outcome {
        ProspectOutcome::Replayable => vec![format!("crm-bridge events replay {id}")],
        ProspectOutcome::Unreadable => replay
            .errors
            .iter()
            .map(|error| format!("it still can't be read: {}", fault(error)))
            .chain([format!("once the mapping is mended (KYC_WORDS): crm-bridge events replay {id}")])
            .collect(),
        ProspectOutcome::Unrecognized => {
            vec![format!("after an upgrade to a version that knows its type: crm-bridge events replay {id}")]
        }
        ProspectOutcome::SameEventKept => {
            vec![format!("nothing: the same event was taken as {other}; crm-bridge explain {other}")]
        }
        ProspectOutcome::EventIdReused => vec![
            format!("its id came first with {other}, which says something else"),
            format!("to apply both: crm-bridge events replay {id} --accept-reused-id"),
        ],
    }
}

fn fault(error: &Warning) -> String {
    format!("{}: {}", place_of(error), error.detail)
}

fn place_of(error: &Warning) -> String {
    format!("{} {}", error.pointer, error.code).trim_start().to_owned()
}
