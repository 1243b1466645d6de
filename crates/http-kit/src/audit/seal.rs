//! Sealing: an entry becomes its final bytes. Personal values become salted digests, their disclosures stand beside, as in SD-JWT
//! (RFC 9901, section 4.2): who holds the payload alone learns nothing of them, and a disclosure can be erased for ever.

use std::collections::BTreeMap;

use auth::digest::sha256;
use auth::random::Random;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::audit::{ActorKind, Category, Entry, Outcome, Sealed, Text, Value};
use contract::canonical;
use contract::clock::Timestamp;
use contract::ids::EntryId;
use contract::json::pointer_token;
use serde::Serialize;

/// Seals an entry. The payload is canonical JSON (RFC 8785); absent members are left out.
pub fn seal(entry: &Entry, random: &Random) -> Sealed {
    let mut sealer = Sealer { random, disclosures: Vec::new() };
    let payload = sealer.payload(entry);
    // Maps of text, whole numbers and flags: neither form can fail.
    let payload = match payload.is_canonical() {
        true => serde_json::to_string(&payload),
        false => serde_json::to_value(&payload).and_then(|payload| canonical::text(&payload)),
    };
    Sealed { id: entry.id, payload: payload.unwrap_or_default(), disclosures: sealer.disclosures }
}

/// The payload, its members in their canonical order: what `serde_json` writes of it is canonical as it is, without a tree of values in
/// between, for every request has an entry.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    action: &'a str,
    actor: Party<'a, ActorKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Told<'a>>,
    category: Category,
    count: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<&'a str, Told<'a>>,
    id: EntryId,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    service: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Party<'a, &'a str>>,
    time: Timestamp,
}

/// The actor or the target.
#[derive(Serialize)]
struct Party<'a, K> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Told<'a>>,
    kind: K,
}

/// A value as the payload tells it.
#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    Open(&'a str),
    Personal { sha256: String },
    Number(i64),
    Flag(bool),
    List(Vec<Self>),
}

impl Payload<'_> {
    /// Is it written canonically without more ado? As [`canonical::is_whole`] says of numbers; and names in ASCII have the same order by
    /// bytes as by the RFC's units of UTF-16.
    fn is_canonical(&self) -> bool {
        i64::try_from(self.count).is_ok_and(canonical::is_whole)
            && self.details.iter().all(|(name, value)| name.is_ascii() && value.is_canonical())
    }
}

impl Told<'_> {
    fn is_canonical(&self) -> bool {
        match self {
            Self::Number(number) => canonical::is_whole(*number),
            Self::List(values) => values.iter().all(Self::is_canonical),
            Self::Open(_) | Self::Personal { .. } | Self::Flag(_) => true,
        }
    }
}

struct Sealer<'a> {
    random: &'a Random,
    disclosures: Vec<String>,
}

impl Sealer<'_> {
    fn payload<'a>(&mut self, entry: &'a Entry) -> Payload<'a> {
        let address = entry.address.as_ref().map(|address| self.text("/address", address));
        let id = entry.actor.id.as_ref().map(|id| self.text("/actor/id", id));
        let actor = Party { id, kind: entry.actor.kind };
        let target = entry.target.as_ref().map(|target| {
            let id = Some(self.text("/target/id", &target.id));
            Party { id, kind: target.kind.as_str() }
        });
        let details = entry.details.iter().map(|(name, value)| {
            let pointer = format!("/details/{}", pointer_token(name));
            (name.as_str(), self.value(&pointer, value))
        });
        Payload {
            action: &entry.action,
            actor,
            address,
            category: entry.category,
            count: entry.count,
            details: details.collect(),
            id: entry.id,
            method: entry.method.as_deref(),
            outcome: entry.outcome,
            reason: entry.reason.as_deref(),
            request_id: entry.request_id.as_deref(),
            route: entry.route.as_deref(),
            service: entry.service,
            target,
            time: entry.time,
        }
    }

    fn value<'a>(&mut self, pointer: &str, value: &'a Value) -> Told<'a> {
        match value {
            Value::Text(text) => self.text(pointer, text),
            Value::Number(number) => Told::Number(*number),
            Value::Flag(flag) => Told::Flag(*flag),
            Value::List(values) => {
                let items = values.iter().enumerate();
                Told::List(
                    items.map(|(index, value)| self.value(&format!("{pointer}/{index}"), value)).collect(),
                )
            }
        }
    }

    fn text<'a>(&mut self, pointer: &str, text: &'a Text) -> Told<'a> {
        match text {
            Text::Open(text) => Told::Open(text),
            Text::Personal(text) => {
                let salt = URL_SAFE_NO_PAD.encode(self.random.bytes::<16>());
                // Three texts always serialise.
                let disclosure = serde_json::to_string(&[salt.as_str(), pointer, text]).unwrap_or_default();
                let sha256 = URL_SAFE_NO_PAD.encode(sha256(disclosure.as_bytes()));
                self.disclosures.push(disclosure);
                Told::Personal { sha256 }
            }
        }
    }
}
