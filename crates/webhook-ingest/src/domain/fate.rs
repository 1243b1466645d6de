//! What becomes of a stored delivery: the states of its row, and how service-api's word on it moves it on.

use std::time::Duration;

use auth::random::Random;
use contract::clock::Timestamp;
use contract::internal::{ApplyResult, ApplyVerdict};
use http_kit::backoff::Backoff;

/// Between attempts to apply one event that failed by itself.
const AGAIN: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// Where a stored delivery stands. Only pending ones are worked on; from every other state only staff can move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboxState {
    /// Acknowledged, effect to come.
    Pending,
    /// Its effect is in the client record.
    Applied,
    /// Applied, and changed nothing: newer facts were there.
    Superseded,
    /// Refused but kept: unreadable, or its id was used for something else.
    Held,
    /// Kept: no event type we know.
    Unrecognized,
    /// Acknowledged, and then refused as an event; the reason stands beside.
    DeadLettered,
}

impl InboxState {
    /// The word in `inbox.state`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Applied => "applied",
            Self::Superseded => "superseded",
            Self::Held => "held",
            Self::Unrecognized => "unrecognized",
            Self::DeadLettered => "dead_lettered",
        }
    }
}

/// What became of a due row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is done with.
    Resolved {
        /// One of the final states.
        state: InboxState,
        /// Why, where it was refused.
        reason: Option<String>,
    },
    /// It stays pending.
    Again {
        /// How often it failed by itself.
        attempts: i32,
        /// Not before this time.
        next: Timestamp,
        /// Why it failed last.
        reason: Option<String>,
    },
}

impl Fate {
    /// The fate of a row that failed by itself once more, after `attempts` failures.
    #[must_use]
    pub fn again(attempts: i32, reason: Option<String>, now: Timestamp, random: &Random) -> Self {
        let attempts = attempts.saturating_add(1);
        let wait = AGAIN.after(u32::try_from(attempts).unwrap_or(1), random);
        Self::Again { attempts, next: now.plus(wait), reason }
    }

    /// The fate that service-api's verdict means, for a row that failed `attempts` times before. No verdict at all is trouble of
    /// ours, and so is tried again.
    #[must_use]
    pub fn of(verdict: Option<&ApplyVerdict>, attempts: i32, now: Timestamp, random: &Random) -> Self {
        let Some(verdict) = verdict else {
            return Self::again(attempts, Some("no_verdict".to_owned()), now, random);
        };
        let state = match verdict.result {
            ApplyResult::Applied | ApplyResult::AlreadyApplied => InboxState::Applied,
            ApplyResult::Superseded => InboxState::Superseded,
            ApplyResult::Refused => InboxState::DeadLettered,
            ApplyResult::Failed => return Self::again(attempts, verdict.reason.clone(), now, random),
        };
        Self::Resolved { state, reason: verdict.reason.clone() }
    }
}
