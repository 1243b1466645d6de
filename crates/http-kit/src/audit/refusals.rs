//! Refusals of unknown callers, counted: the first of each address, route and reason in a second is kept in full, the rest as a
//! number. So a flood costs the trail little, and the counts still add up. What waits here is lost by a kill; nothing else is.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auth::random::Random;
use contract::audit::{Entry, Sealed, Text};
use contract::clock::Clock;
use contract::ids::EntryId;

use super::{Recorder, seal};

/// How often what waits is handed to the recorder.
pub(crate) const FLUSH_EVERY: Duration = Duration::from_millis(500);

/// How many addresses, routes and reasons are told apart; further ones are counted without their address.
const MOST_KEYS: usize = 10_000;

/// How many entries may wait for a recorder that fails; further refusals are only counted.
const MOST_WAITING: usize = 20_000;

/// How many entries the recorder is given at once.
const BATCH: usize = 500;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
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
        let mut key =
            Key { address: entry.address.clone(), route: entry.route.clone(), reason: entry.reason.clone() };
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
                tracing::warn!(entries = left.len(), %error, "counted refusals wait for the audit trail");
                self.lock().waiting = left;
                return;
            }
            left.drain(..size);
        }
    }

    /// Everything that is due, sealed, oldest first. While too much waits already, counts go on growing where they are.
    fn take(&self, random: &Random) -> VecDeque<Sealed> {
        let now = self.clock.now();
        let (mut sealed, entries) = {
            let state = &mut *self.lock();
            let mut entries = std::mem::take(&mut state.whole);
            let room = MOST_WAITING.saturating_sub(state.waiting.len());
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
