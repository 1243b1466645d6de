//! Log-ins of ours, and the JWTs that belong to them. A JWT is short; the log-in lasts as long as it is refreshed, up to a week.

use std::time::Duration;

use auth::jwt::{JwtError, Signer};
use contract::clock::Timestamp;
use contract::ids::{SessionId, StaffId};
use serde::Serialize;

use super::staff::Member;

/// How long a JWT is valid, and so how long a log-in may be idle: 12 hours.
pub(crate) const TOKEN: Duration = Duration::from_secs(12 * 3600);

/// How long a log-in lasts at most, however often it is refreshed: 7 days.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// One log-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Its id: `sid` of its JWTs.
    pub(crate) id: SessionId,
    /// Whose it is.
    pub(crate) staff: StaffId,
    /// When they logged in.
    pub(crate) created_at: Timestamp,
    /// When it ended before its time.
    pub(crate) ended_at: Option<Timestamp>,
}

/// A JWT of a log-in.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'static str,
    sub: StaffId,
    email: &'a str,
    name: &'a str,
    role: &'static str,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

impl Session {
    /// Is this text, the `sid` of a JWT, one that only we give? Other parts of the CRM may have a `sid` of their own.
    pub(crate) fn is_ours(sid: &str) -> bool {
        sid.parse::<SessionId>().is_ok()
    }

    /// A new JWT of this log-in, and for how many seconds it is valid; none when the log-in's time is over.
    pub(crate) fn token(
        &self,
        member: &Member,
        now: Timestamp,
        signer: &Signer,
    ) -> Result<Option<(String, i64)>, JwtError> {
        let expires = now.plus(TOKEN).min(self.created_at.plus(LONGEST)).as_seconds();
        let seconds = expires - now.as_seconds();
        if seconds <= 0 {
            return Ok(None);
        }
        let claims = Claims {
            iss: "crm-bridge",
            sub: member.id,
            email: &member.email,
            name: &member.name,
            role: member.role.as_str(),
            sid: self.id,
            iat: now.as_seconds(),
            exp: expires,
        };
        Ok(Some((signer.sign(&claims)?, seconds)))
    }
}
