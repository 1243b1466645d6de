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
    /// When the identity check last changed or was confirmed.
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

/// The answer to `GET /clients`: latest change first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientPage {
    /// The clients.
    pub clients: Vec<ClientRecord>,
    /// Where the next page begins; `null` on the last.
    pub next_cursor: Option<String>,
}

/// The answer to `POST /clients/lookup`. Each address that was asked for stands in one of the three lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LookedUp {
    /// Those that a client has or had.
    pub found: Vec<FoundByEmail>,
    /// Those that nobody has.
    pub not_found: Vec<String>,
    /// Those that an acknowledged event names, which is not applied yet. Ask again.
    pub pending: Vec<String>,
    /// Members of the body that mean nothing here. Absent when there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored_fields: Vec<String>,
}

/// An address that was asked for, and whom it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundByEmail {
    /// The address as it was asked for.
    pub email: String,
    /// The client.
    pub client: ClientRecord,
}

/// The answer to `PATCH /clients/:id/status`: the record as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedClient {
    /// The client.
    #[serde(flatten)]
    pub client: ClientRecord,
    /// Members of the body that mean nothing here. Absent when there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored_fields: Vec<String>,
}

/// The answer to `PATCH /clients/:email/kyc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KycRecord {
    /// The platform's id of the client.
    pub client_id: Option<String>,
    /// The client's address, byte for byte as the platform last sent it.
    pub email: Option<String>,
    /// How the identity check stands now.
    pub kyc_status: KycStatus,
    /// How it stood before this call.
    pub previous_kyc_status: KycStatus,
    /// What was noted with it.
    pub kyc_notes: Option<String>,
    /// When it last changed.
    pub kyc_updated_at: Option<Timestamp>,
    /// The version of the record.
    pub version: i64,
    /// Members of the body that mean nothing here. Absent when there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored_fields: Vec<String>,
}
