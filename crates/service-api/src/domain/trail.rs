//! What the audit trail says of events that took effect. Who a person is stands there only as our id. What was refused for good is
//! put there by webhook-ingest, with the dead letter.

use std::collections::BTreeMap;

use contract::audit::{Actor, ActorKind, Category, Entry, Outcome, Target, Text, Value};
use contract::clock::Timestamp;
use contract::ids::{EntryId, RequestId};
use contract::internal::ApplyEvent;

use super::effects::{Effect, Outcome as Ended, REJECTED};

/// The longest source that gets into an entry, in characters.
const LONGEST_SOURCE: usize = 100;

/// The entry of an event that took effect in the commit at hand. `request` is the call that brought it.
pub(crate) fn applied(
    id: EntryId,
    now: Timestamp,
    event: &ApplyEvent,
    effect: Effect,
    request: &RequestId,
) -> Entry {
    let open = |text: &str| Value::Text(Text::open(text));
    let source: String = event.source.chars().take(LONGEST_SOURCE).collect();
    let (result, reason) = match effect.outcome {
        Ended::Applied => ("applied", None),
        Ended::Superseded => ("superseded", None),
        Ended::Rejected => ("superseded", Some(REJECTED.to_owned())),
        Ended::Conflict(conflict) => ("conflict", Some(conflict.as_str().to_owned())),
    };
    let details = [
        ("eventId", open(&event.event_id.to_string())),
        ("eventType", open(event.event.event_type().as_str())),
        ("result", open(result)),
    ];
    Entry {
        id,
        time: now,
        service: crate::NAME,
        category: Category::Webhook,
        action: "event.apply".to_owned(),
        outcome: Outcome::Success,
        reason,
        actor: Actor { kind: ActorKind::Platform, id: Some(Text::open(source)) },
        target: Some(Target { kind: "client".to_owned(), id: Text::open(effect.client.to_string()) }),
        address: None,
        request_id: Some(request.to_string()),
        method: None,
        route: None,
        count: 1,
        details: details
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<BTreeMap<_, _>>(),
    }
}
