//! From raw bytes to an event: the envelope around `data`, and what is said of a body that is no event.

use std::time::Duration;

use super::fields::{Fields, Found, MAX_ID_CHARS, text_or_integer};
use super::{Event, EventType, KycWords, Warning};
use crate::clock::Timestamp;
use crate::json::{self, Json, JsonError};
use crate::problems::{Code, FieldError};

/// How far ahead of our clock a sender's timestamp may lie before the time of receipt stands in for it.
const MAX_AHEAD: Duration = Duration::from_secs(5 * 60);

/// What a body turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// An event of a known type; [`Envelope::event`] is there.
    Known(Envelope),
    /// A sound envelope, whatever its `data`, with an event type we do not know; [`Envelope::event`] is `None`.
    Unrecognized(Envelope),
    /// Not an event as it stands: to be held.
    Unreadable(Unreadable),
}

/// A delivery whose body could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The sender's id of the event (`id`, else `eventId`), 1 to 255 characters.
    pub id: Option<String>,
    /// The event type as sent, 1 to 255 characters.
    pub event_type: String,
    /// What it says.
    pub event: Option<Event>,
    /// The sender's own number (`sequence`).
    pub sequence: Option<i64>,
    /// The sender's time (`timestamp`), if it could be read.
    pub timestamp: Option<Timestamp>,
    /// When it takes effect: [`effective_time`] of `timestamp`, whose warning is already among `warnings`.
    pub effective_at: Timestamp,
    /// `event` and `data` in canonical bytes: two deliveries of one id are the same event if these are equal.
    pub facts: Vec<u8>,
    /// What is not as it should be.
    pub warnings: Vec<Warning>,
}

/// A delivery that can't be read as an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// As [`Envelope::id`], if it got that far.
    pub id: Option<String>,
    /// As [`Envelope::event_type`], if there was a sensible one.
    pub event_type: Option<String>,
    /// As [`Envelope::facts`], if the body was a JSON object; `null` stands for a missing part.
    pub facts: Option<Vec<u8>>,
    /// [`Code::InvalidJson`] or [`Code::InvalidEvent`].
    pub code: Code,
    /// What is wrong; never empty.
    pub errors: Vec<FieldError>,
}

/// Reads the body of a webhook. Total: any bytes give a [`Reading`].
#[must_use]
pub fn read(body: &[u8], kyc_words: &KycWords, received: Timestamp) -> Reading {
    let parsed = match json::parse(body) {
        Ok(parsed) => parsed,
        Err(error) => return Reading::Unreadable(not_json(json_fault(&error))),
    };
    if !matches!(parsed.json, Json::Object(_)) {
        let detail = "The body has to be a JSON object.";
        return Reading::Unreadable(not_json(FieldError::new("", "not_an_object", detail)));
    }
    let mut fields = Fields::new("", &parsed.json);
    if parsed.had_bom {
        fields.warnings.push(fields.fault("", "byte_order_mark", "A byte order mark was left out."));
    }
    if parsed.replaced {
        let detail = "Lone surrogates or U+0000 became U+FFFD.";
        fields.warnings.push(fields.fault("", "replaced_characters", detail));
    }
    read_envelope(&parsed.json, fields, kyc_words, received)
}

/// Reads the top level of the body, which `fields` stands over, then `data`.
fn read_envelope(body: &Json, mut fields: Fields<'_>, kyc_words: &KycWords, received: Timestamp) -> Reading {
    let id = read_id(&mut fields);
    let event_type = fields.needed("event", event_type(&fields));
    let known = event_type.as_deref().and_then(EventType::parse);
    // What a type that we do not know needs, nobody can say: it is kept as it came, whatever its `data`.
    let is_unknown = event_type.is_some() && known.is_none();
    let data = if is_unknown { None } else { fields.needed("data", data(&fields)) };
    let facts = facts(body);
    let mut event = None;
    if let (Some(known), Some(data)) = (known, data) {
        let mut members = Fields::new("data", data);
        event = Event::read(known, &mut members, kyc_words);
        fields.errors.append(&mut members.errors);
        fields.warnings.append(&mut members.warnings);
    }
    let event_type = match event_type {
        Some(event_type) if fields.errors.is_empty() => event_type,
        event_type => {
            let (code, errors) = (Code::InvalidEvent, fields.errors);
            return Reading::Unreadable(Unreadable { id, event_type, facts: Some(facts), code, errors });
        }
    };
    let sequence = fields.optional(fields.integer("sequence"));
    let timestamp = read_timestamp(&mut fields);
    let (effective_at, ahead) = effective_time(timestamp, received);
    fields.warnings.extend(ahead);
    let warnings = fields.warnings;
    let envelope = Envelope { id, event_type, event, sequence, timestamp, effective_at, facts, warnings };
    if envelope.event.is_some() { Reading::Known(envelope) } else { Reading::Unrecognized(envelope) }
}

/// When an event takes effect: at the sender's time, or at the receipt if there is none or it lies more than 5 minutes
/// ahead of our clock. Only the second is warned of here.
#[must_use]
pub fn effective_time(sent: Option<Timestamp>, received: Timestamp) -> (Timestamp, Option<Warning>) {
    match sent {
        Some(sent) if sent <= received.plus(MAX_AHEAD) => (sent, None),
        Some(_) => {
            let detail = "This lies more than 5 minutes ahead of our clock; the time of receipt stands in.";
            (received, Some(Warning::new("/timestamp", "in_the_future", detail)))
        }
        None => (received, None),
    }
}

/// `id`, else `eventId`. As sent: a key must not be mended.
fn read_id(fields: &mut Fields<'_>) -> Option<String> {
    for name in ["id", "eventId"] {
        let text = match fields.get(name) {
            Some(json) => text_or_integer(json),
            None if matches!(fields.sent(name), Some(Json::String(_))) => Some(String::new()),
            None => continue,
        };
        match text {
            Some(text) if !text.trim().is_empty() && within_id_length(&text) => return Some(text),
            _ => {
                let detail =
                    "An id is a text of 1 to 255 characters or a whole number; the event goes without.";
                fields.warnings.push(fields.fault(name, "invalid", detail));
            }
        }
    }
    None
}

fn within_id_length(text: &str) -> bool {
    text.chars().nth(MAX_ID_CHARS).is_none()
}

fn event_type(fields: &Fields<'_>) -> Found<String> {
    match fields.get("event") {
        None => Ok(None),
        Some(Json::String(text)) if within_id_length(text) => Ok(Some(text.clone())),
        Some(_) => Err(fields.fault("event", "invalid", "This has to be a text of up to 255 characters.")),
    }
}

fn data<'a>(fields: &Fields<'a>) -> Found<&'a Json> {
    match fields.get("data") {
        None => Ok(None),
        Some(data @ Json::Object(_)) => Ok(Some(data)),
        Some(_) => Err(fields.fault("data", "invalid", "This has to be an object.")),
    }
}

fn read_timestamp(fields: &mut Fields<'_>) -> Option<Timestamp> {
    let sent = fields.time("timestamp");
    if matches!(sent, Ok(None)) {
        let detail = "There is no timestamp; the time of receipt stands in.";
        fields.warnings.push(fields.fault("timestamp", "missing", detail));
    }
    fields.optional(sent)
}

/// The canonical bytes of `[event, data]`.
fn facts(body: &Json) -> Vec<u8> {
    let mut out = String::from("[");
    body.get("event").unwrap_or(&Json::Null).write_canonical(&mut out);
    out.push(',');
    body.get("data").unwrap_or(&Json::Null).write_canonical(&mut out);
    out.push(']');
    out.into_bytes()
}

fn not_json(fault: FieldError) -> Unreadable {
    Unreadable { id: None, event_type: None, facts: None, code: Code::InvalidJson, errors: vec![fault] }
}

fn json_fault(error: &JsonError) -> FieldError {
    let (pointer, code) = match error {
        JsonError::NotUtf8 => ("", "not_utf8"),
        JsonError::Syntax { .. } => ("", "syntax"),
        JsonError::TooDeep => ("", "too_deep"),
        JsonError::DuplicateKey { pointer } => (pointer.as_str(), "duplicate_key"),
    };
    FieldError::new(pointer, code, format!("{error}."))
}
