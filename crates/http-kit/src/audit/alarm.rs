//! The alarm that rises when audit entries have waited for a minute, and goes when they no longer do. It is a line in the log, at level
//! `error` with the field `alarm`, said once each time: whoever watches the logs is woken, and nobody is refused.

use std::time::Duration;

use contract::clock::Timestamp;

/// How long an entry may wait before anybody is woken.
const PATIENCE: Duration = Duration::from_secs(60);

/// The value of the field `alarm`.
pub const ALARM: &str = "audit_entries_wait";

/// Whether it has risen.
#[derive(Debug, Default)]
pub struct Alarm {
    risen: bool,
}

impl Alarm {
    /// Looks at what has waited longest, by the time at which it was made; `None` when nothing waits.
    pub fn look(&mut self, oldest: Option<Timestamp>, now: Timestamp) {
        let waited = oldest.map(|oldest| now.since(oldest)).filter(|waited| *waited >= PATIENCE);
        match waited {
            Some(waited) if !self.risen => {
                self.risen = true;
                let seconds = waited.as_secs();
                tracing::error!(
                    alarm = ALARM,
                    seconds,
                    "audit entries have waited for over a minute to reach audit-log; they are kept"
                );
            }
            None if self.risen => {
                self.risen = false;
                tracing::info!(alarm = ALARM, "audit entries no longer wait: the alarm is over");
            }
            Some(_) | None => {}
        }
    }
}
