//! A sliding window, exact: in no span of its length are there more admissions than it allows, and whoever comes while there are
//! fewer is admitted. It keeps the instant of each admission, for whatever keeps less (buckets, two counters) either lets more through around
//! a boundary or refuses what is within the limit. Pure: it is told the time, and knows neither callers nor HTTP.

use std::collections::VecDeque;
use std::time::Duration;

/// The length of every window here.
pub(crate) const SPAN: Duration = Duration::from_secs(60);

/// The admissions of the last [`SPAN`].
#[derive(Debug)]
pub(crate) struct Window {
    most: usize,
    /// Oldest first.
    admitted: VecDeque<Duration>,
    /// The latest time it was told.
    latest: Duration,
}

/// How a window stands after somebody came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Was this one let in?
    pub(crate) admitted: bool,
    /// How many more would be now.
    pub(crate) remaining: usize,
    /// How long until there is room for one more than now.
    pub(crate) frees_in: Duration,
}

impl Window {
    /// An empty window for `most` admissions, at least 1.
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(1), admitted: VecDeque::new(), latest: Duration::ZERO }
    }

    /// Somebody comes at `now`. One who is refused leaves nothing behind.
    pub(crate) fn come(&mut self, now: Duration) -> Standing {
        let now = self.turn_to(now);
        let admitted = self.admitted.len() < self.most;
        if admitted {
            self.admitted.push_back(now);
        }
        let frees_in = self.frees_in(now);
        Standing { admitted, remaining: self.most - self.admitted.len(), frees_in }
    }

    /// How long until there is room; `None` while there is.
    pub(crate) fn full_for(&mut self, now: Duration) -> Option<Duration> {
        let now = self.turn_to(now);
        (self.admitted.len() >= self.most).then(|| self.frees_in(now))
    }

    /// Forgets what no longer counts. A clock that steps back frees nothing: time stands still here until it has caught up.
    fn turn_to(&mut self, now: Duration) -> Duration {
        self.latest = self.latest.max(now);
        while self.admitted.front().is_some_and(|oldest| *oldest + SPAN <= self.latest) {
            self.admitted.pop_front();
        }
        self.latest
    }

    fn frees_in(&self, now: Duration) -> Duration {
        self.admitted.front().map_or(Duration::ZERO, |oldest| (*oldest + SPAN).saturating_sub(now))
    }
}

/// Whole seconds, rounded up: whoever waits that long has waited long enough.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{SPAN, Window, whole_seconds};

    /// Arrivals, close enough together that windows fill, on instants that meet exactly, and with a clock that may step back.
    fn arrivals() -> impl Strategy<Value = Vec<Duration>> {
        let step = prop_oneof![
            6 => (0..3_000_i64).prop_map(|millis| millis * 1_000_000),
            2 => Just(0),
            2 => (0..4_i64).prop_map(|part| part * 20_000_000_000),
            1 => -5_000_000_000..90_000_000_000_i64,
        ];
        prop::collection::vec(step, 0..300).prop_map(|steps| {
            let mut at = 100_000_000_000_i64;
            let times = steps.into_iter().map(|step| {
                at = (at + step).max(0);
                Duration::from_nanos(at.unsigned_abs())
            });
            times.collect()
        })
    }

    proptest! {
        /// The law, held against a list of all admissions there ever were.
        #[test]
        fn no_span_holds_more_than_the_limit_and_nobody_within_it_is_refused(
            most in 1..12_usize, arrivals in arrivals(),
        ) {
            let mut window = Window::new(most);
            let mut admitted: Vec<Duration> = Vec::new();
            let mut now = Duration::ZERO;
            for arrival in arrivals {
                // A clock that steps back is one that stands.
                now = now.max(arrival);
                let counts = |at: &&Duration| **at + SPAN > now;
                let before = admitted.iter().filter(counts).count();
                let full_for = window.full_for(arrival);
                let standing = window.come(arrival);
                prop_assert_eq!(standing.admitted, before < most);
                prop_assert_eq!(full_for.is_none(), standing.admitted);
                if standing.admitted {
                    admitted.push(now);
                } else {
                    prop_assert_eq!(full_for, Some(standing.frees_in));
                }
                let within: Vec<_> = admitted.iter().filter(counts).collect();
                prop_assert_eq!(standing.remaining, most - within.len());
                prop_assert_eq!(standing.frees_in, **within.first().expect("at least one") + SPAN - now);
            }
            for first in &admitted {
                let span = admitted.iter().filter(|at| **at >= *first && **at < *first + SPAN);
                prop_assert!(span.count() <= most);
            }
        }

        /// Whoever is told to wait and does is let in, in whole seconds too.
        #[test]
        fn whoever_waits_as_told_is_let_in(most in 1..12_usize, arrivals in arrivals()) {
            let mut now = Duration::ZERO;
            let mut window = Window::new(most);
            for arrival in arrivals {
                now = now.max(arrival);
                let standing = window.come(now);
                if !standing.admitted {
                    now += Duration::from_secs(whole_seconds(standing.frees_in));
                    prop_assert!(window.come(now).admitted);
                }
            }
        }
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, seconds) in [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (60_000, 60)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds, "{millis} ms");
        }
    }
}
