//! What the trail tells webhook-ingest about one of its events, for staff who may look at events but not at the trail: when what was
//! done, never from where, and no value that may be about a person.

use contract::ids::StaffId;
use contract::internal::trace::Attempt;
use serde_json::Value;

use super::entry::Opened;

/// The action of a delivery.
pub(crate) const DELIVERY: &str = "webhook.receive";

/// The other actions that an event's story is made of.
pub(crate) const ACTS: [&str; 4] =
    ["event.replay", "webhook.dead_letter", "webhook.conflict", "webhook.drain"];

/// The longest word that is passed on, in bytes. Ours are shorter.
const LONGEST_WORD: usize = 64;

/// What an entry says, as far as it is told.
pub(crate) fn attempt(entry: &Opened) -> Attempt {
    let detail = |name: &str| entry.details.get(name).and_then(Value::as_str);
    let staff = entry.actor.id.as_deref().filter(|_| entry.actor.kind == "staff");
    Attempt {
        at: entry.time,
        action: entry.action.clone(),
        reason: entry.reason.as_deref().and_then(word),
        status: detail("status").or_else(|| detail("outcome")).and_then(word),
        // Somebody whom only another part of the CRM knows may be called by an address.
        staff: staff.and_then(|id| id.parse().ok()).map(|id: StaffId| id.to_string()),
        other: detail("duplicateOf").and_then(|id| id.parse().ok()),
        spooled: entry.details.get("spooled").and_then(Value::as_bool).unwrap_or_default(),
    }
}

/// A stable word of ours; anything else is not told.
fn word(text: &str) -> Option<String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    (plain && text.len() <= LONGEST_WORD).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use contract::clock::Timestamp;
    use contract::ids::EntryId;
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_about_a_person_is_told() {
        let entry = |actor: &Value, details: &Value| -> Opened {
            serde_json::from_value(json!({
                "id": EntryId::new(Timestamp::from_micros(0), [0; 10]), "time": "2025-10-13T19:00:00Z", "service": "webhook-ingest",
                "category": "webhook", "action": "event.replay", "outcome": "success", "actor": actor,
                "address": "203.0.113.7", "count": 1, "details": details,
            }))
            .expect("an entry")
        };
        let told = attempt(&entry(
            &json!({"kind": "staff", "id": "ann@example.com"}),
            &json!({"outcome": "Zoë", "eventType": "ann@example.com", "duplicateOf": "ann"}),
        ));
        assert_eq!((told.staff, told.status, told.other), (None, None, None));
        let staff = StaffId::new("2025-10-13T19:00:00Z".parse().expect("a time"), [7; 10]);
        let told = attempt(&entry(
            &json!({"kind": "staff", "id": staff}),
            &json!({"outcome": "already_applied", "spooled": true}),
        ));
        assert_eq!(
            (told.staff, told.status.as_deref(), told.spooled),
            (Some(staff.to_string()), Some("already_applied"), true)
        );
    }
}
