//! Who goes first when there is too little of the machine or the database for all: what callers wait for, before work that may lag.
//! [`Pressure`] says how hard a batch writer is at work, [`Pace`] how long others should leave it alone. Nothing in here stops anybody for
//! good, and nothing may rest on it but speed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// As many items in one commit are a crowd.
const CROWD: usize = 12;

/// So many crowded batches within [`RECENT`] mean that callers queue; fewer are what one slow commit leaves behind.
const CROWDS: usize = 4;

/// A crowded batch says nothing about the present after so long.
const RECENT: Duration = Duration::from_millis(100);

/// How often who rests looks up.
const LOOK: Duration = Duration::from_millis(10);

/// Under pressure, work that may lag rests so many times as long as it takes.
const RESTS: u32 = 9;

/// How old waiting work may grow before it no longer rests.
const PATIENCE: Duration = Duration::from_secs(15);

/// How hard a batch writer is at work; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pressure {
    /// When the last crowded batches were taken, at most [`CROWDS`], the oldest in front.
    crowded: Arc<Mutex<VecDeque<Instant>>>,
}

impl Pressure {
    /// A batch of so many items was taken.
    pub(crate) fn note(&self, items: usize) {
        if items >= CROWD {
            let mut crowded = self.crowded.lock().unwrap_or_else(PoisonError::into_inner);
            if crowded.len() == CROWDS {
                crowded.pop_front();
            }
            crowded.push_back(Instant::now());
        }
    }

    /// Do callers queue now? Small batches between crowded ones say nothing: with several threads one takes what another left.
    fn is_high(&self) -> bool {
        let crowded = self.crowded.lock().unwrap_or_else(PoisonError::into_inner);
        crowded.len() == CROWDS && crowded.front().is_some_and(|taken| taken.elapsed() < RECENT)
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

    /// Rests after a piece of work that took `took`, while the oldest of what waits is `age` old: not at all where nobody is in the way,
    /// or the work has waited for too long already, and no longer than somebody is. So it lags behind a burst, and keeps up with what
    /// lasts.
    pub async fn rest(&self, took: Duration, age: Duration) {
        let until = Instant::now() + took * RESTS;
        while age < PATIENCE && self.is_pressed() && Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_pressed(&self) -> bool {
        self.0.as_ref().is_some_and(Pressure::is_high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a rest is none: one that ends without having waited.
    async fn is_at_work(pace: &Pace, took: Duration, age: Duration) -> bool {
        let mut rest = std::pin::pin!(pace.rest(took, age));
        std::future::poll_fn(|context| std::task::Poll::Ready(rest.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn work_rests_only_while_callers_queue_and_not_for_ever() {
        let (pressure, took) = (Pressure::default(), Duration::from_secs(3_600));
        let pace = Pace::behind(pressure.clone());
        let young = Duration::from_secs(1);
        assert!(is_at_work(&pace, took, young).await, "nothing was written yet");
        for _ in 0..CROWDS {
            pressure.note(CROWD - 1);
        }
        assert!(is_at_work(&pace, took, young).await, "nobody queues");
        for _ in 1..CROWDS {
            pressure.note(CROWD);
        }
        assert!(is_at_work(&pace, took, young).await, "a slow commit leaves a crowd or two behind");
        // A batch that was taken long ago is no pressure: noted again and again, until one look comes within its time.
        let mut rests = false;
        for _ in 0..1_000 {
            pressure.note(CROWD);
            rests |= !is_at_work(&pace, took, young).await;
        }
        assert!(rests);
        pressure.note(CROWD);
        assert!(is_at_work(&pace, took, PATIENCE).await, "it waited long enough");
        assert!(is_at_work(&pace, Duration::ZERO, young).await, "it did nothing to rest from");
        assert!(is_at_work(&Pace::default(), took, young).await, "it has nobody to wait for");
    }

    /// An hour's rest is over once nobody queues any more.
    #[tokio::test]
    async fn a_rest_ends_with_what_it_is_for() {
        let pressure = Pressure::default();
        for _ in 0..CROWDS {
            pressure.note(CROWD);
        }
        Pace::behind(pressure).rest(Duration::from_secs(3_600), Duration::ZERO).await;
    }
}
