//! What becomes of a pending delivery: how service-api's word on it moves it on.

use std::time::Duration;

use auth::random::Random;
use contract::clock::Timestamp;
use contract::internal::{ApplyResult, ApplyVerdict};
use contract::resources::EventState;
use http_kit::backoff::Backoff;

/// Between attempts to apply one event that failed by itself.
const AGAIN: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// What became of a due row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is done with.
    Resolved {
        /// One of the final states.
        state: EventState,
        /// Why, where it was refused or is in conflict.
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
            ApplyResult::Applied | ApplyResult::AlreadyApplied => EventState::Applied,
            ApplyResult::Superseded => EventState::Superseded,
            ApplyResult::Conflict => EventState::Conflict,
            ApplyResult::Refused => EventState::DeadLettered,
            ApplyResult::Failed => return Self::again(attempts, verdict.reason.clone(), now, random),
        };
        Self::Resolved { state, reason: verdict.reason.clone() }
    }
}
