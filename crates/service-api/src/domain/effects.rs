//! What is to be done about an event, and the verdict on it. The type of an event decides which rule it goes to; those without a
//! rule yet are neither applied nor refused.

use contract::events::{ClientRegistered, Event};
use contract::ids::EventId;
use contract::internal::{ApplyEvent, ApplyResult, ApplyVerdict};

use super::book::Effect;
use super::identity::{Identity, Unfit};

/// What is to be done about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan<'a> {
    /// Put this registration into the record of that client.
    Register(Identity, &'a ClientRegistered),
    /// It can't be applied, now or ever.
    Refuse(Unfit),
    /// This version has no effect for it: it is to be tried again by the next.
    Wait,
}

/// The plan for an event.
pub(crate) fn plan(event: &ApplyEvent) -> Plan<'_> {
    match &event.event {
        Event::ClientRegistered(said) => match Identity::of(&event.source, said) {
            Ok(identity) => Plan::Register(identity, said),
            Err(unfit) => Plan::Refuse(unfit),
        },
        Event::DepositCompleted(_)
        | Event::WithdrawalCompleted(_)
        | Event::KycUpdated(_)
        | Event::AccountUpdated(_) => Plan::Wait,
    }
}

/// The verdict on an event that took effect just now.
pub(crate) fn applied(event_id: EventId, effect: Effect) -> ApplyVerdict {
    let result = if effect.superseded { ApplyResult::Superseded } else { ApplyResult::Applied };
    ApplyVerdict { event_id, result, reason: None }
}

/// The verdict on an event that took effect before; one that was superseded then is so for ever.
pub(crate) fn applied_before(event_id: EventId, effect: Effect) -> ApplyVerdict {
    let result = if effect.superseded { ApplyResult::Superseded } else { ApplyResult::AlreadyApplied };
    ApplyVerdict { event_id, result, reason: None }
}

/// The verdict on an event that is refused for good.
pub(crate) fn refused(event_id: EventId, unfit: Unfit) -> ApplyVerdict {
    ApplyVerdict { event_id, result: ApplyResult::Refused, reason: Some(unfit.to_string()) }
}

/// The verdict on an event that is to be tried again, for trouble of ours.
pub(crate) fn failed(event_id: EventId, reason: &str) -> ApplyVerdict {
    ApplyVerdict { event_id, result: ApplyResult::Failed, reason: Some(reason.to_owned()) }
}
