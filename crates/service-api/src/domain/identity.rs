//! What an event names its client by, and which events can't be taken to heart at all. It decides nobody's identity: that is
//! [`super::book`]'s.

use contract::email::EmailKey;
use contract::events::{AccountUpdated, Event, MAX_ID_CHARS, Transaction};

/// The longest clientId and look-up key, in bytes: what every index can hold (PostgreSQL's ends at 2,704, source and all).
const LONGEST_NAME: usize = 2_000;

/// The longest part of an account's or transaction's key, in bytes: as long as any id of a webhook can be, four bytes to a character.
/// A key has two of them and its source, which every index can hold.
const LONGEST_KEY: usize = 4 * MAX_ID_CHARS;

/// Whom an event is about: a client of one source, by clientId, by address, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The webhook source; clients of different sources are different clients.
    pub(crate) source: String,
    /// The platform's id. Where it is there, it decides.
    pub(crate) client_id: Option<String>,
    /// The address as a look-up key.
    pub(crate) address: Option<EmailKey>,
    /// The same byte for byte as sent, where it does no more than name the client: a stated address is the profile's.
    pub(crate) email: Option<String>,
    /// The address that the client has from now on, where it is told beside the one that names it.
    pub(crate) new_address: Option<EmailKey>,
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
    /// An account's or a transaction's key beyond [`LONGEST_KEY`].
    #[error("key_too_long")]
    KeyTooLong,
    /// A text with U+0000, which PostgreSQL can't hold. The event reader has replaced it in whatever came by webhook.
    #[error("unstorable_text")]
    UnstorableText,
}

impl Identity {
    /// Whom an event names.
    ///
    /// # Errors
    /// [`Unfit`] when the event can't be applied, now or ever.
    pub(crate) fn of(source: &str, event: &Event) -> Result<Self, Unfit> {
        if texts(event).any(|text| text.contains('\0')) {
            return Err(Unfit::UnstorableText);
        }
        if keys(event).any(|key| key.len() > LONGEST_KEY) {
            return Err(Unfit::KeyTooLong);
        }
        let named = event.identity();
        let client_id = named.client_id.filter(|id| !id.is_empty());
        let address_of = |email: &Option<String>| email.as_deref().and_then(address);
        let new_address = match event {
            Event::AccountUpdated(said) if said.client_email.is_some() => address_of(&said.email),
            _ => None,
        };
        let key = address_of(&named.email);
        let stated = match event {
            Event::ClientRegistered(_) => true,
            Event::AccountUpdated(said) => said.client_email.is_none(),
            _ => false,
        };
        match &client_id {
            Some(id) if id.len() > LONGEST_NAME => Err(Unfit::ClientIdTooLong),
            None if key.is_none() => Err(Unfit::NoIdentity),
            _ => Ok(Self {
                source: source.to_owned(),
                client_id,
                email: named.email.filter(|_| key.is_some() && !stated),
                new_address: new_address.filter(|new| Some(new) != key.as_ref()),
                address: key,
            }),
        }
    }

    /// Every address that the event says is the client's.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &EmailKey> {
        self.address.iter().chain(&self.new_address)
    }

    /// The names whose rows are locked while it is decided whose they are.
    pub(crate) fn lock_keys(&self) -> impl Iterator<Item = String> {
        let client_id = self.client_id.as_ref().map(|id| format!("{}:c:{id}", self.source));
        let addresses = self.addresses().map(|key| format!("{}:e:{}", self.source, key.as_str()));
        client_id.into_iter().chain(addresses)
    }
}

/// The look-up key of an address, if it is one that a client can be found by.
pub(crate) fn address(email: &str) -> Option<EmailKey> {
    EmailKey::of(email).filter(|key| key.as_str().len() <= LONGEST_NAME)
}

/// What of an event becomes part of a key.
fn keys(event: &Event) -> impl Iterator<Item = &str> {
    let parts: [&Option<String>; 2] = match event {
        Event::DepositCompleted(said) | Event::WithdrawalCompleted(said) => [&said.transaction_id, &None],
        Event::AccountUpdated(said) => [&said.account_id, &said.server],
        Event::ClientRegistered(_) | Event::KycUpdated(_) => [&None, &None],
    };
    parts.into_iter().filter_map(Option::as_deref)
}

/// Every text of an event that is stored.
fn texts(event: &Event) -> impl Iterator<Item = &str> {
    let texts: Vec<&Option<String>> = match event {
        Event::ClientRegistered(said) => vec![
            &said.client_id,
            &said.email,
            &said.first_name,
            &said.last_name,
            &said.phone,
            &said.country,
            &said.language,
        ],
        Event::DepositCompleted(said) | Event::WithdrawalCompleted(said) => of_transaction(said),
        Event::KycUpdated(said) => vec![&said.client_id, &said.email, &said.kyc_notes],
        Event::AccountUpdated(said) => of_account(said),
    };
    texts.into_iter().filter_map(Option::as_deref)
}

fn of_transaction(said: &Transaction) -> Vec<&Option<String>> {
    vec![
        &said.client_id,
        &said.email,
        &said.transaction_id,
        &said.account_id,
        &said.subaccount_id,
        &said.method,
        &said.external_id,
        &said.reason,
    ]
}

fn of_account(said: &AccountUpdated) -> Vec<&Option<String>> {
    vec![
        &said.client_id,
        &said.client_email,
        &said.email,
        &said.first_name,
        &said.last_name,
        &said.phone,
        &said.country,
        &said.language,
        &said.account_id,
        &said.parent_account_id,
        &said.login,
        &said.platform,
        &said.server,
        &said.group,
        &said.name,
    ]
}
