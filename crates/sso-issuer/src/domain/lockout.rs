//! How often a name may be tried with a wrong password: ten times in any fifteen minutes. Each attempt counts before the password is
//! looked at, so that many at once are no more than many in a row; a right password clears them.

use std::time::Duration;

use auth::digest::sha256;
use contract::clock::Timestamp;
use contract::email::EmailKey;

/// Failures after which a name is locked.
const MOST: usize = 10;

/// How long a failure counts.
pub(crate) const COUNTS: Duration = Duration::from_secs(15 * 60);

/// The key under which attempts at a name count: of an address its look-up key, so that other ways to write it count alike; of
/// anything else the text. A digest, so that what people type by mistake is not kept.
pub(crate) fn key(tried: &str) -> String {
    let name = EmailKey::of(tried).map_or_else(|| tried.trim().to_owned(), |key| key.as_str().to_owned());
    hex::encode(sha256(name.as_bytes()))
}

/// What a name's attempts come to when one more is made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// Those that count, oldest first, with the one made now if it was let through. To be stored in either case.
    pub(crate) tried_at: Vec<Timestamp>,
    /// How long the name is still locked; `None` if the attempt was let through.
    pub(crate) locked_for: Option<Duration>,
}

/// Counts an attempt made at `now`.
///
/// `now` may be earlier than an attempt that is there: replicas' clocks differ, and whoever read the time first may come second. Such an
/// attempt counts as made now. Forgotten, it would be one more guess; left in the future, a clock that is far ahead would lock a name
/// for as long. So clocks that differ by some time make the fifteen minutes shorter or longer by twice that, at most.
pub(crate) fn count(tried_at: &[Timestamp], now: Timestamp) -> Count {
    let known = tried_at.iter().map(|at| (*at).min(now));
    let mut tried_at: Vec<Timestamp> = known.filter(|at| at.plus(COUNTS) > now).collect();
    tried_at.sort_unstable();
    if let Some(oldest) = tried_at.first().filter(|_| tried_at.len() >= MOST) {
        let locked_for = Some(oldest.plus(COUNTS).since(now));
        return Count { tried_at, locked_for };
    }
    tried_at.push(now);
    Count { tried_at, locked_for: None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Seconds by which the clocks of the tests' replicas are off, at most.
    const OFF: i64 = 60;

    /// Attempts: how many seconds after the one before, and how far off the clock is of the replica that counts it.
    fn attempts() -> impl Strategy<Value = Vec<(i64, i64)>> {
        prop::collection::vec((0..200_i64, -OFF..=OFF), 1..200)
    }

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp::from_micros((1_760_000_000 + seconds) * 1_000_000)
    }

    proptest! {
        /// However attempts are spread, no span of fifteen minutes has more than ten that were let through, and whoever waits as long
        /// as told is let through. `off` is what the clocks make of the fifteen minutes.
        #[test]
        fn no_span_has_more_than_ten(attempts in attempts(), same_clock: bool) {
            let off = if same_clock { 0 } else { OFF };
            let span = COUNTS - Duration::from_secs(2 * off.unsigned_abs());
            let (mut time, mut kept, mut passed) = (0, Vec::new(), Vec::new());
            for (pause, by) in attempts {
                time += pause;
                let now = seconds(time + by.clamp(-off, off));
                let counted = count(&kept, now);
                kept = counted.tried_at;
                match counted.locked_for {
                    None => passed.push(seconds(time)),
                    Some(wait) => {
                        prop_assert!(wait <= COUNTS && !wait.is_zero());
                        prop_assert_eq!(count(&kept, now.plus(wait)).locked_for, None);
                    }
                }
                prop_assert!(kept.len() <= MOST && kept.is_sorted() && kept.iter().all(|at| *at <= now));
            }
            for (index, first) in passed.iter().enumerate() {
                let within = passed.iter().skip(index).filter(|at| at.since(*first) < span).count();
                prop_assert!(within <= MOST, "{within}");
            }
        }
    }

    #[test]
    fn a_clock_that_is_far_ahead_locks_for_fifteen_minutes_at_most() {
        let year = 365 * 24 * 3600;
        let mut kept = Vec::new();
        for _ in 0..MOST {
            kept = count(&kept, seconds(year)).tried_at;
        }
        let first = count(&kept, seconds(0));
        assert_eq!(first.locked_for, Some(COUNTS));
        // What is kept of it does not begin anew each time somebody looks.
        assert_eq!(count(&first.tried_at, seconds(899)).locked_for, Some(Duration::from_secs(1)));
        assert_eq!(count(&first.tried_at, seconds(900)).locked_for, None);
    }

    #[test]
    fn ways_to_write_an_address_count_as_one() {
        assert_eq!(key(" Ann@Example.COM"), key("ann@example.com"));
        assert_ne!(key("ann@example.com"), key("bob@example.com"));
        assert_eq!(key("not an address "), key("not an address"));
        assert!(!key("ann@example.com").contains("ann"));
    }
}
