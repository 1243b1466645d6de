//! How long to wait before trying again. Waits double up to a limit and are spread by jitter, so that lanes and replicas that
//! stumbled together do not come back together.

use std::time::Duration;

use auth::random::Random;

/// A doubling schedule of waits.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

/// Between calls to service-api while it is away: 100 ms doubling to 5 s.
pub const UPSTREAM: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };

/// Between attempts to apply one event that failed by itself: 1 s doubling to 60 s.
pub const EVENT: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(60) };

impl Backoff {
    /// The wait after `failures` failures in a row (1 or more): between half of the scheduled wait and all of it.
    #[must_use]
    pub fn after(&self, failures: u32, random: &Random) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let scheduled = self.first.saturating_mul(1 << doublings).min(self.longest);
        let [byte] = random.bytes::<1>();
        scheduled / 2 + scheduled / 2 * u32::from(byte) / 255
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_never_leave_their_half() {
        let random = Random::seeded(7);
        for (failures, scheduled) in
            [(0, 100), (1, 100), (2, 200), (3, 400), (6, 3_200), (7, 5_000), (u32::MAX, 5_000)]
        {
            let scheduled = Duration::from_millis(scheduled);
            for _ in 0..50 {
                let wait = UPSTREAM.after(failures, &random);
                assert!(wait >= scheduled / 2 && wait <= scheduled, "{failures}: {wait:?}");
            }
        }
    }

    #[test]
    fn waits_are_spread() {
        let random = Random::seeded(7);
        let waits: std::collections::BTreeSet<Duration> = (0..50).map(|_| EVENT.after(3, &random)).collect();
        assert!(waits.len() > 10);
    }
}
