//! Refusals of unknown callers, counted: the first of each actor, address, route and reason in a second is kept in full, the rest as a
//! number. So a flood costs the trail little, and the counts still add up. What waits here is lost by a kill; nothing else is.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auth::random::Random;
use contract::audit::{Actor, Entry, Sealed, Text};
use contract::clock::Clock;
use contract::ids::EntryId;

use super::{Recorder, seal};
use crate::problem::chain;

/// How often what waits is handed to the recorder.
pub(crate) const FLUSH_EVERY: Duration = Duration::from_millis(500);

/// How many actors, addresses, routes and reasons are told apart; further ones are counted without their address.
const MOST_KEYS: usize = 10_000;

/// How many entries may wait for a recorder that fails; further refusals are only counted.
const MOST_WAITING: usize = 20_000;

/// How many entries the recorder is given at once.
const BATCH: usize = 500;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    actor: Actor,
    address: Option<Text>,
    route: Option<String>,
    reason: Option<String>,
}

struct Slot {
    /// The second whose first refusal was kept in full.
    second: i64,
    /// The latest refusal, standing for all that are only counted.
    latest: Entry,
    counted: u64,
}

#[derive(Default)]
struct State {
    slots: HashMap<Key, Slot>,
    /// Kept in full, not sealed yet.
    whole: Vec<Entry>,
    /// Sealed, refused by the recorder at least once.
    waiting: VecDeque<Sealed>,
}

/// Counts refusals, and hands them to the recorder in time.
pub(crate) struct Refusals {
    clock: Clock,
    state: Mutex<State>,
}

impl Refusals {
    /// An empty counter.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Notes one refusal. A `whole` one is kept in full in any case.
    pub(crate) fn note(&self, entry: Entry, whole: bool) {
        let second = entry.time.as_seconds();
        let state = &mut *self.lock();
        let room = state.whole.len() + state.waiting.len() < MOST_WAITING;
        let mut key = Key {
            actor: entry.actor.clone(),
            address: entry.address.clone(),
            route: entry.route.clone(),
            reason: entry.reason.clone(),
        };
        let folded = !state.slots.contains_key(&key) && state.slots.len() >= MOST_KEYS;
        if folded {
            key.address = None;
        }
        let slot = state.slots.entry(key).or_insert_with(|| Slot {
            second: i64::MIN,
            latest: anonymised(entry.clone(), folded),
            counted: 0,
        });
        let first = slot.second != second && !folded;
        if room && (whole || first) {
            slot.second = if first { second } else { slot.second };
            state.whole.push(entry);
        } else {
            slot.counted = slot.counted.saturating_add(1);
            slot.latest = anonymised(entry, folded);
        }
    }

    /// Hands all that waits to the recorder. What it does not take waits for the next time.
    pub(crate) async fn flush(&self, random: &Random, recorder: &Recorder) {
        let mut left = self.take(random);
        while !left.is_empty() {
            let batch: Vec<Sealed> = left.iter().take(BATCH).cloned().collect();
            let size = batch.len();
            if let Err(error) = recorder.record_all(batch).await {
                tracing::warn!(
                    entries = left.len(),
                    cause = chain(&error),
                    "counted refusals wait for the audit trail"
                );
                self.lock().waiting = left;
                return;
            }
            left.drain(..size);
        }
    }

    /// How many entries wait, those of counts included.
    pub(crate) fn waiting(&self) -> usize {
        let state = self.lock();
        let counts = state.slots.values().filter(|slot| slot.counted > 0).count();
        state.whole.len() + state.waiting.len() + counts
    }

    /// Everything that is due, sealed, oldest first. While too much waits already, counts go on growing where they are.
    fn take(&self, random: &Random) -> VecDeque<Sealed> {
        let now = self.clock.now();
        let (mut sealed, entries) = {
            let state = &mut *self.lock();
            let mut entries = std::mem::take(&mut state.whole);
            let room = MOST_WAITING.saturating_sub(state.waiting.len() + entries.len());
            for slot in state.slots.values_mut().filter(|slot| slot.counted > 0).take(room) {
                let count = std::mem::take(&mut slot.counted);
                entries.push(Entry { id: EntryId::new(now, random.bytes()), count, ..slot.latest.clone() });
            }
            state.slots.retain(|_, slot| slot.counted > 0 || slot.second >= now.as_seconds());
            (std::mem::take(&mut state.waiting), entries)
        };
        sealed.extend(entries.iter().map(|entry| seal(entry, random)));
        sealed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing inside can be half done: every change is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all counted refusals of a kind have in common.
fn anonymised(entry: Entry, folded: bool) -> Entry {
    let address = if folded { None } else { entry.address };
    Entry { address, request_id: None, target: None, details: BTreeMap::new(), ..entry }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use contract::audit::{ActorKind, Category, Outcome};
    use contract::clock::Timestamp;
    use proptest::prelude::*;

    use super::super::RecordError;
    use super::*;

    fn refusal(clock: &Clock, address: u32) -> Entry {
        Entry {
            id: EntryId::new(clock.now(), [0; 10]),
            time: clock.now(),
            service: "test",
            category: Category::System,
            action: "request.refuse".to_owned(),
            outcome: Outcome::Refused,
            reason: Some("route_not_found".to_owned()),
            actor: Actor::anonymous(),
            target: None,
            address: Some(Text::personal(address.to_string())),
            request_id: Some("req".to_owned()),
            method: None,
            route: None,
            count: 1,
            details: BTreeMap::new(),
        }
    }

    /// A recorder that adds up the counts of what it takes, and refuses everything while told to.
    fn summing() -> (Recorder, Arc<AtomicU64>, Arc<AtomicBool>) {
        let (sum, fails) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (summed, failing) = (Arc::clone(&sum), Arc::clone(&fails));
        let recorder = Recorder::batches(move |entries| {
            let counts = entries.iter().map(|sealed| {
                let payload: serde_json::Value = serde_json::from_str(&sealed.payload).expect("JSON");
                payload["count"].as_u64().expect("a count")
            });
            let taken = if failing.load(Ordering::SeqCst) {
                Err(RecordError::new("told to fail"))
            } else {
                summed.fetch_add(counts.sum(), Ordering::SeqCst);
                Ok(())
            };
            std::future::ready(taken)
        });
        (recorder, sum, fails)
    }

    #[tokio::test]
    async fn a_flood_from_everywhere_costs_bounded_memory_and_still_adds_up() {
        let (clock, hands) = Clock::manual(Timestamp::from_micros(0));
        let (recorder, sum, fails) = summing();
        let refusals = Refusals::new(clock.clone());
        fails.store(true, Ordering::SeqCst);
        let random = Random::seeded(1);
        for round in 0..4_u32 {
            for address in 0..15_000 {
                refusals.note(refusal(&clock, round * 15_000 + address), false);
            }
            refusals.flush(&random, &recorder).await;
            hands.advance(Duration::from_secs(1));
            let state = refusals.lock();
            assert!(state.slots.len() <= MOST_KEYS + 1, "{} keys", state.slots.len());
            assert!(state.waiting.len() + state.whole.len() <= MOST_WAITING, "{} wait", state.waiting.len());
        }
        fails.store(false, Ordering::SeqCst);
        // Twice: the first makes the room that the counts waited for.
        refusals.flush(&random, &recorder).await;
        refusals.flush(&random, &recorder).await;
        assert_eq!(sum.load(Ordering::SeqCst), 60_000);
        hands.advance(Duration::from_secs(1));
        refusals.flush(&random, &recorder).await;
        assert_eq!(refusals.lock().slots.len(), 0, "what is over is forgotten");
    }

    /// Counts of one reason at one address are not mixed up between those who caused them.
    #[tokio::test]
    async fn each_actor_is_counted_apart() {
        let (clock, _hands) = Clock::manual(Timestamp::from_micros(0));
        let counted = Arc::new(Mutex::new(HashMap::new()));
        let kept = Arc::clone(&counted);
        let recorder = Recorder::batches(move |entries| {
            for sealed in entries {
                let payload: serde_json::Value = serde_json::from_str(&sealed.payload).expect("JSON");
                let count = payload["count"].as_u64().expect("a count");
                *kept.lock().expect("whole").entry(payload["actor"]["kind"].to_string()).or_insert(0) +=
                    count;
            }
            std::future::ready(Ok(()))
        });
        let refusals = Refusals::new(clock.clone());
        let known = Actor { kind: ActorKind::Service, id: Some(Text::open("platform")) };
        for number in 0..30 {
            let actor = if number % 3 == 0 { known.clone() } else { Actor::anonymous() };
            refusals.note(Entry { actor, ..refusal(&clock, 1) }, false);
        }
        refusals.flush(&Random::seeded(1), &recorder).await;
        let counted = counted.lock().expect("whole");
        assert_eq!((counted[r#""service""#], counted[r#""anonymous""#]), (10, 20));
    }

    proptest! {
        #[test]
        fn counts_add_up_whatever_the_order_of_refusals_ticks_and_failures(
            steps in prop::collection::vec((0..4_u8, 0..3_u32, any::<bool>()), 0..200),
        ) {
            let (clock, hands) = Clock::manual(Timestamp::from_micros(0));
            let (recorder, sum, fails) = summing();
            let refusals = Refusals::new(clock.clone());
            let random = Random::seeded(1);
            let mut noted = 0;
            for (step, address, flag) in steps {
                match step {
                    0 => hands.advance(Duration::from_millis(400)),
                    1 => {
                        fails.store(flag, Ordering::SeqCst);
                        futures_util::FutureExt::now_or_never(refusals.flush(&random, &recorder)).expect("at once");
                    }
                    _ => {
                        refusals.note(refusal(&clock, address), flag);
                        noted += 1;
                    }
                }
            }
            fails.store(false, Ordering::SeqCst);
            futures_util::FutureExt::now_or_never(refusals.flush(&random, &recorder)).expect("at once");
            prop_assert_eq!(sum.load(Ordering::SeqCst), noted);
        }
    }
}
