//! Sealing: an entry becomes its final bytes. Personal values become salted digests, their disclosures stand beside, as in SD-JWT
//! (RFC 9901, section 4.2): who holds the payload alone learns nothing of them, and a disclosure can be erased for ever.

use std::collections::BTreeMap;

use auth::digest::sha256;
use auth::random::Random;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::audit::{Entry, Sealed, Text, Value};
use contract::canonical;
use contract::json::pointer_token;
use serde_json::{Map, Value as Json, json};

/// Seals an entry. The payload is canonical JSON (RFC 8785); absent members are left out.
pub fn seal(entry: &Entry, random: &Random) -> Sealed {
    let mut sealer = Sealer { random, disclosures: Vec::new() };
    let payload = sealer.payload(entry);
    // Maps of text, whole numbers and flags: canonicalisation cannot fail.
    let payload = canonical::text(&payload).unwrap_or_default();
    Sealed { id: entry.id, payload, disclosures: sealer.disclosures }
}

struct Sealer<'a> {
    random: &'a Random,
    disclosures: Vec<String>,
}

impl Sealer<'_> {
    fn payload(&mut self, entry: &Entry) -> Json {
        let mut members = Map::new();
        members.insert("id".to_owned(), json!(entry.id));
        members.insert("time".to_owned(), json!(entry.time));
        members.insert("service".to_owned(), json!(entry.service));
        members.insert("category".to_owned(), json!(entry.category));
        members.insert("action".to_owned(), json!(entry.action));
        members.insert("outcome".to_owned(), json!(entry.outcome));
        members.insert("count".to_owned(), json!(entry.count));
        let texts = [
            ("reason", &entry.reason),
            ("requestId", &entry.request_id),
            ("method", &entry.method),
            ("route", &entry.route),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                members.insert(name.to_owned(), json!(text));
            }
        }
        if let Some(address) = &entry.address {
            members.insert("address".to_owned(), self.text("/address", address));
        }
        let mut actor = json!({ "kind": entry.actor.kind });
        if let (Some(id), Some(actor)) = (&entry.actor.id, actor.as_object_mut()) {
            actor.insert("id".to_owned(), self.text("/actor/id", id));
        }
        members.insert("actor".to_owned(), actor);
        if let Some(target) = &entry.target {
            let id = self.text("/target/id", &target.id);
            members.insert("target".to_owned(), json!({ "kind": target.kind, "id": id }));
        }
        if !entry.details.is_empty() {
            members.insert("details".to_owned(), self.details(&entry.details));
        }
        Json::Object(members)
    }

    fn details(&mut self, details: &BTreeMap<String, Value>) -> Json {
        let member = |(name, value): (&String, &Value)| {
            let pointer = format!("/details/{}", pointer_token(name));
            (name.clone(), self.value(&pointer, value))
        };
        Json::Object(details.iter().map(member).collect())
    }

    fn value(&mut self, pointer: &str, value: &Value) -> Json {
        match value {
            Value::Text(text) => self.text(pointer, text),
            Value::Number(number) => json!(number),
            Value::Flag(flag) => json!(flag),
            Value::List(values) => {
                let items = values.iter().enumerate();
                Json::Array(
                    items.map(|(index, value)| self.value(&format!("{pointer}/{index}"), value)).collect(),
                )
            }
        }
    }

    fn text(&mut self, pointer: &str, text: &Text) -> Json {
        match text {
            Text::Open(text) => json!(text),
            Text::Personal(text) => {
                let salt = URL_SAFE_NO_PAD.encode(self.random.bytes::<16>());
                let disclosure = json!([salt, pointer, text]).to_string();
                let digest = URL_SAFE_NO_PAD.encode(sha256(disclosure.as_bytes()));
                self.disclosures.push(disclosure);
                json!({ "sha256": digest })
            }
        }
    }
}
