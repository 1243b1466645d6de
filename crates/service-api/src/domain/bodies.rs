//! The bodies that callers send, read tolerantly: white space, a byte order mark, and members that mean nothing here are no reason to
//! refuse. What is refused names each bad member.

use std::collections::BTreeSet;

use contract::json::{self, Json};
use contract::kyc::{KycStatus, KycWords};
use contract::problems::FieldError;
use contract::resources::ClientStatus;

/// Characters of notes and comments at most.
pub(crate) const LONGEST_TEXT: usize = 10_000;
/// Characters of a reason at most.
const LONGEST_REASON: usize = 1_000;
/// Addresses of one look-up at most.
const MOST_EMAILS: usize = 200;
/// Ignored members that an answer names at most, and characters of each.
const MOST_IGNORED: usize = 50;
const LONGEST_IGNORED: usize = 64;

/// Why a body can't be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadBody {
    /// It is no readable JSON object; this is what is wrong, in a sentence.
    NotAnObject(String),
    /// Members of it can't be.
    Members(Vec<FieldError>),
}

/// What a body asks for, and the members of it that mean nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body<T> {
    pub(crate) said: T,
    pub(crate) ignored: Vec<String>,
    /// The body, so that equal bodies are equal bytes.
    pub(crate) canonical: Vec<u8>,
}

/// An identity check as it is to stand. Status and notes are one: no notes means none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KycChange {
    pub(crate) status: KycStatus,
    pub(crate) notes: Option<String>,
}

/// How a client is to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusChange {
    pub(crate) status: ClientStatus,
    pub(crate) reason: Option<String>,
}

/// Whose an account is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountMove {
    /// The new owner's id, ours or the platform's.
    pub(crate) client_id: String,
    /// The account's server, where the client has accounts of this name on several.
    pub(crate) server: Option<String>,
    pub(crate) reason: Option<String>,
}

/// `{"kycStatus", "kycNotes"}`. Words of other platforms are read as the statuses they mean.
pub(crate) fn kyc_change(body: &[u8], words: &KycWords) -> Result<Body<KycChange>, BadBody> {
    let mut object = Object::read(body)?;
    let status = object.needed("kycStatus").and_then(|word| {
        words.read(&word).ok_or_else(|| unknown_status("/kycStatus", &KycStatus::ALL.map(KycStatus::as_str)))
    });
    let notes = object.text("kycNotes", LONGEST_TEXT);
    object.all(status, notes, |status, notes| KycChange { status, notes })
}

/// `{"status", "reason"}`.
pub(crate) fn status_change(body: &[u8]) -> Result<Body<StatusChange>, BadBody> {
    let mut object = Object::read(body)?;
    let settable = [ClientStatus::Active, ClientStatus::Suspended, ClientStatus::Closed];
    let status = object.needed("status").and_then(|word| {
        let known = settable.into_iter().find(|status| status.as_str() == word);
        known.ok_or_else(|| unknown_status("/status", &settable.map(ClientStatus::as_str)))
    });
    let reason = object.text("reason", LONGEST_REASON);
    object.all(status, reason, |status, reason| StatusChange { status, reason })
}

/// `{"clientId", "server", "reason"}`.
pub(crate) fn account_move(body: &[u8]) -> Result<Body<AccountMove>, BadBody> {
    let mut object = Object::read(body)?;
    let client_id = object.needed("clientId");
    let server = object.text("server", LONGEST_REASON);
    let reason = object.text("reason", LONGEST_REASON);
    let rest = server.and_then(|server| Ok((server, reason?)));
    object.all(client_id, rest, |client_id, (server, reason)| AccountMove { client_id, server, reason })
}

/// `{"comment"}`: trimmed. U+0000 is refused here, since a note is nothing but its text.
pub(crate) fn comment(body: &[u8]) -> Result<Body<String>, BadBody> {
    let mut object = Object::read(body)?;
    let had_nul = object.had_nul;
    let comment = object.text("comment", LONGEST_TEXT).and_then(|comment| match comment {
        None => Err(FieldError::new("/comment", "missing", "a text of 1 to 10000 characters is needed")),
        Some(comment) if had_nul && comment.contains('\u{fffd}') => {
            Err(FieldError::new("/comment", "nul", "U+0000 is not text"))
        }
        Some(comment) => Ok(comment),
    });
    object.all(comment, Ok(()), |comment, ()| comment)
}

/// `{"emails": [...]}`: each once, in the order asked.
pub(crate) fn emails(body: &[u8]) -> Result<Body<Vec<String>>, BadBody> {
    let mut object = Object::read(body)?;
    let bad =
        |pointer: &str, code, detail| Err(BadBody::Members(vec![FieldError::new(pointer, code, detail)]));
    let Some(Json::Array(asked)) = object.take("emails") else {
        return bad("/emails", "missing", "a list of up to 200 addresses is needed");
    };
    if asked.len() > MOST_EMAILS {
        return bad("/emails", "too_many", "at most 200 addresses at once");
    }
    let mut seen = BTreeSet::new();
    let mut emails = Vec::with_capacity(asked.len());
    for (nth, email) in asked.into_iter().enumerate() {
        match email {
            Json::String(email) if seen.insert(email.clone()) => emails.push(email),
            Json::String(_) => {}
            _ => return bad(&format!("/emails/{nth}"), "not_a_text", "an address is a text"),
        }
    }
    object.all(Ok(emails), Ok(()), |emails, ()| emails)
}

fn unknown_status(pointer: &str, known: &[&str]) -> FieldError {
    FieldError::new(pointer, "unknown_status", format!("one of {}", known.join(", ")))
}

/// The members of a body that nobody has asked for yet.
struct Object {
    members: Vec<(String, Json)>,
    canonical: Vec<u8>,
    had_nul: bool,
}

impl Object {
    fn read(body: &[u8]) -> Result<Self, BadBody> {
        let parsed = json::parse(body).map_err(|error| BadBody::NotAnObject(error.to_string()))?;
        let canonical = parsed.json.canonical();
        match parsed.json {
            Json::Object(members) => Ok(Self { members, canonical, had_nul: parsed.had_nul }),
            _ => Err(BadBody::NotAnObject("The body is JSON, but not an object".to_owned())),
        }
    }

    fn take(&mut self, name: &str) -> Option<Json> {
        let place = self.members.iter().position(|(member, _)| member == name)?;
        Some(self.members.remove(place).1).filter(|value| *value != Json::Null)
    }

    /// A text that has to be there.
    fn needed(&mut self, name: &str) -> Result<String, FieldError> {
        let missing = || FieldError::new(format!("/{name}"), "missing", "this is needed");
        self.text(name, LONGEST_TEXT)?.ok_or_else(missing)
    }

    /// A text, trimmed; one of nothing but white space is none.
    fn text(&mut self, name: &str, longest: usize) -> Result<Option<String>, FieldError> {
        let bad = |code, detail: String| Err(FieldError::new(format!("/{name}"), code, detail));
        let text = match self.take(name) {
            None => return Ok(None),
            Some(Json::String(text)) => text.trim().to_owned(),
            Some(_) => return bad("not_a_text", "this has to be a text".to_owned()),
        };
        if text.chars().count() > longest {
            return bad("too_long", format!("at most {longest} characters"));
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// The whole of it, or all that is wrong with it.
    fn all<A, B, T>(
        self,
        one: Result<A, FieldError>,
        other: Result<B, FieldError>,
        make: impl FnOnce(A, B) -> T,
    ) -> Result<Body<T>, BadBody> {
        match (one, other) {
            (Ok(one), Ok(other)) => {
                let names = self.members.into_iter().take(MOST_IGNORED);
                let ignored = names.map(|(name, _)| name.chars().take(LONGEST_IGNORED).collect()).collect();
                Ok(Body { said: make(one, other), ignored, canonical: self.canonical })
            }
            (one, other) => Err(BadBody::Members(one.err().into_iter().chain(other.err()).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong<T>(read: Result<Body<T>, BadBody>) -> Vec<(String, String)> {
        match read {
            Err(BadBody::Members(errors)) => {
                errors.into_iter().map(|error| (error.pointer, error.code)).collect()
            }
            Err(BadBody::NotAnObject(_)) => vec![("not an object".to_owned(), String::new())],
            Ok(_) => Vec::new(),
        }
    }

    fn kyc(body: &str) -> Result<Body<KycChange>, BadBody> {
        kyc_change(body.as_bytes(), &KycWords::built_in())
    }

    #[test]
    fn a_kyc_change_is_read_tolerantly() {
        let read = kyc("\u{feff}{\"x\":{\"y\":1},\"kycStatus\":\" Verified \",\"kycNotes\":\"a\\u0000\\ud800\",\"z\":null}").unwrap();
        assert_eq!(read.said.status, KycStatus::Approved);
        assert_eq!(read.said.notes.as_deref(), Some("a\u{fffd}\u{fffd}"));
        assert_eq!(read.ignored, ["x", "z"]);
        for none in [
            r#"{"kycStatus":"rejected"}"#,
            r#"{"kycStatus":"rejected","kycNotes":null}"#,
            r#"{"kycStatus":"rejected","kycNotes":" "}"#,
        ] {
            assert_eq!(kyc(none).unwrap().said, KycChange { status: KycStatus::Rejected, notes: None });
        }
    }

    #[test]
    fn what_is_wrong_with_a_kyc_change_is_named() {
        let at = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
        assert_eq!(wrong(kyc("{}")), [at("/kycStatus", "missing")]);
        assert_eq!(
            wrong(kyc(r#"{"kycStatus":"fine","kycNotes":7}"#)),
            [at("/kycStatus", "unknown_status"), at("/kycNotes", "not_a_text")]
        );
        assert_eq!(wrong(kyc(r#"{"kycStatus":1}"#)), [at("/kycStatus", "not_a_text")]);
        let long = format!(r#"{{"kycStatus":"approved","kycNotes":"{}"}}"#, "x".repeat(10_001));
        assert_eq!(wrong(kyc(&long)), [at("/kycNotes", "too_long")]);
        for nothing in ["", "[]", "null", "{", "{\"kycStatus\":\"approved\"}}", "{\"a\":1,\"a\":2}"] {
            assert_eq!(wrong(kyc(nothing)), [at("not an object", "")], "{nothing}");
        }
    }

    #[test]
    fn provisional_is_no_status_to_set() {
        let read = |word: &str| status_change(format!(r#"{{"status":"{word}"}}"#).as_bytes());
        assert_eq!(read("suspended").unwrap().said.status, ClientStatus::Suspended);
        for bad in ["provisional", "Active", "gone", ""] {
            assert_eq!(wrong(read(bad)).len(), 1, "{bad}");
        }
    }

    #[test]
    fn a_comment_is_text_of_1_to_10000_characters() {
        let read = |text: &str| comment(serde_json::json!({ "comment": text }).to_string().as_bytes());
        for good in ["x", "<script>", "\u{202e}x", "=HYPERLINK(", &"\u{1f600}".repeat(10_000), "\u{fffd}"] {
            assert_eq!(read(good).unwrap().said, good);
        }
        assert_eq!(read("  two words\n").unwrap().said, "two words");
        for (bad, code) in
            [("", "missing"), (" \t\n", "missing"), ("a\0b", "nul"), (&*"x".repeat(10_001), "too_long")]
        {
            assert_eq!(wrong(read(bad)), [("/comment".to_owned(), code.to_owned())]);
        }
        assert_eq!(
            comment(br#"{"comment":"a\ud800"}"#).unwrap().said,
            "a\u{fffd}",
            "a lone surrogate is replaced"
        );
    }

    #[test]
    fn addresses_to_look_up_are_a_short_list_of_texts() {
        let read = emails(br#"{"x":1,"emails":["b@x","a@x","b@x"],"y":2}"#).unwrap();
        assert_eq!(
            (read.said, read.ignored),
            (vec!["b@x".to_owned(), "a@x".to_owned()], vec!["x".to_owned(), "y".to_owned()])
        );
        assert!(emails(br#"{"emails":[]}"#).unwrap().said.is_empty());
        for bad in [r#"{}"#, r#"{"emails":"a@x"}"#, r#"{"emails":[null]}"#] {
            assert!(matches!(emails(bad.as_bytes()), Err(BadBody::Members(_))), "{bad}");
        }
        let many = |n: usize| serde_json::json!({ "emails": vec!["a@x.org"; n] }).to_string();
        assert!(emails(many(200).as_bytes()).is_ok());
        assert!(emails(many(201).as_bytes()).is_err());
    }
}
