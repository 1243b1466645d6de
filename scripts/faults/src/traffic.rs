//! What a run's senders send: the platform's life, some of it under ids of the sender's own, and besides it what must never have an effect.
//! An id comes again with the same facts, otherwise written, and with other facts; events come of a type that nobody knows, and bodies that
//! can't be read.

use std::collections::BTreeMap;

use contract::events::EventType;
use fastrand::Rng;
use serde_json::{Value, json};
use trading_sim::platform::{Event, Plan};

/// How probable it is that an event has an id of its sender's.
const IDENTIFIED: f64 = 0.5;

/// Of so many events one id comes again with other facts, and one at least.
const REUSED: usize = 40;

/// How many events of unknown type, and as many that can't be read.
const STRANGE: usize = 2;

/// What must come of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It takes effect, once.
    Effect,
    /// Its type is unknown: it is kept.
    Unrecognized,
    /// It can't be read: it is kept, and refused.
    Unreadable,
    /// Its id came with other facts before: it is kept, and refused.
    Reused,
}

impl Fate {
    /// May such an event be answered so? A spool can't see that an id is used again.
    pub(crate) fn is_due(self, status: &str, spool: bool) -> bool {
        match self {
            Self::Effect => matches!(status, "accepted" | "duplicate"),
            Self::Unrecognized => matches!(status, "unrecognized" | "duplicate"),
            Self::Unreadable => status == "held",
            Self::Reused => status == "held" || spool && matches!(status, "accepted" | "duplicate"),
        }
    }

    /// May it stand so? Whether what is to take effect has done so is looked at with the trail.
    pub(crate) fn stands_well(self, state: &str) -> bool {
        match self {
            Self::Effect => !matches!(state, "held" | "unrecognized"),
            Self::Unrecognized => state == "unrecognized",
            Self::Unreadable | Self::Reused => state == "held",
        }
    }
}

/// An event of the sender's.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) body: String,
    pub(crate) fate: Fate,
}

/// One sending of an event, retries not counted.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    /// Which event.
    pub(crate) event: usize,
    /// As it is written this time.
    pub(crate) body: String,
    /// What is sent after this one has taken effect, one after the other. Before that, which of two facts an id stands for would be
    /// decided by arrival.
    pub(crate) then: Vec<Sending>,
}

/// All that is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) events: Vec<Sent>,
    /// In order.
    pub(crate) sendings: Vec<Sending>,
}

impl Traffic {
    /// The traffic of a plan.
    pub(crate) fn of(seed: u64, plan: &Plan) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x0074_7261_6666_6963);
        let mut traffic = Self::default();
        let repeated: Vec<&str> =
            plan.deliveries.iter().filter(|one| one.repeated).map(|one| one.event.body.as_str()).collect();
        let mut places: BTreeMap<&str, (usize, Option<String>)> = BTreeMap::new();
        let mut reuses = (plan.events() / REUSED).max(1);
        for delivery in &plan.deliveries {
            let plain = delivery.event.body.as_str();
            if let Some((event, id)) = places.get(plain).cloned() {
                let body = id.map_or_else(|| plain.to_owned(), |id| respelled(plain, &id));
                traffic.sendings.push(Sending { event, body, then: Vec::new() });
                continue;
            }
            let id = (rng.f64() < IDENTIFIED).then(|| format!("run{seed}-{}", traffic.events.len()));
            let body = id.as_deref().map_or_else(|| plain.to_owned(), |id| identified(plain, id));
            let event = traffic.add(body.clone(), Fate::Effect);
            places.insert(plain, (event, id.clone()));
            let mut then = Vec::new();
            // One that is sent again might meet, in a spool, nothing but the other facts, and would be told that it is the reuse.
            if let Some(id) = id.filter(|_| reuses > 0 && !repeated.contains(&plain))
                && let Some(other) = with_other_facts(&delivery.event)
            {
                reuses -= 1;
                then = traffic.reuse(event, (plain, &other), &id, &mut rng);
            }
            traffic.sendings.push(Sending { event, body, then });
        }
        traffic.add_strange(seed, plan, &mut rng);
        traffic
    }

    fn add(&mut self, body: String, fate: Fate) -> usize {
        self.events.push(Sent { body, fate });
        self.events.len() - 1
    }

    /// The same facts once more, then others, up to three times.
    fn reuse(&mut self, first: usize, (plain, other): (&str, &str), id: &str, rng: &mut Rng) -> Vec<Sending> {
        let body = identified(other, id);
        let event = self.add(body.clone(), Fate::Reused);
        let again = Sending { event: first, body: respelled(plain, id), then: Vec::new() };
        let spellings = [body, respelled(other, id), identified(other, id)];
        let reuses = spellings.into_iter().take(rng.usize(1..=3));
        std::iter::once(again).chain(reuses.map(|body| Sending { event, body, then: Vec::new() })).collect()
    }

    /// Events of unknown types, and bodies that can't be read, each sent once or twice at any place.
    fn add_strange(&mut self, seed: u64, plan: &Plan, rng: &mut Rng) {
        let client = plan.expectation.clients.keys().next().cloned().unwrap_or_default();
        for nth in 0..STRANGE {
            let unknown = json!({
                "event": "bonus.granted",
                "data": {"clientId": client, "amount": "10.00", "bonus": format!("{seed}-{nth}")},
                "timestamp": "2025-10-13T19:00:00Z",
            });
            let without_amount = json!({
                "event": "deposit.completed",
                "data": {"clientId": client, "transactionId": format!("unreadable-{seed}-{nth}")},
                "timestamp": "2025-10-13T19:00:00Z",
            });
            let unreadable = match nth % 2 {
                0 => without_amount.to_string(),
                _ => format!("{without_amount}, and no JSON"),
            };
            for (body, fate) in [(unknown.to_string(), Fate::Unrecognized), (unreadable, Fate::Unreadable)] {
                let event = self.add(body.clone(), fate);
                for _ in 0..rng.usize(1..=2) {
                    let place = rng.usize(..=self.sendings.len());
                    self.sendings.insert(place, Sending { event, body: body.clone(), then: Vec::new() });
                }
            }
        }
    }
}

/// A payment of the same client at the same time, but another one: if it ever took effect, the client's payments would show it.
fn with_other_facts(event: &Event) -> Option<String> {
    if !matches!(event.kind, EventType::DepositCompleted | EventType::WithdrawalCompleted) {
        return None;
    }
    let mut body: Value = serde_json::from_str(&event.body).ok()?;
    let data = body.get_mut("data")?.as_object_mut()?;
    let other = format!("{}-other", data.get("transactionId")?.as_str()?);
    data.insert("transactionId".to_owned(), json!(other));
    data.insert("amount".to_owned(), json!("77.70"));
    Some(body.to_string())
}

/// An event with an id of its sender's. It is not read and written anew: its numbers are to stay as they are, to the last digit.
fn identified(body: &str, id: &str) -> String {
    format!("{{\"id\":\"{id}\",{}}}", members(body))
}

/// The same facts under the same id in other bytes.
fn respelled(body: &str, id: &str) -> String {
    let mut escaped = String::new();
    for letter in members(body).chars() {
        if letter.is_ascii() {
            escaped.push(letter);
        } else {
            let units = letter.encode_utf16(&mut [0; 2]).to_vec();
            units.iter().for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
        }
    }
    format!("{{ {escaped} ,\n  \"id\": \"{id}\" }}\n")
}

/// What stands between the braces.
fn members(body: &str) -> &str {
    body.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(body)
}

#[cfg(test)]
mod tests {
    use trading_sim::platform::PlanOptions;

    use super::*;

    fn traffic(seed: u64) -> (Plan, Traffic) {
        let plan = Plan::new(&PlanOptions { duplicates: 0.3, ..PlanOptions::new(seed, 60) });
        let traffic = Traffic::of(seed, &plan);
        (plan, traffic)
    }

    fn read(body: &str) -> Value {
        serde_json::from_str(body).expect("JSON")
    }

    #[test]
    fn all_of_the_plan_is_sent_and_the_rest_has_no_effect() {
        let (plan, traffic) = traffic(5);
        let effects = traffic.events.iter().filter(|event| event.fate == Fate::Effect).count();
        assert_eq!(effects, plan.events());
        for fate in [Fate::Unrecognized, Fate::Unreadable, Fate::Reused] {
            assert!(traffic.events.iter().any(|event| event.fate == fate), "{fate:?}");
        }
        let sent: Vec<usize> = traffic.sendings.iter().map(|sending| sending.event).collect();
        let after = traffic.sendings.iter().flat_map(|sending| &sending.then);
        let sent: Vec<usize> = sent.into_iter().chain(after.map(|sending| sending.event)).collect();
        assert!((0..traffic.events.len()).all(|event| sent.contains(&event)));
    }

    #[test]
    fn another_spelling_has_the_same_facts_and_other_bytes() {
        let body = "{\"event\":\"kyc.updated\",\"data\":{\"lastName\":\"Łukasik 😀\",\"amount\":0.1}}";
        let (one, other) = (identified(body, "7"), respelled(body, "7"));
        assert_ne!(one, other);
        assert!(other.is_ascii());
        assert_eq!(read(&one), read(&other));
        assert_eq!(read(&one)["id"], "7");
    }

    #[test]
    fn a_reuse_follows_its_first_which_is_not_sent_after_it() {
        for seed in 0..20 {
            let (_, traffic) = traffic(seed);
            let reused = traffic.sendings.iter().filter(|sending| !sending.then.is_empty());
            for first in reused {
                let sendings = traffic.sendings.iter().filter(|sending| sending.event == first.event);
                assert_eq!(sendings.count(), 1);
                let fates: Vec<Fate> =
                    first.then.iter().map(|sending| traffic.events[sending.event].fate).collect();
                assert_eq!((fates[0], fates[1]), (Fate::Effect, Fate::Reused));
                let (one, other) = (read(&first.body), read(&first.then[1].body));
                assert_eq!(one["id"], other["id"]);
                assert_ne!(one["data"], other["data"]);
            }
        }
    }
}
