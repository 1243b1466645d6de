//! `kyc.updated`: an identity check moved on.

use serde::{Deserialize, Serialize};

use super::fields::{Fields, Found};
use crate::clock::Timestamp;
use crate::json::Json;
use crate::kyc::{KycStatus, KycWords};

/// The data of `kyc.updated`. Email or clientId is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KycUpdated {
    /// The platform's id of the client.
    pub client_id: Option<String>,
    /// The client's address, byte for byte as sent.
    pub email: Option<String>,
    /// How far the check is now, in our words (sent as `kycStatus`, else as `status`).
    pub kyc_status: KycStatus,
    /// What was noted; one field with the status: without notes there are none any more.
    pub kyc_notes: Option<String>,
    /// How far it was before, as the sender has it.
    pub previous_kyc_status: Option<KycStatus>,
    /// When it moved on.
    pub updated_at: Option<Timestamp>,
}

impl KycUpdated {
    pub(super) fn read(fields: &mut Fields<'_>, words: &KycWords) -> Option<Self> {
        let mut person = fields.person("clientId");
        let email = person.one_email(fields);
        let name = if fields.get("kycStatus").is_none() && fields.get("status").is_some() {
            "status"
        } else {
            "kycStatus"
        };
        let kyc_status = fields.needed(name, status(fields, name, words));
        let previous_kyc_status = fields.optional(status(fields, "previousKycStatus", words));
        let kyc_notes = fields.optional(fields.text("kycNotes"));
        let updated_at = fields.optional(fields.time("updatedAt"));
        let kyc_status = kyc_status.filter(|_| fields.errors.is_empty())?;
        let client_id = person.client_id;
        Some(Self { client_id, email, kyc_status, kyc_notes, previous_kyc_status, updated_at })
    }
}

fn status(fields: &Fields<'_>, name: &str, words: &KycWords) -> Found<KycStatus> {
    let Some(json) = fields.get(name) else { return Ok(None) };
    let status = match json {
        Json::String(word) => words.read(word),
        _ => None,
    };
    status.map(Some).ok_or_else(|| {
        let known = KycStatus::ALL.map(KycStatus::as_str).join(", ");
        fields.fault(name, "unknown_word", format!("Known are: {known}, and the words mapped onto them."))
    })
}
