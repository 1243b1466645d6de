//! What a signed body says, read by the mapping of today: when it comes, and again when staff have it replayed. Only the raw body
//! and what was signed beside it are for ever; all that stands here follows from them.

use auth::digest::sha256;
use contract::clock::Timestamp;
use contract::email::EmailKey;
use contract::events::{self, Envelope, Event, Reading, Unreadable, Warning};
use contract::inbox::HeldBecause;
use contract::kyc::KycWords;

use super::lanes;

/// The earliest time that both databases can hold: 0001-01-01. RFC 3339 writes one year more.
pub(crate) const EARLIEST: Timestamp = Timestamp::from_micros(-62_135_596_800_000_000);

/// What is for ever about a delivery, and what all else is read from.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The platform it came from.
    pub source: &'a str,
    /// The signed `webhook-id`, if it came as Standard Webhooks.
    pub message_id: Option<&'a str>,
    /// The raw body.
    pub body: &'a [u8],
    /// When it was received.
    pub received_at: Timestamp,
}

/// Where a delivery that is no duplicate stands after it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its effect is to come.
    Pending,
    /// No event type we know.
    Unrecognized,
    /// Kept, but refused.
    Held(HeldBecause),
}

/// What a signed body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What all deliveries of this event have in common: the source, a letter for the kind of key, and the sender's id or a digest,
    /// `:` between them.
    pub key: Vec<u8>,
    /// What all deliveries with the same key and the same other facts have in common: the key it is held under when `key` was
    /// first used for something else.
    pub reuse_key: Vec<u8>,
    /// SHA-256 of event type and data, independent of how the JSON was written: two deliveries of one key with equal facts are the
    /// same event.
    pub facts: [u8; 32],
    /// The event type as sent.
    pub event_type: Option<String>,
    /// When its facts hold from: its own timestamp, or the time of receipt.
    pub effective_at: Timestamp,
    /// The platform's own order of events of one time, if it sent one.
    pub sequence: Option<i64>,
    /// The lane its client's work is in.
    pub lane: i32,
    /// The look-up key of the e-mail it names, as `pending.email_key` holds it.
    pub email_key: Option<String>,
    /// That of the e-mail it moves its client to, if that is another.
    pub other_email_key: Option<String>,
    /// The platform's id of the client it names.
    pub client_id: Option<String>,
    /// What was odd about it without making it unreadable.
    pub warnings: Vec<Warning>,
    /// Where it stands by this reading.
    pub standing: Standing,
}

impl Said {
    /// Reads what was signed. Total: what can't be read becomes held.
    #[must_use]
    pub fn read(signed: Signed<'_>, kyc_words: &KycWords) -> Self {
        match events::read(signed.body, kyc_words, signed.received_at) {
            Reading::Known(envelope) => Self::readable(signed, envelope, Standing::Pending),
            Reading::Unrecognized(envelope) => Self::readable(signed, envelope, Standing::Unrecognized),
            Reading::Unreadable(unreadable) => Self::held(signed, unreadable),
        }
    }

    fn readable(signed: Signed<'_>, envelope: Envelope, standing: Standing) -> Self {
        let source = signed.source;
        let client_id = envelope.event.as_ref().and_then(|event| event.identity().client_id);
        let addresses = envelope.event.iter().flat_map(Event::addresses);
        let mut keys: Vec<EmailKey> = addresses.filter_map(|address| EmailKey::of(&address)).collect();
        keys.dedup();
        let [email, other_email] = [keys.first(), keys.get(1)];
        let key = readable_key(signed, envelope.id.as_deref());
        let facts = sha256(&envelope.facts);
        Self {
            reuse_key: key_of(source, b'r', &digest_of(&[Some(&key), Some(&facts)])),
            key,
            facts,
            event_type: Some(envelope.event_type),
            lane: lanes::lane_of(source, client_id.as_deref(), email),
            email_key: email.map(lanes::email_column),
            other_email_key: other_email.map(lanes::email_column),
            client_id,
            effective_at: envelope.effective_at.max(EARLIEST),
            sequence: envelope.sequence,
            warnings: envelope.warnings,
            standing,
        }
    }

    /// A delivery that can't be read. Its key is of a kind of its own, so that the mended event is accepted under the same id.
    fn held(signed: Signed<'_>, unreadable: Unreadable) -> Self {
        let facts = match &unreadable.facts {
            Some(facts) => digest_of(&[
                unreadable.id.as_deref().map(str::as_bytes),
                unreadable.event_type.as_deref().map(str::as_bytes),
                Some(facts),
            ]),
            None => digest_of(&[Some(signed.body)]),
        };
        let key = key_of(signed.source, b'h', &facts);
        Self {
            reuse_key: key.clone(),
            // Of the key as it was written once, with the digest in hex: what is stored for ever is compared with it.
            facts: sha256(format!("{}:h:{}", signed.source, hex::encode(facts)).as_bytes()),
            key,
            event_type: unreadable.event_type,
            lane: lanes::lane_of(signed.source, None, None),
            email_key: None,
            other_email_key: None,
            client_id: None,
            effective_at: signed.received_at,
            sequence: None,
            warnings: Vec::new(),
            standing: Standing::Held(HeldBecause { code: unreadable.code, errors: unreadable.errors }),
        }
    }
}

/// The key of a readable delivery: its signed message id, else the id inside its signed body, else the body itself.
fn readable_key(signed: Signed<'_>, id: Option<&str>) -> Vec<u8> {
    match (signed.message_id, id) {
        (Some(message), _) => key_of(signed.source, b'w', message.as_bytes()),
        (None, Some(id)) => key_of(signed.source, b'i', id.as_bytes()),
        (None, None) => key_of(signed.source, b'b', &sha256(signed.body)),
    }
}

fn key_of(source: &str, kind: u8, value: &[u8]) -> Vec<u8> {
    [source.as_bytes(), &[b':', kind, b':'], value].concat()
}

/// SHA-256 over parts, each framed by its length, so that no two lists of parts run together into the same bytes.
fn digest_of(parts: &[Option<&[u8]>]) -> [u8; 32] {
    let mut framed = Vec::new();
    for part in parts {
        match part {
            Some(part) => {
                framed.extend_from_slice(part.len().to_string().as_bytes());
                framed.push(b':');
                framed.extend_from_slice(part);
            }
            None => framed.push(b'-'),
        }
    }
    sha256(&framed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A delivery of `source` with this body.
    fn read(source: &str, message_id: Option<&str>, body: &str) -> Said {
        let received_at = Timestamp::from_micros(1_790_000_000_000_000);
        Said::read(Signed { source, message_id, body: body.as_bytes(), received_at }, &KycWords::built_in())
    }

    const REGISTERED: &str = r#"{"id":"7","event":"client.registered","data":{"email":"a@example.com"}}"#;

    #[test]
    fn each_kind_of_delivery_has_a_kind_of_key() {
        let kind = |said: &Said| said.key.split(|byte| *byte == b':').nth(1).map(<[u8]>::to_vec);
        assert_eq!(read("site", None, REGISTERED).key, b"site:i:7");
        assert_eq!(read("site", Some("msg_1"), REGISTERED).key, b"site:w:msg_1");
        assert_eq!(
            read("acme", None, &REGISTERED.replace("\"7\"", "7")).key,
            b"acme:i:7",
            "a number as an id"
        );
        assert_eq!(
            kind(&read("site", None, &REGISTERED.replace(r#""id":"7","#, ""))).as_deref(),
            Some(&b"b"[..])
        );
        assert_eq!(kind(&read("site", None, "not JSON")).as_deref(), Some(&b"h"[..]));
        assert_eq!(kind(&read("site", Some("msg_1"), "not JSON")).as_deref(), Some(&b"h"[..]));
    }

    #[test]
    fn a_held_delivery_is_known_by_what_it_says_and_not_by_how_it_is_written() {
        let held = |body: &str| {
            let said = read("site", None, body);
            assert!(matches!(said.standing, Standing::Held(_)), "{body}");
            said.key
        };
        let one = held(r#"{"id":"7","event":"client.registered","data":{},"timestamp":1}"#);
        assert_eq!(one, held(r#"{"timestamp":2, "data":{}, "event":"client.registered", "id":"7"}"#));
        assert_ne!(one, held(r#"{"id":"8","event":"client.registered","data":{}}"#));
        assert_ne!(one, held(r#"{"event":"client.registered","data":{}}"#));
        assert_ne!(one, held(r#"{"id":"7","event":"kyc.updated","data":{}}"#));
        assert_ne!(one, held(r#"{"id":"7","event":"client.registered","data":{"a":1}}"#));
    }

    #[test]
    fn a_time_before_the_databases_begin_is_moved_to_their_beginning() {
        let body = REGISTERED.replace(r#""id":"7""#, r#""timestamp":"0000-06-01T00:00:00Z""#);
        assert_eq!(read("site", None, &body).effective_at.to_string(), "0001-01-01T00:00:00.000000Z");
    }

    #[test]
    fn an_event_is_found_by_each_address_it_names() {
        let keys = |data: &str| {
            let said = read("site", None, &format!(r#"{{"event":"account.updated","data":{data}}}"#));
            (said.email_key.unwrap_or_default(), said.other_email_key.unwrap_or_default())
        };
        let expected = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        assert_eq!(
            keys(r#"{"clientEmail":"Old@example.com","email":"New@example.com"}"#),
            expected("old@example.com", "new@example.com")
        );
        assert_eq!(
            keys(r#"{"clientEmail":"A@example.com","email":"a@example.com"}"#),
            expected("a@example.com", "")
        );
        assert_eq!(keys(r#"{"clientId":"c1","email":"a@example.com"}"#), expected("a@example.com", ""));
    }

    proptest! {
        #[test]
        fn lists_of_parts_never_run_together(
            one in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..4)), 0..4),
            other in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..4)), 0..4),
        ) {
            let digest = |parts: &[Option<Vec<u8>>]| digest_of(&parts.iter().map(Option::as_deref).collect::<Vec<_>>());
            prop_assert_eq!(digest(&one) == digest(&other), one == other);
        }
    }
}
