//! The order key: what decides which of two statements about one field stands, whatever order they arrive in.

use contract::clock::Timestamp;
use contract::internal::ApplyEvent;
use serde::{Deserialize, Serialize};

/// The order key of an event; the greater one wins. No two events of one source share one, since intake numbers differ, so any
/// order of arrival ends the same. An event without a sequence comes before those of the same time that have one.
///
/// Stored as `[effective time in microseconds since 1970, sequence or null, intake number]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(crate) struct OrderKey {
    /// When the event says that it happened; the receipt, where that is senseless.
    pub(crate) effective: Timestamp,
    /// The sender's own number.
    pub(crate) sequence: Option<i64>,
    /// The number given at acceptance.
    pub(crate) intake: i64,
}

type Stored = (i64, Option<i64>, i64);

impl OrderKey {
    /// The key of this event.
    pub(crate) fn of(event: &ApplyEvent) -> Self {
        Self { effective: event.effective_at, sequence: event.sequence, intake: event.intake }
    }
}

impl From<Stored> for OrderKey {
    fn from((effective, sequence, intake): Stored) -> Self {
        Self { effective: Timestamp::from_micros(effective), sequence, intake }
    }
}

impl From<OrderKey> for Stored {
    fn from(key: OrderKey) -> Self {
        (key.effective.as_micros(), key.sequence, key.intake)
    }
}

#[cfg(test)]
mod tests {
    use super::OrderKey;

    #[test]
    fn time_decides_then_sequence_then_intake() {
        let ascending: [OrderKey; 5] = [
            (1, Some(9), 9).into(),
            (2, None, 9).into(),
            (2, Some(-1), 5).into(),
            (2, Some(3), 1).into(),
            (2, Some(3), 2).into(),
        ];
        assert!(ascending.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn it_is_stored_as_three_numbers() {
        let key: OrderKey = (1_760_382_000_000_001, None, 12).into();
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(text, "[1760382000000001,null,12]");
        assert_eq!(serde_json::from_str::<OrderKey>(&text).unwrap(), key);
    }
}
