//! Who goes first when there is too little of the machine or the database for all: what callers wait for, before work that may lag.
//! [`Pressure`] says how hard a batch writer is at work, [`Pace`] how long others should leave it alone. Nothing in here stops anybody for
//! good, and nothing may rest on it but speed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// As many items in one commit mean that callers queue.
const CROWD: usize = 16;

/// A batch says nothing about the present after so long.
const RECENT: Duration = Duration::from_millis(100);

/// Under pressure, work that may lag rests so many times as long as it takes.
const RESTS: u32 = 9;

/// How old waiting work may grow before it no longer rests.
const PATIENCE: Duration = Duration::from_secs(15);

/// How hard a batch writer is at work; cheap to clone.
#[derive(Debug, Clone)]
pub struct Pressure(Arc<Batch>);

#[derive(Debug)]
struct Batch {
    start: Instant,
    /// How many items the last batch had.
    items: AtomicUsize,
    /// When it was taken, in microseconds since `start`.
    taken: AtomicU64,
}

impl Default for Pressure {
    fn default() -> Self {
        let (items, taken) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self(Arc::new(Batch { start: Instant::now(), items, taken }))
    }
}

impl Pressure {
    /// A batch of so many items was taken.
    pub(crate) fn note(&self, items: usize) {
        let now = u64::try_from(self.0.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.items.store(items, Ordering::Relaxed);
        self.0.taken.store(now, Ordering::Relaxed);
    }

    /// Do callers queue now?
    fn is_high(&self) -> bool {
        let taken = Duration::from_micros(self.0.taken.load(Ordering::Relaxed));
        self.0.items.load(Ordering::Relaxed) >= CROWD && self.0.start.elapsed().saturating_sub(taken) < RECENT
    }
}

/// How work that may lag goes on beside a batch writer that may not.
#[derive(Debug, Clone, Default)]
pub struct Pace(Option<Pressure>);

impl Pace {
    /// Work that lets this writer go first.
    pub fn behind(pressure: Pressure) -> Self {
        Self(Some(pressure))
    }

    /// How long to rest after a piece of work that took `took`, while the oldest of what waits is `age` old. Zero where nobody is in the
    /// way, or the work has waited for too long already: it lags behind a burst, and keeps up with what lasts.
    pub fn rest(&self, took: Duration, age: Duration) -> Duration {
        let high = self.0.as_ref().is_some_and(Pressure::is_high);
        if high && age < PATIENCE { took * RESTS } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_rests_only_while_callers_queue_and_not_for_ever() {
        let (pressure, took) = (Pressure::default(), Duration::from_millis(7));
        let pace = Pace::behind(pressure.clone());
        let young = Duration::from_secs(1);
        assert_eq!(pace.rest(took, young), Duration::ZERO, "nothing was written yet");
        pressure.note(CROWD - 1);
        assert_eq!(pace.rest(took, young), Duration::ZERO, "nobody queues");
        // A batch that was taken long ago is no pressure: noted again and again, until one look comes within its time.
        let rests = (0..1_000).any(|_| {
            pressure.note(CROWD);
            pace.rest(took, young) == took * RESTS
        });
        assert!(rests);
        pressure.note(CROWD);
        assert_eq!(pace.rest(took, PATIENCE), Duration::ZERO, "it waited long enough");
        assert_eq!(Pace::default().rest(took, young), Duration::ZERO, "it has nobody to wait for");
    }
}
