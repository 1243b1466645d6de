//! How often a bad signature is looked into. Finding out what a signature looks like costs many hashes over the body, so forged
//! requests must not buy more than one look a second for each source.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contract::clock::Timestamp;

/// The least time between two looks at one source.
const BETWEEN: Duration = Duration::from_secs(1);

/// When each source was last looked into.
#[derive(Debug, Default)]
pub struct Looks(Mutex<BTreeMap<String, Timestamp>>);

impl Looks {
    /// May a bad signature of `source` be looked into now? If so, that counts as the look. A clock that was set back allows one.
    pub fn allow(&self, source: &str, now: Timestamp) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = last.get(source)
            && now >= *before
            && now.since(*before) < BETWEEN
        {
            return false;
        }
        last.insert(source.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_a_second_for_each_source() {
        let (looks, start) = (Looks::default(), Timestamp::from_micros(1_000_000));
        assert!(looks.allow("site", start));
        assert!(!looks.allow("site", start.plus(Duration::from_micros(999_999))));
        assert!(looks.allow("other", start));
        assert!(looks.allow("site", start.plus(Duration::from_secs(1))));
        assert!(looks.allow("site", start), "the clock was set back");
    }
}
