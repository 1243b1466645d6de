//! Who has an address. One snapshot: client and namesakes are from the same moment.

use contract::email::EmailKey;
use contract::resources::ClientRecord;
use db::{Conn, DbResult};

use super::clients;
use crate::domain::lookup;

/// The record of the client that the address means, present addresses before former ones.
pub(crate) fn by_email(conn: &mut Conn, key: &EmailKey) -> DbResult<Option<ClientRecord>> {
    let Some(client) = lookup::meant(clients::holders(conn, None, key)?, key) else { return Ok(None) };
    let others = match client.address() {
        Some(address) => clients::other_client_ids(conn, &client, &address)?,
        None => Vec::new(),
    };
    Ok(Some(lookup::record(client, others)))
}
