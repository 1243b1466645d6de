//! The platform's side of a run: it delivers events as the contract says a sender does, repeating what was not answered with success,
//! and writes down every attempt. Some senders try once and leave it at that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use trading_sim::platform::{Delivery, Plan};

use crate::outside::{Answer, Outside};
use crate::scenario::Scenario;

/// How long an event is tried, which ought to be longer than any trouble.
const TRYING: Duration = Duration::from_secs(90);

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
}

/// All that was sent.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The different bodies.
    pub(crate) events: Vec<String>,
    attempts: Mutex<Vec<Attempt>>,
}

impl Ledger {
    /// A ledger of a plan's events.
    pub(crate) fn of(plan: &Plan) -> Self {
        let firsts = plan.deliveries.iter().filter(|delivery| !delivery.repeated);
        Self {
            events: firsts.map(|delivery| delivery.event.body.clone()).collect(),
            attempts: Mutex::default(),
        }
    }

    /// The attempts so far.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The events that no attempt had acknowledged.
    pub(crate) fn unacknowledged(&self) -> Vec<usize> {
        let attempts = self.attempts();
        let taken =
            |event: &usize| attempts.iter().any(|one| one.event == *event && one.acknowledged().is_some());
        (0..self.events.len()).filter(|event| !taken(event)).collect()
    }

    pub(crate) fn note(&self, attempt: Attempt) {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).push(attempt);
    }
}

/// Sends what a plan says, several at once, spread over about a second, or over an outage.
pub(crate) async fn send(outside: &Outside, scenario: &Scenario, plan: &Plan, ledger: &Arc<Ledger>) {
    let places: BTreeMap<&str, usize> =
        ledger.events.iter().enumerate().map(|(place, body)| (body.as_str(), place)).collect();
    let mut rng = Rng::with_seed(!scenario.seed);
    let mut under_way = JoinSet::new();
    let mut next = Instant::now();
    for (nth, Delivery { event, .. }) in plan.deliveries.iter().enumerate() {
        let Some(place) = places.get(event.body.as_str()).copied() else { continue };
        while under_way.len() >= scenario.at_once {
            under_way.join_next().await;
        }
        let name = format!("f{}.{nth}", scenario.seed);
        let tries = if rng.f64() < scenario.once { 1 } else { usize::MAX };
        under_way.spawn(deliver(outside.clone(), Arc::clone(ledger), place, name, tries));
        // Counted from the last moment, not from when that was over: the rate is to be steady however busy the machine is.
        next += Duration::from_millis(rng.u64(..scenario.longest_pause()));
        sleep_until(next).await;
    }
    while under_way.join_next().await.is_some() {}
}

/// Sends again what nobody has acknowledged.
pub(crate) async fn send_again(outside: &Outside, scenario: &Scenario, ledger: &Arc<Ledger>) {
    let mut under_way = JoinSet::new();
    for place in ledger.unacknowledged() {
        let name = format!("f{}.again.{place}", scenario.seed);
        under_way.spawn(deliver(outside.clone(), Arc::clone(ledger), place, name, usize::MAX));
    }
    while under_way.join_next().await.is_some() {}
}

/// Tries until the event is acknowledged or refused for good.
async fn deliver(outside: Outside, ledger: Arc<Ledger>, event: usize, name: String, tries: usize) {
    let Some(body) = ledger.events.get(event).cloned() else { return };
    let until = Instant::now() + TRYING;
    for tried in 0..tries {
        let request_id = format!("{name}.{tried}");
        let from = Instant::now();
        let answer = outside.deliver(&body, &request_id).await;
        let again = answer.as_ref().is_none_or(|answer| answer.status >= 500 || answer.status == 429);
        let told = answer.as_ref().and_then(|answer| answer.retry_after);
        ledger.note(Attempt { event, request_id, answer, from, until: Instant::now() });
        if !again || Instant::now() > until {
            return;
        }
        sleep(told.unwrap_or(PAUSE).min(LONGEST_PAUSE)).await;
    }
}
