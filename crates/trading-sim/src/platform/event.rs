//! An event as it goes over the wire.

use contract::clock::Timestamp;
use contract::events::EventType;
use serde::Serialize;
use serde_json::Value;

/// An event: what happened, and its body as `JSON.stringify` writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventType,
    /// The body to sign and send, byte for byte.
    pub body: String,
}

#[derive(Serialize)]
struct Body<'a> {
    event: &'static str,
    data: &'a Value,
    timestamp: String,
}

impl Event {
    /// An event with this data.
    pub(super) fn new(kind: EventType, data: &Value, at: Timestamp) -> Self {
        let body = Body { event: kind.as_str(), data, timestamp: javascript_time(at) };
        // Serialising plain values into memory can't fail; an empty body would be refused by the CRM, and seen.
        Self { kind, body: serde_json::to_string(&body).unwrap_or_default() }
    }
}

/// A time as `Date.toISOString` writes it: to the millisecond.
pub(super) fn javascript_time(at: Timestamp) -> String {
    let text = at.to_string();
    // RFC 3339 with six decimals and a Z: three digits go.
    text.get(..text.len().saturating_sub(4)).map_or_else(String::new, |front| format!("{front}Z"))
}
