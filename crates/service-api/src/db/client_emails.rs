//! The addresses that clients had, or were once named by, and that are not in their records now: `clients.email_key` and these rows
//! together are what a client is found by, and none is in both. Whoever looks for whose an address is must look into both in one
//! statement: an address goes from the one to the other and back in single commits. A client's rows change under the lock on its record.

use std::collections::BTreeMap;

use contract::email::EmailKey;
use contract::ids::ClientRef;
use db::types::{Id, Uid};
use db::{Conn, DbResult, on_backend, prepared};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Text};

use super::schema::client_emails;
use super::stored;

#[derive(Insertable)]
#[diesel(table_name = client_emails, treat_none_as_default_value = false)]
struct Row<'a> {
    client: Uid,
    email_key: &'a str,
}

/// Which of these clients had which of these addresses.
pub(crate) fn among(
    conn: &mut Conn,
    clients: &[Uid],
    keys: &[EmailKey],
) -> DbResult<Vec<(ClientRef, EmailKey)>> {
    if clients.is_empty() || keys.is_empty() {
        return Ok(Vec::new());
    }
    let texts: Vec<&str> = keys.iter().map(EmailKey::as_str).collect();
    let rows: Vec<(Uid, String)> = on_backend!(conn, |c| client_emails::table
        .filter(client_emails::client.eq_any(clients))
        .filter(client_emails::email_key.eq_any(&texts))
        .load(c))?;
    let mut found = Vec::with_capacity(rows.len());
    for (client, text) in rows {
        if let Some(key) = keys.iter().find(|key| key.as_str() == text) {
            found.push((stored(ClientRef::from_uuid(client.0))?, key.clone()));
        }
    }
    Ok(found)
}

/// Adds former addresses; those that are there stay.
pub(crate) fn add(conn: &mut Conn, addresses: &[(ClientRef, EmailKey)]) -> DbResult<()> {
    let rows: Vec<Row<'_>> = addresses
        .iter()
        .map(|(client, key)| Row { client: Uid::of(*client), email_key: key.as_str() })
        .collect();
    insert(conn, &rows)
}

/// Removes what is no former address of these clients any more, because it is in their records again.
pub(crate) fn remove_present(conn: &mut Conn, clients: &[ClientRef]) -> DbResult<()> {
    if clients.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uid> = clients.iter().copied().map(Uid::of).collect();
    let present =
        sql::<Bool>("email_key = (select c.email_key from clients c where c.id = client_emails.client)");
    let theirs = client_emails::table.filter(client_emails::client.eq_any(ids)).filter(present);
    on_backend!(conn, |c| diesel::delete(theirs).execute(c))?;
    Ok(())
}

/// Gives all former addresses of merged clients to those that the pointers lead to.
pub(crate) fn hand_over(conn: &mut Conn, pointers: &BTreeMap<ClientRef, ClientRef>) -> DbResult<()> {
    if pointers.is_empty() {
        return Ok(());
    }
    let from: Vec<Uid> = pointers.keys().copied().map(Uid::of).collect();
    let of_merged = || client_emails::table.filter(client_emails::client.eq_any(&from));
    let theirs: Vec<(Uid, String)> = on_backend!(conn, |c| of_merged().load(c))?;
    on_backend!(conn, |c| diesel::delete(of_merged()).execute(c))?;
    let mut rows = Vec::with_capacity(theirs.len());
    for (client, key) in &theirs {
        let mut owner: ClientRef = stored(ClientRef::from_uuid(client.0))?;
        while let Some(into) = pointers.get(&owner) {
            owner = *into;
        }
        rows.push(Row { client: Uid::of(owner), email_key: key });
    }
    insert(conn, &rows)
}

fn insert(conn: &mut Conn, rows: &[Row<'_>]) -> DbResult<()> {
    match conn {
        Conn::Postgres(conn) if !rows.is_empty() => {
            prepared("insert into client_emails (client, email_key) select * from unnest(?, ?) on conflict do nothing")
                .bind::<Array<Id>, _>(rows.iter().map(|row| row.client).collect::<Vec<_>>())
                .bind::<Array<Text>, _>(rows.iter().map(|row| row.email_key).collect::<Vec<_>>())
                .execute(conn)?;
        }
        Conn::Postgres(_) => {}
        Conn::Sqlite(conn) => {
            for row in rows {
                diesel::insert_into(client_emails::table)
                    .values(row)
                    .on_conflict_do_nothing()
                    .execute(conn)?;
            }
        }
    }
    Ok(())
}
