//! What an event names its client by, and which events can't be taken to heart at all. It decides nobody's identity: that is
//! [`super::book`]'s.

use contract::email::EmailKey;
use contract::events::ClientRegistered;

/// The longest clientId and look-up key, in bytes: what every index can hold (PostgreSQL's ends at 2,704, source and all).
const LONGEST_NAME: usize = 2_000;

/// Whom an event is about: a client of one source, by clientId, by address, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The webhook source; clients of different sources are different clients.
    pub(crate) source: String,
    /// The platform's id. Where it is there, it decides.
    pub(crate) client_id: Option<String>,
    /// The address as a look-up key.
    pub(crate) address: Option<EmailKey>,
}

/// Why an event is refused for good. The reason is for staff, beside the dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// Neither a clientId nor a usable address.
    #[error("no_identity")]
    NoIdentity,
    /// A clientId beyond [`LONGEST_NAME`].
    #[error("client_id_too_long")]
    ClientIdTooLong,
    /// A text with U+0000, which PostgreSQL can't hold. The event reader has replaced it in whatever came by webhook.
    #[error("unstorable_text")]
    UnstorableText,
}

impl Identity {
    /// Whom a registration names.
    ///
    /// # Errors
    /// [`Unfit`] when the registration can't be applied, now or ever.
    pub(crate) fn of(source: &str, said: &ClientRegistered) -> Result<Self, Unfit> {
        let ClientRegistered {
            client_id,
            email,
            first_name,
            last_name,
            phone,
            country,
            language,
            created_at: _,
        } = said;
        let texts = [client_id, email, first_name, last_name, phone, country, language];
        if texts.into_iter().flatten().any(|text| text.contains('\0')) {
            return Err(Unfit::UnstorableText);
        }
        let client_id = client_id.clone().filter(|id| !id.is_empty());
        let address = email.as_deref().and_then(address);
        match &client_id {
            Some(id) if id.len() > LONGEST_NAME => Err(Unfit::ClientIdTooLong),
            None if address.is_none() => Err(Unfit::NoIdentity),
            _ => Ok(Self { source: source.to_owned(), client_id, address }),
        }
    }

    /// The names whose rows are locked while it is decided whose they are.
    pub(crate) fn lock_keys(&self) -> impl Iterator<Item = String> {
        let client_id = self.client_id.as_ref().map(|id| format!("{}:c:{id}", self.source));
        let address = self.address.as_ref().map(|key| format!("{}:e:{}", self.source, key.as_str()));
        client_id.into_iter().chain(address)
    }
}

/// The look-up key of an address, if it is one that a client can be found by.
pub(crate) fn address(email: &str) -> Option<EmailKey> {
    EmailKey::of(email).filter(|key| key.as_str().len() <= LONGEST_NAME)
}
