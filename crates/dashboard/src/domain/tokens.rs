//! What a staff JWT says of itself. Nothing is verified here, for the dashboard has no key: the services verify. So nothing that is
//! read here may open anything, and it is shown only beside what a service has answered to the same token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::clock::Timestamp;
use serde::Deserialize;

/// After how many seconds a token is exchanged for a fresh one.
const FRESH_SECONDS: i64 = 300;

/// The claims that the dashboard goes by.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct Claims {
    #[serde(default)]
    iat: Option<i64>,
    #[serde(default)]
    sid: Option<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    role: String,
}

fn claims(token: &str) -> Claims {
    let read = || {
        let payload = token.split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    };
    read().unwrap_or_default()
}

/// Whom the token is for, by name or else by address, and in which role.
pub(crate) fn bearer(token: &str) -> (String, String) {
    let Claims { name, email, role, .. } = claims(token);
    (if name.is_empty() { email } else { name }, role)
}

/// Is it time to exchange the token for a fresh one?
pub(crate) fn is_stale(token: &str, now: Timestamp) -> bool {
    claims(token).iat.is_some_and(|iat| now.as_seconds().saturating_sub(iat) > FRESH_SECONDS)
}

/// What stays the same while a log-in lasts, however often its token is exchanged: a form of one page must still hold after
/// another page has brought a fresh token.
pub(crate) fn session(token: &str) -> String {
    claims(token).sid.unwrap_or_else(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn a_token_is_exchanged_once_it_is_five_minutes_old() {
        let now = Timestamp::from_micros(1_000_000 * 1_000_000);
        assert!(!is_stale(&token(r#"{"iat":999700}"#), now));
        assert!(is_stale(&token(r#"{"iat":999699}"#), now));
        assert!(!is_stale(&token(r#"{"iat":1000500}"#), now));
        assert!(!is_stale(&token(r#"{"iat":"x"}"#), now));
        assert!(!is_stale("not a token", now));
        assert!(is_stale(&token(r#"{"iat":-9223372036854775808}"#), now));
    }

    #[test]
    fn a_bearer_without_a_name_goes_by_the_address() {
        let both = token(r#"{"name":"Ann","email":"ann@broker.example","role":"admin"}"#);
        assert_eq!(bearer(&both), ("Ann".to_owned(), "admin".to_owned()));
        let address = token(r#"{"email":"ann@broker.example","sub":"st_1"}"#);
        assert_eq!(bearer(&address), ("ann@broker.example".to_owned(), String::new()));
    }

    #[test]
    fn a_log_in_stays_one_through_its_tokens() {
        assert_eq!(
            session(&token(r#"{"sid":"ses_1","iat":1}"#)),
            session(&token(r#"{"sid":"ses_1","iat":2}"#))
        );
        assert_ne!(session(&token(r#"{"iat":1}"#)), session(&token(r#"{"iat":2}"#)));
    }
}
