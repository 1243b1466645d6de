//! `client.registered`: a person signed up.

use serde::{Deserialize, Serialize};

use super::fields::Fields;
use crate::clock::Timestamp;

/// The data of `client.registered`. Email or clientId is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientRegistered {
    /// The platform's id.
    pub client_id: Option<String>,
    /// The address, byte for byte as sent (as `email`, else as `clientEmail`).
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
    /// When the client signed up.
    pub created_at: Option<Timestamp>,
}

impl ClientRegistered {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut person = fields.person("email");
        let email = person.one_email(fields);
        let profile = Profile::read(fields);
        let created_at = fields.optional(fields.time("createdAt"));
        if !fields.errors.is_empty() {
            return None;
        }
        let Profile { first_name, last_name, phone, country, language } = profile;
        Some(Self {
            client_id: person.client_id,
            email,
            first_name,
            last_name,
            phone,
            country,
            language,
            created_at,
        })
    }
}

/// What `client.registered` and `account.updated` both may say of a person.
pub(super) struct Profile {
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) country: Option<String>,
    pub(super) language: Option<String>,
}

impl Profile {
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let [first_name, last_name, country, language] =
            fields.all(["firstName", "lastName", "country", "language"], Fields::text);
        let phone = fields.optional(fields.text_or_integer("phone"));
        Self { first_name, last_name, phone, country, language }
    }
}
