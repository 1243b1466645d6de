//! How long to wait before trying again. Waits double up to a limit and are spread by jitter, so that jobs and replicas that
//! stumbled together do not come back together.

use std::time::Duration;

use auth::random::Random;

/// A doubling schedule of waits.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// From `first` on, doubling up to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

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
    use std::collections::BTreeSet;

    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

    #[test]
    fn waits_double_up_to_the_limit_and_never_leave_their_half() {
        let random = Random::seeded(7);
        for (failures, scheduled) in
            [(0, 100), (1, 100), (2, 200), (3, 400), (6, 3_200), (7, 5_000), (u32::MAX, 5_000)]
        {
            let scheduled = Duration::from_millis(scheduled);
            for _ in 0..50 {
                let wait = BACKOFF.after(failures, &random);
                assert!(wait >= scheduled / 2 && wait <= scheduled, "{failures}: {wait:?}");
            }
        }
    }

    #[test]
    fn waits_are_spread() {
        let random = Random::seeded(7);
        let waits: BTreeSet<Duration> = (0..50).map(|_| BACKOFF.after(3, &random)).collect();
        assert!(waits.len() > 10);
    }
}
