//! Those who work here, as staff see each other.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::StaffId;

/// A member of staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StaffMember {
    /// Our id.
    pub id: StaffId,
    /// The address, as it was given.
    pub email: String,
    /// What people call them.
    pub name: String,
    /// The role's word.
    pub role: String,
    /// Whether they may be here.
    pub status: StaffStatus,
    /// True while the password is one that an admin was shown: it is good for one log-in, together with a new one.
    pub one_time_password: bool,
    /// Since when they are here.
    pub created_at: Timestamp,
    /// When any of this last changed.
    pub updated_at: Timestamp,
}

/// The answer to `PATCH /api/staff/:id`: the member as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedStaff {
    /// The member.
    #[serde(flatten)]
    pub member: StaffMember,
    /// Members of the body that mean nothing here. Absent when there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored_fields: Vec<String>,
}

/// The answer to `GET /api/staff`: all of them, by address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffList {
    /// The members.
    pub staff: Vec<StaffMember>,
}

/// Whether a member of staff may be here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StaffStatus {
    /// May log in.
    Active,
    /// May not, at once; the row stays, for the trail names it.
    Disabled,
}

impl StaffStatus {
    /// Every status.
    pub const ALL: [Self; 2] = [Self::Active, Self::Disabled];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// The status with this word, exactly as [`Self::as_str`] writes it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}
