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

/// The attempts that count, with one made now; or how long the name is still locked.
pub(crate) fn count(tried_at: &[Timestamp], now: Timestamp) -> Result<Vec<Timestamp>, Duration> {
    let mut counted: Vec<Timestamp> =
        tried_at.iter().copied().filter(|at| at.plus(COUNTS) > now && *at <= now).collect();
    counted.sort_unstable();
    if let Some(oldest) = counted.first().filter(|_| counted.len() >= MOST) {
        return Err(oldest.plus(COUNTS).since(now));
    }
    counted.push(now);
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However attempts are spread, no span of fifteen minutes has more than ten that were let through, and whoever waits as long
        /// as told is let through.
        #[test]
        fn no_span_has_more_than_ten(pauses in prop::collection::vec(0..200_u64, 1..200)) {
            let mut now = Timestamp::from_micros(1_760_000_000_000_000);
            let (mut kept, mut passed) = (Vec::new(), Vec::new());
            for pause in pauses {
                now = now.plus(Duration::from_secs(pause));
                match count(&kept, now) {
                    Ok(counted) => {
                        kept = counted;
                        passed.push(now);
                    }
                    Err(wait) => {
                        prop_assert!(wait <= COUNTS && !wait.is_zero());
                        prop_assert!(count(&kept, now.plus(wait)).is_ok());
                    }
                }
            }
            for (index, first) in passed.iter().enumerate() {
                let within = passed.iter().skip(index).filter(|at| at.since(*first) < COUNTS).count();
                prop_assert!(within <= MOST, "{within}");
            }
        }
    }

    #[test]
    fn ways_to_write_an_address_count_as_one() {
        assert_eq!(key(" Ann@Example.COM"), key("ann@example.com"));
        assert_ne!(key("ann@example.com"), key("bob@example.com"));
        assert_eq!(key("not an address "), key("not an address"));
        assert!(!key("ann@example.com").contains("ann"));
    }
}
