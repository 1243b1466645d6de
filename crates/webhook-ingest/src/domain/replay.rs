//! What can become of an event that staff have read again, and why it may be refused. An event takes effect at most once: what
//! its id or its body already did under another id is not done again, unless staff say so with open eyes.

use contract::ids::EventId;
use contract::inbox::ReplayOutcome;
use contract::problems::FieldError;
use contract::resources::EventState;

/// What became of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What was done.
    pub outcome: ReplayOutcome,
    /// Where the event stands now.
    pub state: EventState,
    /// What is wrong with it, where it can't be read.
    pub errors: Vec<FieldError>,
    /// The lane to be woken, where it is pending again.
    pub lane: Option<i32>,
}

impl Told {
    /// Nothing to report but the outcome: the event stands where it stood.
    #[must_use]
    pub fn unchanged(outcome: ReplayOutcome, state: EventState) -> Self {
        Self { outcome, state, errors: Vec::new(), lane: None }
    }
}

/// What stands in the way of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The same event is there under another id of ours: its corrected or repeated delivery was taken since.
    Twin(EventId),
    /// Its sender's id was first used for another event. Staff may accept it all the same.
    IdReused(EventId),
}

impl Obstacle {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Twin(_) => "same_event_kept",
            Self::IdReused(_) => "event_id_reused",
        }
    }

    /// What staff can do about it.
    #[must_use]
    pub fn advice(self) -> String {
        match self {
            Self::Twin(twin) => {
                format!("the same event was taken as {twin}; that one takes effect, or can be replayed")
            }
            Self::IdReused(first) => format!(
                "its id came first with {first}, which says something else; to apply both, replay this one alone with \
                 \"acceptReusedId\": true"
            ),
        }
    }
}
