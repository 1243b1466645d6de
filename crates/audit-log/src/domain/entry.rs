//! Sealed entries: which may be appended, and how they are opened for those who may read them. Sealing is `http_kit::audit::seal`;
//! the bytes of an entry are never made or changed here.

use std::collections::BTreeMap;

use auth::digest::sha256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::audit::Sealed;
use contract::canonical;
use contract::clock::Timestamp;
use contract::ids::EntryId;
use contract::json::pointer_token;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An entry as staff read it: the payload's members, with digests replaced by what they stand for. A value whose disclosure was
/// erased is `null`. It reads from an opened payload, and serialises as in the contract's section 5.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase", deserialize = "camelCase"))]
pub(crate) struct Opened {
    pub(crate) id: EntryId,
    pub(crate) time: Timestamp,
    pub(crate) service: String,
    pub(crate) category: String,
    pub(crate) action: String,
    pub(crate) outcome: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    pub(crate) actor: Party,
    #[serde(default)]
    pub(crate) target: Option<Party>,
    #[serde(default)]
    pub(crate) address: Option<String>,
    #[serde(default)]
    pub(crate) request_id: Option<String>,
    #[serde(default)]
    pub(crate) method: Option<String>,
    #[serde(default)]
    pub(crate) route: Option<String>,
    pub(crate) count: u64,
    #[serde(default)]
    pub(crate) details: Map<String, Value>,
}

/// Who did it, or what it was done to. The payload says `kind`, the answer `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Party {
    #[serde(rename(serialize = "type", deserialize = "kind"))]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) id: Option<String>,
}

/// Why a sealed entry can't be one of the trail's. Never holds what the entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadEntry {
    /// Not JSON, or not its one canonical form: two readers could differ over what was signed.
    #[error("the payload is not canonical JSON (RFC 8785)")]
    NotCanonical,
    /// Not what every entry says.
    #[error("the payload lacks a needed member, or has one of the wrong type")]
    Members,
    /// Two ids.
    #[error("the payload has another id than the entry")]
    OtherId,
    /// A disclosure that the payload does not vouch for: what it says was never sealed.
    #[error("a disclosure is not of this payload")]
    Disclosure,
}

impl BadEntry {
    /// The stable word for it.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::NotCanonical => "not_canonical",
            Self::Members => "member_missing",
            Self::OtherId => "other_id",
            Self::Disclosure => "foreign_disclosure",
        }
    }
}

/// Checks an entry on its way in, and opens it. An entry that passes can be stored as it is, and opened at any later time.
pub(crate) fn admit(sealed: &Sealed) -> Result<Opened, BadEntry> {
    let mut payload = parse(&sealed.payload)?;
    if canonical::text(&payload).ok().as_deref() != Some(sealed.payload.as_str()) {
        return Err(BadEntry::NotCanonical);
    }
    let disclosed = disclosed(&sealed.disclosures);
    let mut opening = Opening { disclosed: &disclosed, used: 0 };
    opening.open(&mut payload, &mut String::new());
    if opening.used != sealed.disclosures.len() {
        return Err(BadEntry::Disclosure);
    }
    let opened = read(payload)?;
    if opened.id == sealed.id { Ok(opened) } else { Err(BadEntry::OtherId) }
}

/// Opens a stored entry. What has no disclosure (any more) is `null`.
pub(crate) fn open(payload: &str, disclosures: &[String]) -> Result<Opened, BadEntry> {
    let disclosed = disclosed(disclosures);
    let mut payload = parse(payload)?;
    Opening { disclosed: &disclosed, used: 0 }.open(&mut payload, &mut String::new());
    read(payload)
}

fn parse(payload: &str) -> Result<Value, BadEntry> {
    serde_json::from_str(payload).map_err(|_| BadEntry::NotCanonical)
}

fn read(opened: Value) -> Result<Opened, BadEntry> {
    let opened: Opened = serde_json::from_value(opened).map_err(|_| BadEntry::Members)?;
    let words = [&opened.service, &opened.category, &opened.action, &opened.outcome, &opened.actor.kind];
    let said = opened.count > 0 && words.iter().all(|word| !word.is_empty());
    if said { Ok(opened) } else { Err(BadEntry::Members) }
}

/// What stands for a disclosure in a payload (RFC 9901, section 4.2.3).
pub(super) fn digest_of(disclosure: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(disclosure.as_bytes()))
}

/// What disclosures say, by their digests. What is no disclosure says nothing.
fn disclosed(disclosures: &[String]) -> BTreeMap<String, (String, String)> {
    let one = |text: &String| {
        let (_salt, pointer, value): (String, String, String) = serde_json::from_str(text).ok()?;
        Some((digest_of(text), (pointer, value)))
    };
    disclosures.iter().filter_map(one).collect()
}

struct Opening<'a> {
    disclosed: &'a BTreeMap<String, (String, String)>,
    /// How many digests were opened.
    used: usize,
}

impl Opening<'_> {
    /// Replaces the digests in the value that stands at `pointer`. A disclosure counts only at the place it was made for. The depth is
    /// limited by the parser's.
    fn open(&mut self, value: &mut Value, pointer: &mut String) {
        match value {
            Value::Object(members) => match digest(members) {
                Some(digest) if !HOLDERS.contains(&pointer.as_str()) => {
                    *value = self.disclose(digest, pointer);
                }
                _ => members
                    .iter_mut()
                    .for_each(|(name, member)| self.step(member, pointer, &pointer_token(name))),
            },
            Value::Array(items) => {
                let items = items.iter_mut().enumerate();
                items.for_each(|(index, item)| self.step(item, pointer, &index.to_string()));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Opens what stands one step below `pointer`.
    fn step(&mut self, value: &mut Value, pointer: &mut String, token: &str) {
        if !(value.is_object() || value.is_array()) {
            return;
        }
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(token);
        self.open(value, pointer);
        pointer.truncate(length);
    }

    fn disclose(&mut self, digest: &str, pointer: &str) -> Value {
        match self.disclosed.get(digest) {
            Some((place, value)) if place == pointer => {
                self.used += 1;
                Value::String(value.clone())
            }
            _ => Value::Null,
        }
    }
}

/// The places of the objects that every entry has. All other objects in a payload stand for a text.
const HOLDERS: [&str; 4] = ["", "/actor", "/target", "/details"];

/// The digest, if this object is one.
fn digest(members: &Map<String, Value>) -> Option<&str> {
    if members.len() == 1 { members.get("sha256")?.as_str() } else { None }
}

#[cfg(test)]
mod tests {
    use auth::random::Random;
    use contract::audit::{Actor, ActorKind, Category, Entry, Outcome, Target, Text, Value as Detail};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::index::{Index, folded};

    fn text() -> impl Strategy<Value = Text> {
        (any::<bool>(), any::<String>())
            .prop_map(|(open, text)| if open { Text::Open(text) } else { Text::Personal(text) })
    }

    fn detail() -> impl Strategy<Value = Detail> {
        let leaf = prop_oneof![
            text().prop_map(Detail::Text),
            (-(1_i64 << 53)..(1 << 53)).prop_map(Detail::Number),
            any::<bool>().prop_map(Detail::Flag),
            Just(Detail::Text(Text::Open("applied".to_owned()))),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| proptest::collection::vec(inner, 0..4).prop_map(Detail::List))
    }

    prop_compose! {
        fn entry()(
            micros in 0..Timestamp::MAX.as_micros(),
            action in "[a-z.]{1,20}",
            (reason, request_id) in any::<(Option<String>, Option<String>)>(),
            actor in proptest::option::of(text()),
            target in proptest::option::of((any::<String>(), text())),
            address in proptest::option::of(text()),
            count in 1..(1_u64 << 53),
            details in proptest::collection::btree_map(
                prop_oneof![any::<String>(), Just("sha256".to_owned()), Just("result".to_owned())], detail(), 0..4,
            ),
        ) -> Entry {
            let time = Timestamp::from_micros(micros);
            Entry {
                id: EntryId::new(time, [7; 10]), time, service: "test", category: Category::Webhook, action,
                outcome: Outcome::Refused, reason, actor: Actor { kind: ActorKind::Platform, id: actor },
                target: target.map(|(kind, id)| Target { kind, id }), address, request_id, method: None, route: None,
                count, details,
            }
        }
    }

    fn plain(text: &Text) -> &str {
        match text {
            Text::Open(text) | Text::Personal(text) => text,
        }
    }

    fn shown(detail: &Detail) -> Value {
        match detail {
            Detail::Text(text) => json!(plain(text)),
            Detail::Number(number) => json!(number),
            Detail::Flag(flag) => json!(flag),
            Detail::List(items) => items.iter().map(shown).collect(),
        }
    }

    proptest! {
        /// What a service seals is always admitted, and opens to what the service said: no entry can get stuck in an outbox.
        #[test]
        fn what_is_sealed_is_admitted_and_opens_to_what_was_said(entry in entry()) {
            let sealed = http_kit::audit::seal(&entry, &Random::seeded(1));
            let opened = admit(&sealed);
            prop_assert!(opened.is_ok(), "{opened:?} of {sealed:?}");
            let Ok(opened) = opened else { return Ok(()) };
            prop_assert_eq!((opened.id, opened.time, opened.count), (entry.id, entry.time, entry.count));
            prop_assert_eq!((&opened.action, &opened.reason, &opened.request_id), (&entry.action, &entry.reason, &entry.request_id));
            prop_assert_eq!(opened.actor.id.as_deref(), entry.actor.id.as_ref().map(plain));
            prop_assert_eq!(opened.target.as_ref().and_then(|t| t.id.as_deref()), entry.target.as_ref().map(|t| plain(&t.id)));
            prop_assert_eq!(opened.address.as_deref(), entry.address.as_ref().map(plain));
            let details: Map<String, Value> = entry.details.iter().map(|(name, value)| (name.clone(), shown(value))).collect();
            prop_assert_eq!(&opened.details, &details);
            prop_assert_eq!(open(&sealed.payload, &sealed.disclosures), Ok(opened.clone()));

            let index = Index::of(&opened);
            let columns = [Some(&index.search), index.actor_id.as_ref(), index.target_id.as_ref()];
            let says = |text: &str| columns.into_iter().flatten().any(|column| column.contains(text));
            let found = |text: &str| says(&folded(text)) || index.kind.says(&folded(text));
            let target = opened.target.as_ref();
            let said = [
                &opened.actor.id, &opened.reason, &opened.request_id, &opened.address, &target.map(|target| target.kind.clone()),
                &target.and_then(|target| target.id.clone()), &Some(opened.action.clone()),
            ];
            prop_assert!(said.into_iter().flatten().all(|text| found(text)), "{index:?}");
            prop_assert!(opened.details.values().filter_map(Value::as_str).all(found), "{index:?}");
            prop_assert!(columns.into_iter().flatten().all(|column| !column.contains('\0')));
            prop_assert!(index.kind.0.len() < 2_600 && !index.kind.0.contains('\0') && index.kind.0.lines().count() <= 12);
        }

        /// Without its disclosures an entry says nothing personal, and the rest all the same.
        #[test]
        fn erased_disclosures_leave_null(entry in entry()) {
            let sealed = http_kit::audit::seal(&entry, &Random::seeded(2));
            let opened = open(&sealed.payload, &[]);
            prop_assert!(opened.is_ok(), "{opened:?}");
            let Ok(opened) = opened else { return Ok(()) };
            let open_id = entry.actor.id.as_ref().filter(|text| matches!(text, Text::Open(_))).map(plain);
            prop_assert_eq!(opened.actor.id.as_deref(), open_id);
            prop_assert_eq!(opened.action, entry.action);
        }
    }
}
