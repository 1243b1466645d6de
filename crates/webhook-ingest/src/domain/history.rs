//! The story of one event, put together from what the inbox has, what the trail says of its attempts, and what service-api says that
//! it left behind. Pure: who could not be asked is told apart, and the story goes without.

use std::collections::HashMap;

use contract::clock::Timestamp;
use contract::history::{
    EventEffect, EventHistory, Prospect, SignatureScheme, Standing, StatedField, Step, StepKind,
};
use contract::ids::EventId;
use contract::inbox::{EventDetails, EventSummary, HeldBecause, ReplayOutcome};
use contract::internal::ApplyEvent;
use contract::internal::trace::{Attempt, Attempts, Traces};
use contract::problems::FieldError;
use contract::resources::EventState;

/// What the inbox has.
#[derive(Debug, Clone)]
pub struct Stored {
    /// All about it.
    pub details: EventDetails,
    /// How its signature was shown.
    pub signature: SignatureScheme,
    /// What it says by the mapping of today, if it is an event by that.
    pub said: Option<ApplyEvent>,
    /// What a replay would come to, where there is something to replay.
    pub replay: Option<Prospect>,
}

impl Stored {
    /// Did it come to something in the record? Then service-api knows more.
    #[must_use]
    pub fn left_traces(&self) -> bool {
        matches!(
            self.details.summary.state,
            EventState::Applied | EventState::Superseded | EventState::Conflict
        )
    }
}

/// What others say of it; `None` for who could not be asked.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// service-api: what it left behind, if anything.
    pub traces: Option<Option<Traces>>,
    /// The events that stand in its place, by their intake numbers.
    pub others: HashMap<i64, EventId>,
    /// audit-log: its attempts.
    pub attempts: Option<Attempts>,
}

/// The whole story.
#[must_use]
pub fn story(stored: Stored, told: Told) -> EventHistory {
    let mut unanswered = Vec::new();
    if told.traces.is_none() && stored.left_traces() {
        unanswered.push(contract::internal::SERVICE_API.to_owned());
    }
    if told.attempts.is_none() {
        unanswered.push(contract::internal::AUDIT_LOG.to_owned());
    }
    let traces = told.traces.flatten();
    let Stored { details, signature, replay, .. } = stored;
    let steps = steps(&details, told.attempts.as_ref(), traces.as_ref());
    let EventDetails { summary, problem, warnings, next_attempt_at, .. } = details;
    EventHistory {
        summary,
        signature,
        problem: problem.map(|HeldBecause { code, errors }| HeldBecause { code, errors: nameless(errors) }),
        warnings: nameless(warnings),
        next_attempt_at,
        steps,
        effect: traces.map(|traces| effect(traces, &told.others)),
        replay: replay.map(|prospect| Prospect { errors: nameless(prospect.errors), ..prospect }),
        unanswered,
    }
}

/// The same without words of the sender's: a key that is there twice may be anything, an address too.
fn nameless(errors: Vec<FieldError>) -> Vec<FieldError> {
    let nameless = |error: FieldError| match error.code.as_str() {
        "duplicate_key" => FieldError::new("", error.code, "A key is there twice."),
        _ => error,
    };
    errors.into_iter().map(nameless).collect()
}

fn effect(traces: Traces, others: &HashMap<i64, EventId>) -> EventEffect {
    let Traces { client, merged_into, changes, fields, transaction, .. } = traces;
    let fields = fields.into_iter().map(|traced| StatedField {
        by: others.get(&traced.intake).copied().filter(|_| traced.standing != Standing::Stands),
        field: traced.field,
        of: traced.of,
        standing: traced.standing,
    });
    EventEffect { client, merged_into, changes, fields: fields.collect(), transaction }
}

fn steps(details: &EventDetails, attempts: Option<&Attempts>, traces: Option<&Traces>) -> Vec<Step> {
    let summary = &details.summary;
    let mut steps = deliveries(details, attempts);
    let acts = attempts.map(|attempts| attempts.acts.as_slice()).unwrap_or_default();
    steps.extend(acts.iter().filter_map(|act| of_act(act, summary.replayed_at)));
    // An entry is on its way to the trail for a moment, and for as long as that is away; the row is not.
    let told = acts.iter().filter(|act| was_replayed(act)).map(|_| 1).sum();
    let missing = u64::try_from(summary.replays).unwrap_or_default().saturating_sub(told);
    if let Some(at) = summary.replayed_at.filter(|_| missing > 0) {
        let status = Some(ReplayOutcome::Replayed.as_str().to_owned());
        steps.push(Step { status, times: missing, ..step(at, StepKind::Replayed) });
    }
    steps.extend(end(summary, traces));
    steps.sort_by_key(|step| step.at);
    steps
}

/// Its receipt, which the row knows, and its repeats, which only the trail does.
fn deliveries(details: &EventDetails, attempts: Option<&Attempts>) -> Vec<Step> {
    let EventDetails { summary, problem, .. } = details;
    let first = attempts.and_then(|attempts| attempts.first.as_ref());
    let receipt = first.filter(|first| first.status.as_deref() != Some("duplicate"));
    let by_row = match (summary.state, problem) {
        (_, Some(_)) => Some("held"),
        (EventState::Unrecognized, None) => Some("unrecognized"),
        _ if summary.replays > 0 => None,
        _ => Some("accepted"),
    };
    let status = receipt.and_then(|receipt| receipt.status.clone()).or(by_row.map(str::to_owned));
    let mut steps = vec![Step {
        status,
        reason: problem.as_ref().map(|because| because.code.as_str().to_owned()),
        spooled: receipt.is_some_and(|receipt| receipt.spooled),
        ..step(summary.received_at, StepKind::Received)
    }];
    let Some(attempts) = attempts else { return steps };
    let again = if receipt.is_some() { attempts.second.as_ref() } else { first };
    let times = attempts.deliveries.saturating_sub(u64::from(receipt.is_some()));
    if let Some(again) = again {
        let until = attempts.last.as_ref().map(|last| last.at).filter(|_| times > 1);
        steps.push(Step {
            status: again.status.clone(),
            reason: again.reason.clone(),
            times,
            until,
            ..step(again.at, StepKind::ReceivedAgain)
        });
    }
    steps
}

fn was_replayed(act: &Attempt) -> bool {
    act.action == "event.replay" && act.status.as_deref() == Some(ReplayOutcome::Replayed.as_str())
}

/// An act as a step. How the present life of the event ended, the row says: of earlier ones only the trail knows.
fn of_act(act: &Attempt, replayed_at: Option<Timestamp>) -> Option<Step> {
    let earlier = replayed_at.is_some_and(|replayed_at| act.at < replayed_at);
    let what = match act.action.as_str() {
        "event.replay" => StepKind::Replayed,
        "webhook.drain" => StepKind::Drained,
        "webhook.dead_letter" if earlier => StepKind::DeadLettered,
        "webhook.conflict" if earlier => StepKind::Conflict,
        _ => return None,
    };
    Some(Step {
        status: act.status.clone(),
        reason: act.reason.clone(),
        by: act.staff.clone(),
        other: act.other,
        ..step(act.at, what)
    })
}

/// How it ended, if it did.
fn end(summary: &EventSummary, traces: Option<&Traces>) -> Option<Step> {
    let (what, applied) = match summary.state {
        EventState::Applied => (StepKind::Applied, true),
        EventState::Superseded => (StepKind::Superseded, true),
        EventState::Conflict => (StepKind::Conflict, false),
        EventState::DeadLettered => (StepKind::DeadLettered, false),
        EventState::Pending | EventState::Held | EventState::Unrecognized => return None,
    };
    let applied_at = traces.map(|traces| traces.applied_at).filter(|_| applied);
    let at = applied_at.or(summary.resolved_at)?;
    Some(Step { reason: summary.reason.clone(), ..step(at, what) })
}

fn step(at: Timestamp, what: StepKind) -> Step {
    Step {
        at,
        what,
        status: None,
        reason: None,
        times: 1,
        until: None,
        by: None,
        other: None,
        spooled: false,
    }
}
