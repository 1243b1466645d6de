//! A plan: a number of happenings, and how their events reach the CRM. Networks repeat, delay and reorder; the plan says which event
//! is sent when, and what the record must be in the end, which none of that changes.

use std::time::Duration;

use contract::clock::Timestamp;
use fastrand::Rng;

use super::{Event, Expectation, Platform};

/// 2025-10-13T19:00:00Z: when a plan's life begins, unless told otherwise.
const BEGINNING: Timestamp = Timestamp::from_micros(1_760_382_000_000_000);

/// How far an event may fall behind those that happened after it, in places.
const FARTHEST: usize = 25;

/// What a plan is made from: the same options give the same plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanOptions {
    /// What the platform's life follows from.
    pub seed: u64,
    /// How many different events there are.
    pub events: usize,
    /// When the life begins.
    pub beginning: Timestamp,
    /// How probable it is that an event is sent once more, from 0 to 1.
    pub duplicates: f64,
    /// How probable it is that an event is sent after later ones, from 0 to 1.
    pub shuffle: f64,
    /// How probable it is that an event tells of a time long gone, from 0 to 1.
    pub old: f64,
}

impl PlanOptions {
    /// So many events in order, each once.
    #[must_use]
    pub const fn new(seed: u64, events: usize) -> Self {
        Self { seed, events, beginning: BEGINNING, duplicates: 0.0, shuffle: 0.0, old: 0.0 }
    }
}

/// One sending of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What is sent.
    pub event: Event,
    /// Is it sent once more, or for the first time?
    pub repeated: bool,
}

/// What is sent, in order, and what must come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The sendings, in order.
    pub deliveries: Vec<Delivery>,
    /// The record in the end.
    pub expectation: Expectation,
}

impl Plan {
    /// Makes the plan.
    #[must_use]
    pub fn new(options: &PlanOptions) -> Self {
        let mut platform = Platform::new(options.seed);
        // Chance of its own for each: what happens, and when, does not hang on how it is sent.
        let mut times = Rng::with_seed(options.seed);
        let mut network = Rng::with_seed(!options.seed);
        let mut now = options.beginning;
        let mut long_gone = options.beginning;
        let mut placed = Vec::with_capacity(options.events);
        for place in 0..options.events {
            let memory = if network.f64() < options.old {
                long_gone = long_gone.minus(Duration::from_secs(60));
                platform.remembers(long_gone, &mut network)
            } else {
                None
            };
            let event = memory.unwrap_or_else(|| {
                now = now.plus(Duration::from_millis(times.u64(1..5_000)));
                platform.happens(now)
            });
            let delay = if network.f64() < options.shuffle { network.usize(1..FARTHEST) } else { 0 };
            placed.push((place + delay, Delivery { event: event.clone(), repeated: false }));
            if network.f64() < options.duplicates {
                let later = place + delay + network.usize(..FARTHEST);
                placed.push((later, Delivery { event, repeated: true }));
            }
        }
        // Stable: of one place, what happened first goes first, and an event before its repetition.
        placed.sort_by_key(|(place, _)| *place);
        let deliveries = placed.into_iter().map(|(_, delivery)| delivery).collect();
        Self { deliveries, expectation: platform.expectation().clone() }
    }

    /// How many different events it has.
    #[must_use]
    pub fn events(&self) -> usize {
        self.deliveries.iter().filter(|delivery| !delivery.repeated).count()
    }
}
