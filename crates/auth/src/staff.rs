//! Who a staff JWT says its bearer is, and the roles it grants. It knows nothing of the staff table, which can only take away.

use contract::clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::jwt::{Claims, JwtError, Verifier};

/// How far ahead of ours the clock of whoever signed a token may be, in seconds. An `iat` that lies further ahead would outlive every
/// log-out everywhere until then.
const AHEAD: i64 = 60;

/// What staff may do. The words are exact and lower-case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Clients, KYC, client status; not the audit trail.
    Compliance,
    /// Clients, notes, events; no impersonation, no replay.
    Support,
    /// The audit trail only.
    Auditor,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Compliance, Self::Support, Self::Auditor];

    /// The word in tokens and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Compliance => "compliance",
            Self::Support => "support",
            Self::Auditor => "auditor",
        }
    }

    /// The role of exactly this word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// What a verified staff JWT says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffClaims {
    /// `sub`, a string or an integer; where a token has none, its `email`. Never empty.
    pub sub: String,
    /// `email`, if there is one.
    pub email: Option<String>,
    /// The roles granted, each once; none is no error here.
    pub roles: Vec<Role>,
    /// `sid`: the log-in that the token belongs to.
    pub session: Option<String>,
    /// `iat` in whole seconds; anything else says nothing.
    pub issued_at: Option<i64>,
}

/// Verifies a staff JWT.
///
/// # Errors
/// As [`Verifier::verify`]; [`JwtError::Claims`] if it names nobody, names somebody in control characters (which no name has, and a
/// database may refuse), or is an impersonation token (which names a client); [`JwtError::NotYet`] if it is issued in the future.
pub fn verify(verifier: &Verifier, token: &str, now: Timestamp) -> Result<StaffClaims, JwtError> {
    let claims = verifier.verify(token, now)?;
    // Keys already keep the two kinds apart. This holds even where someone gave both one key.
    if claims.get("impersonatedBy").is_some() {
        return Err(JwtError::Claims);
    }
    let named = ["sub", "email", "sid"].into_iter().filter_map(|name| claims.text(name));
    if named.flat_map(str::chars).any(char::is_control) {
        return Err(JwtError::Claims);
    }
    let email = claims.text("email").map(str::to_owned);
    let sub = match claims.get("sub") {
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => claims.text("sub").map(str::to_owned),
    };
    let sub = sub.or_else(|| email.clone()).ok_or(JwtError::Claims)?;
    let session = claims.text("sid").map(str::to_owned);
    let issued_at = claims.get("iat").and_then(Value::as_i64);
    if issued_at.is_some_and(|issued| issued.saturating_sub(AHEAD) > now.as_seconds()) {
        return Err(JwtError::NotYet);
    }
    Ok(StaffClaims { sub, email, roles: roles(&claims), session, issued_at })
}

/// What both a token and the staff table grant: a token can only lower what the table says. Admin contains every role.
#[must_use]
pub fn granted(token: &[Role], table: Role) -> Vec<Role> {
    if token.contains(&Role::Admin) {
        return vec![table];
    }
    token.iter().copied().filter(|role| table == Role::Admin || table == *role).collect()
}

/// `role` as one string, `roles` as strings in an array. Anything else grants nothing.
fn roles(claims: &Claims) -> Vec<Role> {
    let many = claims.get("roles").and_then(Value::as_array).into_iter().flatten();
    let words = claims.get("role").into_iter().chain(many).filter_map(Value::as_str);
    let mut roles: Vec<Role> = words.filter_map(Role::of).collect();
    roles.sort_unstable();
    roles.dedup();
    roles
}
