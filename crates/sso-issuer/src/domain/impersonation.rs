//! What an impersonation token says, who may be impersonated, and where the link leads. The platform checks the token by itself, with
//! nothing but the shared secret; so what stands in it must not depend on anything a caller says but whom it is for.

use std::time::Duration;

use auth::jwt::{JwtError, Signer};
use contract::clock::Timestamp;
use contract::ids::{ClientRef, TokenId};
use contract::internal::FoundClient;
use contract::resources::{ClientStatus, ImpersonationRecord, ImpersonationState};
use serde::Serialize;

/// How long a token is valid.
pub(crate) const LIFE: Duration = Duration::from_secs(900);

/// The longest reason, in characters.
pub(crate) const LONGEST_REASON: usize = 1_000;

/// The longest id of a client that is looked up, in bytes.
const LONGEST_ID: usize = 512;

/// Why nobody is impersonated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("there is no such client")]
    NotFound,
    #[error("clients of several sources have this id")]
    Ambiguous(Vec<String>),
    #[error("the client is closed")]
    Closed,
    #[error("the client is provisional")]
    Provisional,
    #[error("the client has no address")]
    WithoutEmail,
}

/// One token that is about to be made, or was. The token itself is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Impersonation {
    /// Its `jti`.
    pub(crate) id: TokenId,
    /// Our id of the client.
    pub(crate) client: ClientRef,
    /// The platform's id of the client.
    pub(crate) client_id: Option<String>,
    /// Where the client is from.
    pub(crate) source: String,
    /// Who takes it.
    pub(crate) staff_id: String,
    /// Their address.
    pub(crate) staff_email: String,
    /// Why, as they said.
    pub(crate) reason: Option<String>,
    /// When it is made.
    pub(crate) issued_at: Timestamp,
    /// Until when it is valid.
    pub(crate) expires_at: Timestamp,
}

/// The claims, in the order in which people read them. Never `nbf`: a platform whose clock is a second behind would refuse it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims<'a> {
    iss: &'static str,
    aud: &'static str,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    client_email: &'a str,
    impersonated_by: &'a str,
    r#type: &'static str,
    act: Act<'a>,
    jti: TokenId,
    iat: i64,
    exp: i64,
}

/// Who really acts (RFC 8693, section 4.1).
#[derive(Serialize)]
struct Act<'a> {
    sub: &'a str,
}

impl Impersonation {
    /// The token, for a client with this address.
    pub(crate) fn token(&self, client_email: &str, signer: &Signer) -> Result<String, JwtError> {
        let ours = self.client.to_string();
        signer.sign(&Claims {
            iss: "crm-bridge",
            aud: "trading-platform",
            sub: self.client_id.as_deref().unwrap_or(&ours),
            client_id: self.client_id.as_deref(),
            client_email,
            impersonated_by: &self.staff_email,
            r#type: "sso_impersonation",
            act: Act { sub: &self.staff_id },
            jti: self.id,
            iat: self.issued_at.as_seconds(),
            exp: self.expires_at.as_seconds(),
        })
    }

    /// As staff see it at `now`.
    pub(crate) fn record(self, now: Timestamp) -> ImpersonationRecord {
        let over = now.as_seconds() >= self.expires_at.as_seconds();
        let state = if over { ImpersonationState::Unconfirmed } else { ImpersonationState::Issued };
        ImpersonationRecord {
            jti: self.id,
            client: self.client,
            client_id: self.client_id,
            source: self.source,
            staff_id: self.staff_id,
            staff_email: self.staff_email,
            reason: self.reason,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            state,
        }
    }
}

/// The link that opens the client's session on the platform at `base`.
pub(crate) fn link(base: &str, token: &str) -> String {
    format!("{base}/sso/impersonate?token={token}")
}

/// An id as it may be looked up; anything else is no client's.
pub(crate) fn client_id(decoded: &[u8]) -> Option<String> {
    let text = str::from_utf8(decoded).ok()?;
    let can_be = (1..=LONGEST_ID).contains(&text.len()) && !text.chars().any(char::is_control);
    can_be.then(|| text.to_owned())
}

/// The one client who is meant, and the address: of those who have the id, and only one who may be impersonated.
pub(crate) fn chosen(matches: Vec<FoundClient>) -> Result<(FoundClient, String), Unfit> {
    if matches.len() > 1 {
        let mut sources: Vec<String> = matches.into_iter().map(|client| client.source).collect();
        sources.sort_unstable();
        return Err(Unfit::Ambiguous(sources));
    }
    let client = matches.into_iter().next().ok_or(Unfit::NotFound)?;
    match client.status {
        ClientStatus::Closed => Err(Unfit::Closed),
        ClientStatus::Provisional => Err(Unfit::Provisional),
        // Somebody must be able to see what a suspended client sees.
        ClientStatus::Active | ClientStatus::Suspended => {
            let email = client.email.clone().ok_or(Unfit::WithoutEmail)?;
            Ok((client, email))
        }
    }
}

#[cfg(test)]
mod tests {
    use auth::digest::hmac_sha256;
    use auth::jwt::{Signer, Verifier};
    use auth::keyring::KeyRing;
    use auth::secret::Secret;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn made(client_id: Option<String>, staff_email: String, second: i64) -> Impersonation {
        let now = Timestamp::from_micros(second * 1_000_000 + 999_999);
        Impersonation {
            id: TokenId::new(now, [3; 10]),
            client: ClientRef::new(now, [7; 10]),
            client_id,
            source: "site".to_owned(),
            staff_id: "st_1".to_owned(),
            staff_email,
            reason: None,
            issued_at: now,
            expires_at: now.plus(LIFE),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// Whatever the addresses and the secret are, the token holds under the secret's text, for fifteen minutes, and says them byte
        /// for byte.
        #[test]
        fn tokens_say_what_they_are_made_of(
            secret in "[ -~]{1,90}",
            email in any::<String>(),
            staff in any::<String>(),
            client_id in prop::option::of("\\PC{1,40}"),
            second in 0..4_000_000_000_i64,
        ) {
            let ring = KeyRing::new(Secret::new(secret.clone()), Vec::new());
            let made = made(client_id.clone(), staff.clone(), second);
            let token = made.token(&email, &Signer::with_key_id(ring.clone())).expect("signed");
            prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
            let (signed, tag) = token.rsplit_once('.').expect("three parts");
            prop_assert_eq!(tag, URL_SAFE_NO_PAD.encode(hmac_sha256(secret.as_bytes(), signed.as_bytes())));
            let payload = signed.split_once('.').expect("two parts").1;
            let claims: Value =
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON");
            prop_assert_eq!(&claims["clientEmail"], &json!(email));
            prop_assert_eq!(&claims["impersonatedBy"], &json!(staff));
            prop_assert_eq!(claims.get("clientId").cloned(), client_id.map(Value::from));
            prop_assert_eq!((&claims["iat"], &claims["exp"]), (&json!(second), &json!(second + 900)));
            prop_assert_eq!(claims.get("nbf"), None);
            let verifier = Verifier::new(ring);
            prop_assert!(verifier.verify(&token, Timestamp::from_micros((second + 899) * 1_000_000)).is_ok());
            prop_assert!(verifier.verify(&token, Timestamp::from_micros((second + 900) * 1_000_000)).is_err());
        }
    }
}
