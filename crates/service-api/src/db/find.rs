//! Whom an address or an id means. One snapshot: client and namesakes are from the same moment.

use contract::email::EmailKey;
use contract::resources::ClientRecord;
use db::{Conn, DbResult};

use super::clients;
use crate::domain::client::Client;
use crate::domain::lookup;

/// The record of the client that the address means, present addresses before former ones.
pub(crate) fn by_email(conn: &mut Conn, key: &EmailKey) -> DbResult<Option<ClientRecord>> {
    let client = lookup::meant(clients::holders(conn, key)?, key);
    client.map(|client| record_of(conn, client)).transpose()
}

/// The clients that an id means: ours names one, and the platform's one of each source.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> DbResult<Vec<Client>> {
    if id.contains('\0') {
        return Ok(Vec::new());
    }
    if let Ok(own) = id.parse()
        && let Some(client) = clients::of_id(conn, own)?
    {
        return Ok(vec![client]);
    }
    clients::of_client_id(conn, id)
}

/// The record of a client, beside others of the same address.
pub(crate) fn record_of(conn: &mut Conn, client: Client) -> DbResult<ClientRecord> {
    let others = match client.address() {
        Some(address) => clients::other_client_ids(conn, &client, &address)?,
        None => Vec::new(),
    };
    Ok(lookup::record(client, others))
}
