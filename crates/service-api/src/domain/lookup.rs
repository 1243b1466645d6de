//! Whom an address means, and what the answer about a client says.

use std::cmp::Reverse;

use contract::clock::Timestamp;
use contract::email::EmailKey;
use contract::ids::ClientRef;
use contract::internal::FoundClient;
use contract::resources::ClientRecord;

use super::client::{Client, Field};

/// How near a client is to an address; the least is the one that is meant. Who has it now comes before who had it, then whoever
/// registered first, then a known clientId before none, then the lesser of them: all of which is the same whatever order the
/// events came in. Our own id only decides between clients of different sources.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    former: bool,
    registered: (bool, Option<Timestamp>),
    client_id: (Reverse<bool>, Option<String>),
    id: ClientRef,
}

impl Rank {
    /// The client's rank for this address.
    pub(crate) fn of(client: &Client, asked: &EmailKey) -> Self {
        Self {
            former: client.address().as_ref() != Some(asked),
            registered: (client.registered_at.is_none(), client.registered_at),
            client_id: (Reverse(client.client_id.is_some()), client.client_id.clone()),
            id: client.id,
        }
    }
}

/// The one of these clients that the address means.
pub(crate) fn meant(candidates: Vec<Client>, asked: &EmailKey) -> Option<Client> {
    candidates.into_iter().min_by_key(|client| Rank::of(client, asked))
}

/// A client, as far as an impersonation has to know it.
pub(crate) fn found(client: Client) -> FoundClient {
    FoundClient {
        id: client.id,
        email: client.email().map(str::to_owned),
        status: client.status,
        client_id: client.client_id,
        source: client.source,
    }
}

/// The answer about a client. `other_client_ids` are those of other live clients that have the same address now.
pub(crate) fn record(client: Client, other_client_ids: Vec<String>) -> ClientRecord {
    let value = |field| client.value(field).map(str::to_owned);
    ClientRecord {
        id: client.id,
        email: client.email().map(str::to_owned),
        first_name: value(Field::FirstName),
        last_name: value(Field::LastName),
        phone: value(Field::Phone),
        country: value(Field::Country),
        language: value(Field::Language),
        status: client.status,
        kyc_status: client.kyc.status,
        kyc_notes: client.kyc.notes.clone(),
        kyc_updated_at: client.kyc_updated_at(),
        other_client_ids,
        created_at: client.registered_at.unwrap_or(client.created_at),
        updated_at: client.updated_at,
        version: client.version,
        client_id: client.client_id,
    }
}
