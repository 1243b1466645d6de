//! Traffic at a chosen rate: events in order, several on their way at once, and a count of what came of them.

use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::crm::{CrmError, Outcome, ServiceApi, Webhooks};

/// The most events on their way at once.
const IN_FLIGHT: usize = 16;

/// What came of what was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Sendings that have ended, one way or another.
    pub sent: u64,
    /// Taken by the CRM for the first time.
    pub accepted: u64,
    /// Known to the CRM already.
    pub duplicate: u64,
    /// Kept by the CRM, of a kind that it does not know.
    pub unrecognized: u64,
    /// Refused by the CRM for good.
    pub refused: u64,
    /// Given up on.
    pub failed: u64,
    /// Repetitions on the way.
    pub retries: u64,
}

impl Tally {
    /// The counts by name, in the order of a table.
    #[must_use]
    pub fn lines(&self) -> [(&'static str, u64); 7] {
        [
            ("sent", self.sent),
            ("accepted", self.accepted),
            ("duplicate", self.duplicate),
            ("unrecognized", self.unrecognized),
            ("refused", self.refused),
            ("failed", self.failed),
            ("retries", self.retries),
        ]
    }

    /// Did the CRM take everything?
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.refused == 0 && self.failed == 0
    }

    fn add(&mut self, ended: &Result<(Outcome, u32), CrmError>) {
        self.sent += 1;
        match ended {
            Ok((outcome, repeated)) => {
                self.retries += u64::from(*repeated);
                match outcome {
                    Outcome::Accepted => self.accepted += 1,
                    Outcome::Duplicate => self.duplicate += 1,
                    Outcome::Unrecognized => self.unrecognized += 1,
                    Outcome::Refused(_) => self.refused += 1,
                }
            }
            Err(_) => self.failed += 1,
        }
    }
}

/// When the next event is due: so many a second, or, for a rate of 0, as soon as there is room.
pub struct Pace(Option<Interval>);

impl Pace {
    /// `rate` events a second.
    #[must_use]
    pub fn of(rate: f64) -> Self {
        let period = Duration::try_from_secs_f64(rate.recip()).ok().filter(|period| !period.is_zero());
        Self(period.map(|period| {
            let mut ticks = interval(period);
            // After a stall the rate is kept, and not made up for in a burst.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        }))
    }

    /// Waits until the next is due.
    pub async fn next(&mut self) {
        if let Some(ticks) = &mut self.0 {
            ticks.tick().await;
        }
    }
}

/// Events on their way.
pub struct Sending {
    webhooks: Webhooks,
    on_their_way: JoinSet<Result<(Outcome, u32), CrmError>>,
    tally: Tally,
}

impl Sending {
    /// Nothing on its way yet.
    #[must_use]
    pub fn by(webhooks: Webhooks) -> Self {
        Self { webhooks, on_their_way: JoinSet::new(), tally: Tally::default() }
    }

    /// Sends a body, as soon as there is room among those on their way.
    pub async fn send(&mut self, body: String) {
        while self.on_their_way.len() >= IN_FLIGHT {
            self.one_ends().await;
        }
        let webhooks = self.webhooks.clone();
        self.on_their_way.spawn(async move { webhooks.send(&body).await });
    }

    /// What came of those that have ended so far.
    #[must_use]
    pub fn so_far(&self) -> Tally {
        self.tally
    }

    /// Waits for all, and says what came of them.
    pub async fn end(mut self) -> Tally {
        while !self.on_their_way.is_empty() {
            self.one_ends().await;
        }
        self.tally
    }

    async fn one_ends(&mut self) {
        match self.on_their_way.join_next().await {
            Some(Ok(ended)) => {
                if let Ok((Outcome::Refused(status), _)) = ended {
                    tracing::warn!(status, "the CRM refused an event");
                }
                self.tally.add(&ended);
            }
            // A task that broke off sent nothing that is known of.
            Some(Err(_)) => self.tally.add(&Err(CrmError::Silent(0))),
            None => {}
        }
    }
}

/// All that a platform asks of the CRM about one client, one call after the other: the calls by name, each with its status.
///
/// # Errors
/// [`CrmError`] when the CRM does not answer.
pub async fn visit(crm: &ServiceApi, email: &str) -> Result<Vec<(&'static str, u16)>, CrmError> {
    Ok(vec![
        ("client", crm.client(email).await?.status),
        ("accounts", crm.accounts(email).await?.status),
        ("kyc", crm.change_kyc(email, "in_review", "The platform has asked for a review.").await?.status),
        ("note", crm.add_note(email, "Called by the platform.").await?.status),
        ("activity", crm.activity(email).await?.status),
    ])
}
