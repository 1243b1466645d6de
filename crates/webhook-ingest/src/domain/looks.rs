//! How often a bad signature is looked into. Finding out what a signature looks like costs many hashes over the body, so forged
//! requests must not buy more than one look a second for each source. Those that can't be read at all have a look of their own, so that
//! they take none away from the others.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contract::clock::Timestamp;

/// The least time between two looks at one source.
const BETWEEN: Duration = Duration::from_secs(1);

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It can't be read.
    Unreadable,
    /// It is of other bytes, by another key, or too old.
    Wrong,
}

/// When each source was last looked into.
#[derive(Debug, Default)]
pub struct Looks(Mutex<BTreeMap<(String, Kind), Timestamp>>);

impl Looks {
    /// May a bad signature of `source` be looked into now? If so, that counts as the look. A clock that was set back allows one.
    pub fn allow(&self, source: &str, kind: Kind, now: Timestamp) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (source.to_owned(), kind);
        if let Some(before) = last.get(&key)
            && now >= *before
            && now.since(*before) < BETWEEN
        {
            return false;
        }
        last.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_a_second_for_each_source() {
        let (looks, start) = (Looks::default(), Timestamp::from_micros(1_000_000));
        assert!(looks.allow("site", Kind::Wrong, start));
        assert!(!looks.allow("site", Kind::Wrong, start.plus(Duration::from_micros(999_999))));
        assert!(looks.allow("other", Kind::Wrong, start));
        assert!(looks.allow("site", Kind::Unreadable, start), "what can't be read takes no look away");
        assert!(!looks.allow("site", Kind::Unreadable, start));
        assert!(looks.allow("site", Kind::Wrong, start.plus(Duration::from_secs(1))));
        assert!(looks.allow("site", Kind::Wrong, start), "the clock was set back");
    }
}
