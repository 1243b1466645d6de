//! Whom an address or an id means. One snapshot: client and namesakes are from the same moment.

use std::collections::{BTreeMap, BTreeSet};

use contract::email::EmailKey;
use contract::ids::ClientRef;
use contract::resources::ClientRecord;
use db::{Conn, DbResult};

use super::clients;
use crate::domain::client::Client;
use crate::domain::lookup;

/// The record of the client that each address means, present addresses before former ones. Of the same address there may be several: each
/// is answered.
pub(crate) fn by_emails(conn: &mut Conn, keys: &[EmailKey]) -> DbResult<Vec<Option<ClientRecord>>> {
    let distinct: BTreeSet<&str> = keys.iter().map(EmailKey::as_str).collect();
    let mut held: BTreeMap<String, Vec<Client>> = BTreeMap::new();
    for (key, client) in clients::holders(conn, &distinct.into_iter().collect::<Vec<_>>())? {
        held.entry(key).or_default().push(client);
    }
    let (mut addresses, mut found) = (Vec::new(), Vec::new());
    for key in keys {
        let held = held.remove(key.as_str()).unwrap_or_default();
        if let Some(client) = lookup::meant(held, key) {
            addresses.push(key.as_str());
            found.push(client);
        }
    }
    let records: BTreeMap<&str, ClientRecord> = addresses.into_iter().zip(records_of(conn, found)?).collect();
    Ok(keys.iter().map(|key| records.get(key.as_str()).cloned()).collect())
}

/// As [`by_emails`], for one.
pub(crate) fn by_email(conn: &mut Conn, key: &EmailKey) -> DbResult<Option<ClientRecord>> {
    Ok(by_emails(conn, std::slice::from_ref(key))?.pop().flatten())
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

/// The records of clients, in their order, each beside others of the same address.
pub(crate) fn records_of(conn: &mut Conn, found: Vec<Client>) -> DbResult<Vec<ClientRecord>> {
    // One that was found by two addresses is asked for once.
    let addresses: BTreeMap<ClientRef, EmailKey> =
        found.iter().filter_map(|client| Some((client.id, client.address()?))).collect();
    let mut others: BTreeMap<ClientRef, Vec<String>> = BTreeMap::new();
    for (of, client_id) in clients::other_client_ids(conn, &addresses.into_iter().collect::<Vec<_>>())? {
        others.entry(of).or_default().push(client_id);
    }
    let beside = |client: Client| {
        let others = others.get(&client.id).cloned().unwrap_or_default();
        lookup::record(client, others)
    };
    Ok(found.into_iter().map(beside).collect())
}

/// As [`records_of`], for one.
pub(crate) fn record_of(conn: &mut Conn, client: Client) -> DbResult<ClientRecord> {
    let others = match client.address() {
        Some(address) => clients::other_client_ids(conn, &[(client.id, address)])?,
        None => Vec::new(),
    };
    Ok(lookup::record(client, others.into_iter().map(|(_, client_id)| client_id).collect()))
}
