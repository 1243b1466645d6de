//! What a wrong signature looks like: the mistakes that senders make, tried one by one, so that staff read what to mend.
//!
//! This is never part of deciding: whatever is recognised here stays refused. It costs up to a few dozen HMACs of the body, so callers
//! limit how often they ask.

use std::fmt;

use crate::digest::{equal, hmac_sha256};
use crate::keyring::KeyRing;
use crate::rewrite;
use crate::secret::Secret;
use crate::webhook;

/// Keys of people who signed with an unset variable: as a shell, JavaScript and Python write it.
const NO_KEY: [&str; 4] = ["", "undefined", "null", "None"];

/// What was signed, or with what, instead of the body with the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// The body with a line break after it (`echo` for `printf`), or without the one that was sent.
    BodyPlusNewline,
    /// The same JSON in other bytes: parsed and written anew on one side.
    ReserializedJson,
    /// The body after a shell has turned its backslash escapes into characters, or the other way round.
    ExpandedEscapes,
    /// `echo -n` of a shell that prints the `-n`.
    EchoNPrefix,
    /// The bytes that the secret's hex characters stand for.
    HexDecodedKey,
    /// The secret with a line break or quotes around it.
    WrappedKey,
    /// A variable's name instead of its value; which name.
    VariableNameAsKey(String),
    /// No key at all, as from a variable that is not set.
    EmptyKey,
    /// Another secret of ours; the name of its setting.
    OtherSecret(String),
}

impl Hint {
    /// The stable word of the kind.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::BodyPlusNewline => "body_plus_newline",
            Self::ReserializedJson => "reserialized_json",
            Self::ExpandedEscapes => "expanded_escapes",
            Self::EchoNPrefix => "echo_n_prefix",
            Self::HexDecodedKey => "hex_decoded_key",
            Self::WrappedKey => "wrapped_key",
            Self::VariableNameAsKey(_) => "variable_name_as_key",
            Self::EmptyKey => "empty_key",
            Self::OtherSecret(_) => "other_secret",
        }
    }
}

/// One plain sentence for staff: what was done, and what to do.
impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BodyPlusNewline => {
                "The signature fits the body but for a line break at its end: sign exactly the bytes that are sent \
                 (printf '%s' instead of echo; curl --data-binary)."
            }
            Self::ReserializedJson => {
                "The signature fits the same JSON written in other bytes: serialise once, sign that text and send it."
            }
            Self::ExpandedEscapes => {
                "The signature and the body differ in backslash escapes, which a shell's echo or printf has expanded: \
                 use printf '%s'."
            }
            Self::EchoNPrefix => {
                "An option of echo was printed into the text (\"-n \" in front): use printf '%s' instead of echo -n."
            }
            Self::HexDecodedKey => {
                "The key was decoded from hex before signing: the text of the secret itself is the key."
            }
            Self::WrappedKey => "The key has a line break or quotes around it: use the bare text of the secret.",
            Self::VariableNameAsKey(name) => {
                return write!(f, "The key is the text {name} itself: put the variable's value there.");
            }
            Self::EmptyKey => "The key is empty: the variable with the secret is not set where the sender runs.",
            Self::OtherSecret(name) => {
                return write!(f, "The key is the value of {name}, which is not for webhooks of this source.");
            }
        })
    }
}

/// What the value of a signature header that did not verify looks like; `None` if nothing is recognised or it is no signature at all.
///
/// `ring` is the source's, `name` its setting, `others` our secrets that are not this source's, by setting. Bodies over 32 KiB are not
/// rewritten: only keys, line breaks and options of echo are tried on them.
#[must_use]
pub fn diagnose(
    body: &[u8],
    header: &[u8],
    ring: &KeyRing,
    name: &str,
    others: &[(String, Secret)],
) -> Option<Hint> {
    let tag = webhook::read(header)?;
    let signed_with = |key: &[u8]| equal(&hmac_sha256(key, body), &tag);
    let signed = |text: &[u8]| ring.verify(text, &tag);
    other_key(signed_with, ring, name, others).or_else(|| other_body(body, signed))
}

/// The right body under a wrong key.
fn other_key(
    signed_with: impl Fn(&[u8]) -> bool,
    ring: &KeyRing,
    name: &str,
    others: &[(String, Secret)],
) -> Option<Hint> {
    for secret in ring.all() {
        if hex::decode(secret.as_bytes()).is_ok_and(|key| signed_with(&key)) {
            return Some(Hint::HexDecodedKey);
        }
        let text = secret.expose();
        let wrapped =
            [format!("{text}\n"), format!("{text}\r\n"), format!("\"{text}\""), format!("'{text}'")];
        if wrapped.iter().any(|key| signed_with(key.as_bytes())) {
            return Some(Hint::WrappedKey);
        }
    }
    if NO_KEY.iter().any(|key| signed_with(key.as_bytes())) {
        return Some(Hint::EmptyKey);
    }
    // KEY is how our own instructions write it.
    for name in [name, "KEY"] {
        let literal =
            [name.to_owned(), format!("${name}"), format!("${{{name}}}"), format!("process.env.{name}")];
        if let Some(key) = literal.into_iter().find(|key| signed_with(key.as_bytes())) {
            return Some(Hint::VariableNameAsKey(key));
        }
    }
    let other = others.iter().find(|(_, secret)| signed_with(secret.as_bytes()));
    other.map(|(name, _)| Hint::OtherSecret(name.clone()))
}

/// The right key over other bytes.
fn other_body(body: &[u8], signed: impl Fn(&[u8]) -> bool) -> Option<Hint> {
    let signed_line = |text: &[u8]| signed(text) || signed(&line(text));
    let bare = chomped(body);
    if signed(&line(body)) || signed(&[body, b"\r\n"].concat()) || bare.is_some_and(&signed) {
        return Some(Hint::BodyPlusNewline);
    }
    let printed = || std::iter::once(body.to_vec()).chain(rewrite::expanded(body));
    let prefixed = [b"-n ", b"-e "]
        .iter()
        .any(|option| printed().any(|text| signed_line(&[option.as_slice(), &text].concat())));
    let stripped = body.strip_prefix(b"-n ").or_else(|| body.strip_prefix(b"-e "));
    let unprefixed = stripped.is_some_and(|text| signed(text) || chomped(text).is_some_and(&signed));
    if prefixed || unprefixed {
        return Some(Hint::EchoNPrefix);
    }
    if rewrite::expanded(body).any(|text| signed_line(&text))
        || rewrite::collapsed(body).is_some_and(|text| signed(&text))
    {
        return Some(Hint::ExpandedEscapes);
    }
    if rewrite::reserialized(body).any(|text| signed_line(&text)) {
        return Some(Hint::ReserializedJson);
    }
    None
}

fn line(text: &[u8]) -> Vec<u8> {
    [text, b"\n"].concat()
}

/// The text without the line break at its end, if it has one.
fn chomped(text: &[u8]) -> Option<&[u8]> {
    text.strip_suffix(b"\r\n").or_else(|| text.strip_suffix(b"\n"))
}
