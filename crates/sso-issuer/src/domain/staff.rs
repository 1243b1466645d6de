//! Members of staff, and the one rule of what a JWT is worth: the JWT says who, and the staff table, where it knows them, says what.

use auth::staff::{Role, granted};
use contract::clock::Timestamp;
use contract::email::EmailKey;
use contract::ids::StaffId;
use contract::internal::{CheckStaff, CheckedStaff, StaffRefusal, StaffVerdict};
use contract::resources::{StaffMember, StaffStatus};
use serde::Deserialize;

use super::session::Session;

/// The longest name, in characters.
const LONGEST_NAME: usize = 200;

/// What is done about a valid JWT whose bearer the staff table does not know: `STAFF_JWT_UNKNOWN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownStaff {
    /// They are taken at their JWT's word, and recorded as external.
    Accept,
    /// They are refused.
    Refuse,
}

/// A member of staff, with what nobody is shown. It has no `Debug`: the hash stays out of logs.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Our id.
    pub(crate) id: StaffId,
    /// The address, as it was given.
    pub(crate) email: String,
    /// What the address is found by.
    pub(crate) email_key: EmailKey,
    /// What people call them.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: Role,
    /// Whether they may be here.
    pub(crate) status: StaffStatus,
    /// The password, as a PHC string.
    pub(crate) password_hash: String,
    /// Is the password good for one log-in alone?
    pub(crate) one_time_password: bool,
    /// JWTs of other parts of the CRM that are not younger are not taken.
    pub(crate) sessions_ended_at: Option<Timestamp>,
    /// Since when they are here.
    pub(crate) created_at: Timestamp,
    /// When any of this last changed.
    pub(crate) updated_at: Timestamp,
}

impl Member {
    /// As staff see each other.
    pub(crate) fn record(&self) -> StaffMember {
        StaffMember {
            id: self.id,
            email: self.email.clone(),
            name: self.name.clone(),
            role: self.role.as_str().to_owned(),
            status: self.status,
            one_time_password: self.one_time_password,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }

    /// Is this one of those of whom one must be left?
    pub(crate) fn is_active_admin(&self) -> bool {
        self.role == Role::Admin && self.status == StaffStatus::Active
    }

    /// Is a JWT of theirs still good? One of a log-in of ours is as long as the log-in lasts; any other must be younger than the
    /// last log-out everywhere.
    fn takes(&self, asked: &CheckStaff, session: Option<&Session>) -> bool {
        if asked.session.as_deref().is_some_and(Session::is_ours) {
            return session.is_some_and(|session| session.staff == self.id && session.ended_at.is_none());
        }
        self.sessions_ended_at
            .is_none_or(|ended| asked.issued_at.is_some_and(|issued| issued > ended.as_seconds()))
    }
}

/// What the bearer of a verified JWT may do now. `member` and `session` are what the tables have of the two that it names.
pub(crate) fn verdict(
    asked: CheckStaff,
    member: Option<&Member>,
    session: Option<&Session>,
    unknown: UnknownStaff,
) -> StaffVerdict {
    let refused = |reason| StaffVerdict::Refused { reason };
    let Some(member) = member else {
        if unknown == UnknownStaff::Refuse || asked.session.as_deref().is_some_and(Session::is_ours) {
            return refused(StaffRefusal::Unknown);
        }
        let CheckStaff { sub: id, email, roles, .. } = asked;
        return StaffVerdict::Known(CheckedStaff { id, email, roles, external: true });
    };
    if member.status == StaffStatus::Disabled {
        return refused(StaffRefusal::Disabled);
    }
    if !member.takes(&asked, session) {
        return refused(StaffRefusal::SessionEnded);
    }
    let claimed: Vec<Role> = asked.roles.iter().filter_map(|word| Role::of(word)).collect();
    StaffVerdict::Known(CheckedStaff {
        id: member.id.to_string(),
        email: Some(member.email.clone()),
        roles: granted(&claimed, member.role).iter().map(|role| role.as_str().to_owned()).collect(),
        external: false,
    })
}

/// An address for the staff table, trimmed, with its key; `None` for what is none.
pub(crate) fn address(text: &str) -> Option<(String, EmailKey)> {
    let text = text.trim();
    EmailKey::of(text).map(|key| (text.to_owned(), key))
}

/// A name for the staff table, trimmed; `None` for what is empty, too long, or has control characters.
pub(crate) fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (1..=LONGEST_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}
