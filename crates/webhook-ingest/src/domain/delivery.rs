//! What a signed delivery is: read once from its raw bytes, given its de-duplication key, and from then on only stored. Nothing
//! here verifies a signature or touches a database.

use auth::digest::sha256;
use auth::random::Random;
use auth::webhook::SignedBody;
use contract::clock::Timestamp;
use contract::email::EmailKey;
use contract::events::{self, Envelope, Event, Reading, Unreadable, Warning};
use contract::ids::EventId;
use contract::kyc::KycWords;
use contract::problems::{Code, FieldError};
use serde::Serialize;

use super::lanes;
use super::signature::Signed;

/// The earliest time that both databases can hold: 0001-01-01. RFC 3339 writes one year more.
const EARLIEST: Timestamp = Timestamp::from_micros(-62_135_596_800_000_000);

/// A delivery whose signature held, as its type shows.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The platform: the last segment of the path, known to us.
    pub source: String,
    /// The raw body, and what else was signed.
    pub signed: Signed,
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
    Held(Refusal),
}

/// Why a delivery was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// `invalid_json`, `invalid_event` or `event_id_reused`.
    pub code: Code,
    /// The fields at fault, if it is theirs.
    pub errors: Vec<FieldError>,
}

/// A signed delivery, ready to be stored.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Our id for it, if it turns out to be new.
    pub event_id: EventId,
    /// The platform it came from.
    pub source: String,
    /// What all deliveries of this event have in common.
    pub key: String,
    /// What all deliveries with the same key and the same other facts have in common: the key it is held under when `key` was
    /// first used for something else.
    pub reuse_key: String,
    /// SHA-256 of event type and data, independent of how the JSON was written: two deliveries of one key with equal facts are the
    /// same event.
    pub facts: [u8; 32],
    /// The event type as sent.
    pub event_type: Option<String>,
    /// The raw body.
    pub body: SignedBody,
    /// When it was received.
    pub received_at: Timestamp,
    /// When its facts hold from: its own timestamp, or the time of receipt.
    pub effective_at: Timestamp,
    /// The platform's own order of events of one time, if it sent one.
    pub sequence: Option<i64>,
    /// The lane its client's work is in.
    pub lane: i32,
    /// The look-up key of the e-mail it names, as `inbox.email_key` holds it.
    pub email_key: Option<String>,
    /// The platform's id of the client it names.
    pub client_id: Option<String>,
    /// What was odd about it without making it unreadable.
    pub warnings: Vec<Warning>,
    /// Where it will stand.
    pub standing: Standing,
}

impl Delivery {
    /// Reads a receipt. Every signed body becomes a delivery: what can't be read becomes one that is held.
    #[must_use]
    pub fn read(receipt: Receipt, kyc_words: &KycWords, random: &Random) -> Self {
        let event_id = EventId::new(receipt.received_at, random.bytes());
        match events::read(receipt.signed.body.bytes(), kyc_words, receipt.received_at) {
            Reading::Known(envelope) => Self::readable(receipt, event_id, envelope, Standing::Pending),
            Reading::Unrecognized(envelope) => {
                Self::readable(receipt, event_id, envelope, Standing::Unrecognized)
            }
            Reading::Unreadable(unreadable) => Self::held(receipt, event_id, unreadable),
        }
    }

    fn readable(receipt: Receipt, event_id: EventId, envelope: Envelope, standing: Standing) -> Self {
        let identity = envelope.event.as_ref().map(Event::identity);
        let (client_id, email) =
            identity.map_or((None, None), |identity| (identity.client_id, identity.email));
        let email = email.as_deref().and_then(EmailKey::of);
        let key = readable_key(&receipt, envelope.id.as_deref());
        let facts = sha256(&envelope.facts);
        Self {
            event_id,
            reuse_key: format!("{}:r:{}", receipt.source, digest_of(&[Some(key.as_bytes()), Some(&facts)])),
            key,
            facts,
            event_type: Some(envelope.event_type),
            lane: lanes::lane_of(&receipt.source, client_id.as_deref(), email.as_ref()),
            email_key: email.as_ref().map(lanes::email_column),
            client_id,
            received_at: receipt.received_at,
            effective_at: envelope.effective_at.max(EARLIEST),
            sequence: envelope.sequence,
            warnings: envelope.warnings,
            standing,
            source: receipt.source,
            body: receipt.signed.body,
        }
    }

    /// A delivery that can't be read. Its key is of a kind of its own, so that the mended event is accepted under the same id.
    fn held(receipt: Receipt, event_id: EventId, unreadable: Unreadable) -> Self {
        let facts = match &unreadable.facts {
            Some(facts) => digest_of(&[
                unreadable.id.as_deref().map(str::as_bytes),
                unreadable.event_type.as_deref().map(str::as_bytes),
                Some(facts),
            ]),
            None => digest_of(&[Some(receipt.signed.body.bytes())]),
        };
        let key = format!("{}:h:{facts}", receipt.source);
        Self {
            event_id,
            reuse_key: key.clone(),
            facts: sha256(key.as_bytes()),
            key,
            event_type: unreadable.event_type,
            lane: lanes::lane_of(&receipt.source, None, None),
            email_key: None,
            client_id: None,
            received_at: receipt.received_at,
            effective_at: receipt.received_at,
            sequence: None,
            warnings: Vec::new(),
            standing: Standing::Held(Refusal { code: unreadable.code, errors: unreadable.errors }),
            source: receipt.source,
            body: receipt.signed.body,
        }
    }
}

/// The key of a readable delivery: its signed message id, else the id inside its signed body, else the body itself.
fn readable_key(receipt: &Receipt, id: Option<&str>) -> String {
    let source = &receipt.source;
    match (&receipt.signed.message_id, id) {
        (Some(message), _) => format!("{source}:w:{message}"),
        (None, Some(id)) => format!("{source}:i:{id}"),
        (None, None) => format!("{source}:b:{}", hex::encode(sha256(receipt.signed.body.bytes()))),
    }
}

/// SHA-256 over parts, each framed by its length, so that no two lists of parts run together into the same bytes.
fn digest_of(parts: &[Option<&[u8]>]) -> String {
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
    hex::encode(sha256(&framed))
}

/// What the one commit decided about a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// New: stored, its effect to come.
    Accepted,
    /// New: stored, but no type we know.
    Unrecognized,
    /// Stored before, with equal facts.
    Duplicate,
    /// Stored, now or before, but refused for this.
    Held(Refusal),
    /// Its id was first used for something else; stored, now or before, but refused.
    Reused,
}

/// A verdict, and our id of the delivery that the answer names: for a repeat the first one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What was decided.
    pub verdict: Verdict,
    /// Which delivery.
    pub event_id: EventId,
}

#[cfg(test)]
mod tests {
    use auth::keyring::KeyRing;
    use auth::secret::Secret;
    use auth::webhook;
    use proptest::prelude::*;

    use super::*;

    /// A delivery of `source` with this body.
    fn read(source: &str, message_id: Option<&str>, body: &str) -> Delivery {
        let secret = Secret::new("for tests only");
        let signature = webhook::sign(&secret, body.as_bytes());
        let ring = KeyRing::new(secret, Vec::new());
        let body = webhook::verify(&ring, [signature.as_bytes()], body.to_owned().into()).expect("signed");
        let signed = Signed { body, message_id: message_id.map(str::to_owned) };
        let received_at = Timestamp::from_micros(1_790_000_000_000_000);
        Delivery::read(
            Receipt { source: source.to_owned(), signed, received_at },
            &KycWords::built_in(),
            &Random::seeded(1),
        )
    }

    const REGISTERED: &str = r#"{"id":"7","event":"client.registered","data":{"email":"a@example.com"}}"#;

    #[test]
    fn each_kind_of_delivery_has_a_kind_of_key() {
        let kind = |delivery: &Delivery| delivery.key.split(':').nth(1).map(str::to_owned);
        assert_eq!(read("site", None, REGISTERED).key, "site:i:7");
        assert_eq!(read("site", Some("msg_1"), REGISTERED).key, "site:w:msg_1");
        assert_eq!(
            read("acme", None, &REGISTERED.replace("\"7\"", "7")).key,
            "acme:i:7",
            "a number as an id"
        );
        assert_eq!(kind(&read("site", None, &REGISTERED.replace(r#""id":"7","#, ""))).as_deref(), Some("b"));
        assert_eq!(kind(&read("site", None, "not JSON")).as_deref(), Some("h"));
        assert_eq!(kind(&read("site", Some("msg_1"), "not JSON")).as_deref(), Some("h"));
    }

    #[test]
    fn a_held_delivery_is_known_by_what_it_says_and_not_by_how_it_is_written() {
        let held = |body: &str| {
            let delivery = read("site", None, body);
            assert!(matches!(delivery.standing, Standing::Held(_)), "{body}");
            delivery.key
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
