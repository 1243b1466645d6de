//! A client, as `GET /clients/:email` answers it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::ClientRef;
use crate::kyc::KycStatus;

/// How a client stands with the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientStatus {
    /// Named by an event before the registration arrived.
    Provisional,
    /// Registered.
    Active,
    /// Held by staff.
    Suspended,
    /// Gone for good.
    Closed,
}

impl ClientStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Provisional, Self::Active, Self::Suspended, Self::Closed];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provisional => "provisional",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }

    /// The status with this word, exactly as [`Self::as_str`] writes it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// The answer to `GET /clients/:email`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientRecord {
    /// Our id.
    pub id: ClientRef,
    /// The platform's id.
    pub client_id: Option<String>,
    /// The address, byte for byte as the platform last sent it.
    pub email: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Telephone number as sent.
    pub phone: Option<String>,
    /// Country as sent.
    pub country: Option<String>,
    /// Language as sent.
    pub language: Option<String>,
    /// How the client stands.
    pub status: ClientStatus,
    /// The identity check; `not_started` until anything says otherwise.
    pub kyc_status: KycStatus,
    /// What was noted with the last change of `kyc_status`.
    pub kyc_notes: Option<String>,
    /// When the identity check last changed.
    pub kyc_updated_at: Option<Timestamp>,
    /// The platform's ids of other live clients with this address.
    pub other_client_ids: Vec<String>,
    /// When the client came to be, as far as is known.
    pub created_at: Timestamp,
    /// When the record last changed.
    pub updated_at: Timestamp,
    /// Grows by one with every change of the record.
    pub version: i64,
}
