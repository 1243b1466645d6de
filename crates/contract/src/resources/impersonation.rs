//! Tokens by which staff open a client's session on the platform, as staff see them afterwards. The token itself is nowhere in it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{ClientRef, TokenId};

/// One token that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImpersonationRecord {
    /// The token's `jti`.
    pub jti: TokenId,
    /// Our id of the client.
    pub client: ClientRef,
    /// The platform's id of the client.
    pub client_id: Option<String>,
    /// Where the client is from.
    pub source: String,
    /// Who took it: our `st_` id, or the `sub` of somebody of another part of the CRM.
    pub staff_id: String,
    /// The address that the token names.
    pub staff_email: String,
    /// Why, as the caller said.
    pub reason: Option<String>,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Until when the platform takes it.
    pub expires_at: Timestamp,
    /// What became of it.
    pub state: ImpersonationState,
}

/// What became of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImpersonationState {
    /// Made, and still valid.
    Issued,
    /// Expired, and the platform never said whether it was used.
    Unconfirmed,
}

/// The answer to `GET /api/impersonations`: newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImpersonationPage {
    /// The tokens.
    pub impersonations: Vec<ImpersonationRecord>,
    /// Where the next page begins; `null` on the last.
    pub next_cursor: Option<String>,
}
