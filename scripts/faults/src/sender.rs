//! The platform's side of a run: it delivers events as the contract says a sender does, repeating what was not answered with success,
//! and writes down every attempt. Some senders try once and leave it at that.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::outside::{Answer, Outside, Who};
use crate::scenario::Scenario;
use crate::traffic::{Sending, Sent, Traffic};

/// How long an event is tried, which ought to be longer than any trouble.
const TRYING: Duration = Duration::from_secs(90);

/// How long what follows an event waits for its effect, while all else goes on. The leases of the dead end before that.
const TAKING_EFFECT: Duration = Duration::from_secs(12);

/// Between tries, unless the answer says otherwise; the contract's seconds are shortened to it, for they are many in a campaign.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// One attempt to deliver an event.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// Which event of the ledger.
    pub(crate) event: usize,
    pub(crate) request_id: String,
    /// `None`: no answer came.
    pub(crate) answer: Option<Answer>,
    /// From when on it was under way, and when that was over.
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

impl Attempt {
    /// What the services said if they said that they have it: the word, and the event's id.
    pub(crate) fn acknowledged(&self) -> Option<(&str, &str)> {
        let answer = self.answer.as_ref().filter(|answer| (200..300).contains(&answer.status))?;
        let text = |name: &str| answer.body.get(name).and_then(Value::as_str);
        Some((text("status")?, text("eventId")?))
    }

    /// The same of what was kept, even if it was refused: that is called held, as on the trail.
    pub(crate) fn kept(&self) -> Option<(&str, &str)> {
        let refused = || {
            let body = &self.answer.as_ref().filter(|answer| (400..500).contains(&answer.status))?.body;
            let kept = body.get("kept").and_then(Value::as_bool)?;
            Some(("held", body.get("eventId").filter(|_| kept)?.as_str()?))
        };
        self.acknowledged().or_else(refused)
    }
}

/// All that was sent.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The different events.
    pub(crate) events: Vec<Sent>,
    attempts: Mutex<Vec<Attempt>>,
}

impl Ledger {
    /// A ledger of these.
    pub(crate) fn of(traffic: &Traffic) -> Self {
        Self { events: traffic.events.clone(), attempts: Mutex::default() }
    }

    /// The attempts so far.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The events of which no attempt was told that they are kept.
    pub(crate) fn unacknowledged(&self) -> Vec<usize> {
        let attempts = self.attempts();
        let taken = |event: &usize| attempts.iter().any(|one| one.event == *event && one.kept().is_some());
        (0..self.events.len()).filter(|event| !taken(event)).collect()
    }

    pub(crate) fn note(&self, attempt: Attempt) {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).push(attempt);
    }
}

/// Sends all traffic, several at once, spread over about a second, or over an outage.
pub(crate) async fn send(outside: &Outside, scenario: &Scenario, traffic: &Traffic, ledger: &Arc<Ledger>) {
    let mut rng = Rng::with_seed(!scenario.seed);
    let (mut under_way, mut later) = (JoinSet::new(), JoinSet::new());
    let mut next = Instant::now();
    for (nth, sending) in traffic.sendings.iter().enumerate() {
        while under_way.len() >= scenario.at_once {
            under_way.join_next().await;
        }
        let name = format!("f{}.{nth}", scenario.seed);
        let tries = if rng.f64() < scenario.once { 1 } else { usize::MAX };
        let (outside, ledger, sending) = (outside.clone(), Arc::clone(ledger), sending.clone());
        if sending.then.is_empty() {
            under_way.spawn(async move { drop(deliver(&outside, &ledger, &sending, &name, tries).await) });
        } else {
            // Waits for long, and must hold up nobody.
            let patience = TAKING_EFFECT + scenario.away();
            later.spawn(async move { deliver_all(&outside, &ledger, &sending, &name, patience).await });
        }
        // Counted from the last moment, not from when that was over: the rate is to be steady however busy the machine is.
        next += Duration::from_millis(rng.u64(..scenario.longest_pause()));
        sleep_until(next).await;
    }
    while under_way.join_next().await.is_some() {}
    while later.join_next().await.is_some() {}
}

/// Sends again what nobody has acknowledged: first what takes effect, for something else may have to come after it.
pub(crate) async fn send_again(
    outside: &Outside,
    scenario: &Scenario,
    traffic: &Traffic,
    ledger: &Arc<Ledger>,
) {
    let waiting = ledger.unacknowledged();
    let follows = |event: &usize| {
        traffic
            .sendings
            .iter()
            .any(|first| first.then.iter().any(|one| one.event == *event && first.event != *event))
    };
    let (followers, firsts): (Vec<usize>, Vec<usize>) = waiting.into_iter().partition(follows);
    let mut under_way = JoinSet::new();
    for event in firsts {
        let Some(Sent { body, .. }) = ledger.events.get(event) else { continue };
        let sending = Sending { event, body: body.clone(), then: Vec::new() };
        let name = format!("f{}.again.{event}", scenario.seed);
        let (outside, ledger) = (outside.clone(), Arc::clone(ledger));
        under_way.spawn(async move { drop(deliver(&outside, &ledger, &sending, &name, usize::MAX).await) });
    }
    while under_way.join_next().await.is_some() {}
    for first in &traffic.sendings {
        if first.then.iter().any(|one| followers.contains(&one.event)) {
            let name = format!("f{}.again.{}", scenario.seed, first.event);
            deliver_all(outside, ledger, first, &name, TRYING).await;
        }
    }
}

/// Delivers an event, and, once it has taken effect, what is to come after it. Nothing of that if it does not take effect in time.
async fn deliver_all(outside: &Outside, ledger: &Ledger, first: &Sending, name: &str, patience: Duration) {
    let Some(id) = deliver(outside, ledger, first, name, usize::MAX).await else { return };
    let until = Instant::now() + patience;
    while !has_effect(outside, &id).await {
        if Instant::now() > until {
            return;
        }
        sleep(PAUSE).await;
    }
    for (nth, sending) in first.then.iter().enumerate() {
        deliver(outside, ledger, sending, &format!("{name}.then{nth}"), usize::MAX).await;
    }
}

/// Was this event applied, or another that is the same? Then its id stands for its facts, wherever it comes again.
async fn has_effect(outside: &Outside, id: &str) -> bool {
    let event = outside.get_now(Who::Staff, &format!("/api/webhooks/events/{id}")).await;
    let state = event.as_ref().and_then(|event| event.get("state")?.as_str());
    matches!(state, Some("applied" | "superseded"))
}

/// Tries until the event is kept or refused for good; its id, if it is kept.
async fn deliver(
    outside: &Outside,
    ledger: &Ledger,
    sending: &Sending,
    name: &str,
    tries: usize,
) -> Option<String> {
    let until = Instant::now() + TRYING;
    for tried in 0..tries {
        let request_id = format!("{name}.{tried}");
        let from = Instant::now();
        let answer = outside.deliver(&sending.body, &request_id).await;
        let again = answer.as_ref().is_none_or(|answer| answer.status >= 500 || answer.status == 429);
        let told = answer.as_ref().and_then(|answer| answer.retry_after);
        let attempt = Attempt { event: sending.event, request_id, answer, from, until: Instant::now() };
        let kept = attempt.kept().map(|(_, id)| id.to_owned());
        ledger.note(attempt);
        if !again || Instant::now() > until {
            return kept;
        }
        sleep(told.unwrap_or(PAUSE).min(LONGEST_PAUSE)).await;
    }
    None
}
