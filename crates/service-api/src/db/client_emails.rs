//! Every address a client ever had.

use contract::email::EmailKey;
use contract::ids::ClientRef;
use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;

use super::schema::client_emails;
use super::{CHUNK, stored};
use crate::domain::book::Merged;

#[derive(Insertable)]
#[diesel(table_name = client_emails, treat_none_as_default_value = false)]
struct Row<'a> {
    client: String,
    email_key: &'a str,
}

/// Which of these clients have or had which of these addresses.
pub(crate) fn among(
    conn: &mut Conn,
    clients: &[String],
    keys: &[EmailKey],
) -> DbResult<Vec<(ClientRef, EmailKey)>> {
    let texts: Vec<&str> = keys.iter().map(EmailKey::as_str).collect();
    let rows: Vec<(String, String)> = on_backend!(conn, |c| client_emails::table
        .filter(client_emails::client.eq_any(clients))
        .filter(client_emails::email_key.eq_any(&texts))
        .load(c))?;
    let mut found = Vec::with_capacity(rows.len());
    for (client, text) in rows {
        if let Some(key) = keys.iter().find(|key| key.as_str() == text) {
            found.push((stored(client.parse())?, key.clone()));
        }
    }
    Ok(found)
}

/// Adds addresses; those that are there stay.
pub(crate) fn add(conn: &mut Conn, addresses: &[(ClientRef, EmailKey)]) -> DbResult<()> {
    for addresses in addresses.chunks(CHUNK) {
        let rows: Vec<Row<'_>> = addresses
            .iter()
            .map(|(client, key)| Row { client: client.to_string(), email_key: key.as_str() })
            .collect();
        on_backend!(conn, |c| diesel::insert_into(client_emails::table)
            .values(&rows)
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    Ok(())
}

/// Gives all addresses of a merged client to the other.
pub(crate) fn hand_over(conn: &mut Conn, merged: &Merged) -> DbResult<()> {
    let from = merged.from.to_string();
    let of_merged = client_emails::table.filter(client_emails::client.eq(&from));
    let keys: Vec<String> = on_backend!(conn, |c| of_merged.select(client_emails::email_key).load(c))?;
    let rows: Vec<Row<'_>> =
        keys.iter().map(|key| Row { client: merged.into.to_string(), email_key: key }).collect();
    on_backend!(conn, |c| diesel::insert_into(client_emails::table)
        .values(&rows)
        .on_conflict_do_nothing()
        .execute(c))?;
    on_backend!(conn, |c| diesel::delete(of_merged).execute(c))?;
    Ok(())
}
