//! The steps between which a process may be killed, by name. What a service has done before one of them must be whole, or not there
//! at all, after it died right there: `scripts/faults` tries each.
//!
//! Only a build with the feature `failpoints` has them. In every other one a passage compiles to nothing, and no name of a step is in
//! the program. They must never do anything but end the process: no sleeping, no errors, nothing that a caller could see.

/// A step that can be the last one of a process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// webhook-ingest: the signature holds, nothing is handed to the writer.
    IngestVerified,
    /// webhook-ingest: a batch of deliveries is written, and not committed.
    IngestBeforeCommit,
    /// webhook-ingest: a delivery is committed, and not answered.
    IngestAfterCommit,
    /// webhook-ingest: its own tables did not take a delivery, or did not say that they did, and the spool has not got it yet.
    SpoolBeforeSubmit,
    /// webhook-ingest: a batch of deliveries is written to the spool, and not committed.
    SpoolBeforeCommit,
    /// webhook-ingest: a delivery is committed to the spool, and not answered.
    SpoolAfterCommit,
    /// webhook-ingest: what waits in the spool is written to its own tables, and not committed.
    DrainBeforeCommit,
    /// webhook-ingest: that is committed, and still in the spool.
    DrainAfterCommit,
    /// webhook-ingest: it is removed from the spool, and that is not committed.
    DrainBeforeRemove,
    /// webhook-ingest: it is in the spool no more, and the next batch is not begun.
    DrainAfterRemove,
    /// webhook-ingest: a lane has its rows, and has not called service-api.
    LaneBeforeCall,
    /// webhook-ingest: service-api has answered, and no fate is written.
    LaneAfterCall,
    /// webhook-ingest: the fates are committed.
    LaneAfterCommit,
    /// service-api: events are applied, and not committed.
    ApplyBeforeCommit,
    /// service-api: events are committed, and not answered.
    ApplyAfterCommit,
    /// service-api: a change by a platform or by staff is written, and not committed.
    ChangeBeforeCommit,
    /// service-api: such a change is committed, and not answered.
    ChangeAfterCommit,
    /// Every service with an outbox: entries are read, and not handed over.
    OutboxBeforeCall,
    /// Every service with an outbox: audit-log has the entries, and they are still in the outbox.
    OutboxAfterCall,
    /// audit-log: entries are appended, and not committed.
    AppendBeforeCommit,
    /// audit-log: entries are committed, and not answered.
    AppendAfterCommit,
    /// sso-issuer: an impersonation is written, and not committed.
    ImpersonationBeforeCommit,
    /// sso-issuer: an impersonation is committed, and its token not answered.
    ImpersonationAfterCommit,
    /// sso-issuer: service-api has an impersonation's activity, and that is not noted.
    ActivityAfterCall,
}

/// Every step, with its name and a service that passes it. A constant: programs that never look at it do not have it.
pub const ALL: [(Step, &str, &str); 24] = [
    (Step::IngestVerified, "ingest.verified", "webhook-ingest"),
    (Step::IngestBeforeCommit, "ingest.before_commit", "webhook-ingest"),
    (Step::IngestAfterCommit, "ingest.after_commit", "webhook-ingest"),
    (Step::SpoolBeforeSubmit, "spool.before_submit", "webhook-ingest"),
    (Step::SpoolBeforeCommit, "spool.before_commit", "webhook-ingest"),
    (Step::SpoolAfterCommit, "spool.after_commit", "webhook-ingest"),
    (Step::DrainBeforeCommit, "drain.before_commit", "webhook-ingest"),
    (Step::DrainAfterCommit, "drain.after_commit", "webhook-ingest"),
    (Step::DrainBeforeRemove, "drain.before_remove", "webhook-ingest"),
    (Step::DrainAfterRemove, "drain.after_remove", "webhook-ingest"),
    (Step::LaneBeforeCall, "lane.before_call", "webhook-ingest"),
    (Step::LaneAfterCall, "lane.after_call", "webhook-ingest"),
    (Step::LaneAfterCommit, "lane.after_commit", "webhook-ingest"),
    (Step::ApplyBeforeCommit, "apply.before_commit", "service-api"),
    (Step::ApplyAfterCommit, "apply.after_commit", "service-api"),
    (Step::ChangeBeforeCommit, "change.before_commit", "service-api"),
    (Step::ChangeAfterCommit, "change.after_commit", "service-api"),
    (Step::OutboxBeforeCall, "outbox.before_call", "webhook-ingest"),
    (Step::OutboxAfterCall, "outbox.after_call", "service-api"),
    (Step::AppendBeforeCommit, "append.before_commit", "audit-log"),
    (Step::AppendAfterCommit, "append.after_commit", "audit-log"),
    (Step::ImpersonationBeforeCommit, "impersonation.before_commit", "sso-issuer"),
    (Step::ImpersonationAfterCommit, "impersonation.after_commit", "sso-issuer"),
    (Step::ActivityAfterCall, "activity.after_call", "sso-issuer"),
];

/// The setting that names the step to die at and at which passage: `apply.before_commit:3`.
pub const SETTING: &str = "CRM_FAIL_POINT";

/// The process passes a step, unless it is to die there.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn pass(_: Step) {}

/// The process passes a step, unless it is to die there.
#[cfg(feature = "failpoints")]
pub fn pass(step: Step) {
    armed::pass(step);
}

#[cfg(feature = "failpoints")]
mod armed {
    use super::{ALL, SETTING, Step};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// The step to die at, and the passages before that.
    static ARMED: OnceLock<Option<(Step, AtomicU64)>> = OnceLock::new();

    pub(super) fn pass(step: Step) {
        let Some((last, passages_left)) = ARMED.get_or_init(read) else { return };
        if *last == step && passages_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // No destructor runs, no buffer is flushed, no connection is closed in good manner: as with kill -9.
            std::process::abort();
        }
    }

    /// A setting that names no step is as if it were not there: the campaign sees that nothing died.
    #[expect(
        clippy::disallowed_methods,
        reason = "no setting of a program that ships: read here, and nowhere else"
    )]
    fn read() -> Option<(Step, AtomicU64)> {
        let text = std::env::var(SETTING).ok()?;
        let (name, passage) = text.split_once(':')?;
        let (step, ..) = ALL.into_iter().find(|(_, known, _)| *known == name)?;
        Some((step, AtomicU64::new(passage.parse().ok()?)))
    }
}
