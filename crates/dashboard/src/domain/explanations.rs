//! Why something was refused, in plain words. What a bad signature looks like webhook-ingest has found out and put into the entry;
//! here it is only told.

use contract::problems::Code;
use serde_json::Value;

use super::entries::Entry;

/// What an entry's reason and details say to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explanation {
    /// One line: what the reason's word means.
    pub(crate) what: Option<String>,
    /// What was wrong, and what to do about it.
    pub(crate) advice: Option<String>,
}

/// Explains an entry that did not end well; `None` where there is nothing to say beyond the word.
pub(crate) fn of(entry: &Entry) -> Option<Explanation> {
    let code = entry.reason.as_deref().and_then(Code::parse);
    let what = code.map(|code| code.title().to_owned());
    let found = entry.details.get("explanation").and_then(Value::as_str).map(str::to_owned);
    let advice = found.or_else(|| code.and_then(general).map(str::to_owned));
    (what.is_some() || advice.is_some()).then_some(Explanation { what, advice })
}

/// What to do where the entry itself does not know more.
const fn general(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::SignatureMissing => {
            "The delivery had no x-webhook-signature header. The sender must sign the body and send the signature along."
        }
        Code::SignatureMalformed => {
            "The x-webhook-signature header is not 64 hex digits. The sender must send the HMAC-SHA256 in hex, and nothing else."
        }
        Code::SignatureMismatch => {
            "The signature was made with another key, or over other bytes than were sent. Compare WEBHOOK_SECRET on both sides; \
             crm-bridge webhook diagnose looks into a delivery at hand."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn explained(entry: Value) -> Option<Explanation> {
        of(&serde_json::from_value(entry).expect("an entry"))
    }

    #[test]
    fn what_was_found_out_goes_before_what_holds_in_general() {
        let found = explained(
            json!({"id": "a", "reason": "signature_mismatch", "details": {"explanation": "A line break."}}),
        );
        assert_eq!(found.and_then(|found| found.advice).as_deref(), Some("A line break."));
        let general = explained(json!({"id": "a", "reason": "signature_missing"})).expect("explained");
        assert_eq!(general.what.as_deref(), Some("The webhook is not signed"));
        assert!(general.advice.is_some_and(|advice| advice.contains("x-webhook-signature")));
        assert_eq!(explained(json!({"id": "a", "reason": "a_word_of_ours"})), None);
        assert_eq!(explained(json!({"id": "a"})), None);
    }
}
