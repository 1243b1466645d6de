//! The client record as rows. A merged record stays as a pointer to the one that has all of it.

mod holders;
mod naming;
mod writing;

use contract::clock::Timestamp;
use contract::ids::ClientRef;
use contract::kyc::KycStatus;
use contract::resources::ClientStatus;
use db::types::{Uid, UtcTime};
use db::{Conn, DbError, DbResult, on_backend};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::orders::Orders;
use super::schema::clients;
use super::{stored, word};
use crate::domain::client::{Client, Field, Kyc};
use crate::domain::facts::{Fact, Facts};
use crate::domain::order::OrderKey;
use crate::domain::search;

pub(crate) use holders::{holders, other_client_ids};
pub(crate) use naming::{ids_of_client_ids, ids_of_holders, known_by_address_alone};

/// How many clients of one address are looked at to find the one that is meant, nearest first. More than one has it only where a
/// platform gave it to several clientIds.
const MOST_HOLDERS: i64 = 100;

#[derive(Debug, Clone, Queryable, QueryableByName, Selectable, Insertable)]
#[diesel(table_name = clients, treat_none_as_default_value = false)]
pub(super) struct Row {
    id: Uid,
    source: String,
    client_id: Option<String>,
    /// None where it is spelt as its key.
    email: Option<String>,
    email_key: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    phone: Option<String>,
    country: Option<String>,
    language: Option<String>,
    status: String,
    kyc_status: String,
    kyc_notes: Option<String>,
    kyc_updated_at: Option<UtcTime>,
    registered_at: Option<UtcTime>,
    field_orders: String,
    merged_into: Option<Uid>,
    created_at: UtcTime,
    updated_at: UtcTime,
    version: i64,
}

/// A row as it is written: with what can be searched, which nobody reads.
#[derive(Debug, Insertable)]
#[diesel(table_name = clients, treat_none_as_default_value = false)]
struct Written {
    #[diesel(embed)]
    row: Row,
    search: String,
}

impl Written {
    fn of(client: &Client) -> DbResult<Self> {
        Ok(Self { row: Row::of(client)?, search: search::text_of(client) })
    }
}

/// `field_orders`: the order keys of the profile, and of the identity check. Where the client was only named by the address, not told
/// that it is its own, that stands apart.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientOrders {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kyc: Option<OrderKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    named_email: Option<OrderKey>,
    #[serde(flatten)]
    profile: Orders<Field>,
}

impl ClientOrders {
    fn of(client: &Client) -> Self {
        let named_email = client.facts.get(&Field::NamedEmail).map(|fact| fact.order);
        let profile = Orders::but_for(&client.facts, Some(Field::NamedEmail));
        Self { kyc: client.kyc.order, named_email, profile }
    }
}

impl Row {
    fn of(client: &Client) -> DbResult<Self> {
        let value = |field| client.value(field).map(str::to_owned);
        let email_key = client.address().map(|key| key.as_str().to_owned());
        let email = client.email().filter(|email| Some(*email) != email_key.as_deref());
        Ok(Self {
            id: Uid::of(client.id),
            source: client.source.clone(),
            client_id: client.client_id.clone(),
            email: email.map(str::to_owned),
            email_key,
            first_name: value(Field::FirstName),
            last_name: value(Field::LastName),
            phone: value(Field::Phone),
            country: value(Field::Country),
            language: value(Field::Language),
            status: client.status.as_str().to_owned(),
            kyc_status: client.kyc.status.as_str().to_owned(),
            kyc_notes: client.kyc.notes.clone(),
            kyc_updated_at: client.kyc_updated_at().map(UtcTime::of),
            registered_at: client.registered_at.map(UtcTime::of),
            field_orders: stored(serde_json::to_string(&ClientOrders::of(client)))?,
            merged_into: client.merged_into.map(Uid::of),
            created_at: UtcTime::of(client.created_at),
            updated_at: UtcTime::of(client.updated_at),
            version: client.version,
        })
    }

    pub(super) fn into_client(self) -> DbResult<Client> {
        let ClientOrders { kyc, named_email, profile } = stored(serde_json::from_str(&self.field_orders))?;
        let mut facts = Facts::new();
        let email = if named_email.is_some() { Field::NamedEmail } else { Field::Email };
        for (field, value) in [
            (email, self.email.or(self.email_key)),
            (Field::FirstName, self.first_name),
            (Field::LastName, self.last_name),
            (Field::Phone, self.phone),
            (Field::Country, self.country),
            (Field::Language, self.language),
        ] {
            let order = if field == Field::NamedEmail { named_email } else { profile.of_field(field) };
            if let (Some(value), Some(order)) = (value, order) {
                facts.insert(field, Fact { value, order });
            }
        }
        let kyc_status = KycStatus::ALL.into_iter().find(|status| status.as_str() == self.kyc_status);
        Ok(Client {
            id: stored(ClientRef::from_uuid(self.id.0))?,
            source: self.source,
            client_id: self.client_id,
            facts,
            status: word(ClientStatus::parse(&self.status))?,
            kyc: Kyc { status: word(kyc_status)?, notes: self.kyc_notes, order: kyc },
            registered_at: self.registered_at.map(timestamp),
            merged_into: stored(self.merged_into.map(|into| ClientRef::from_uuid(into.0)).transpose())?,
            created_at: timestamp(self.created_at),
            updated_at: timestamp(self.updated_at),
            version: self.version,
        })
    }
}

fn timestamp(time: UtcTime) -> Timestamp {
    time.0.into()
}

/// These clients, their rows locked in the order of their ids to the end of the transaction. Merged ones are left out.
pub(crate) fn load_locked(conn: &mut Conn, ids: &[Uid]) -> DbResult<Vec<Client>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = clients::table
        .filter(clients::id.eq_any(ids))
        .filter(clients::merged_into.is_null())
        .order(clients::id);
    let rows: Vec<Row> = match conn {
        Conn::Postgres(c) => query.for_update().select(Row::as_select()).load(c)?,
        // SQLite's one writer is us.
        Conn::Sqlite(c) => query.select(Row::as_select()).load(c)?,
    };
    rows.into_iter().map(Row::into_client).collect()
}

/// Those of these clients that are live, as they stand: to look at, not to change.
pub(crate) fn load(conn: &mut Conn, ids: &[Uid]) -> DbResult<Vec<Client>> {
    let rows: Vec<Row> = on_backend!(conn, |c| clients::table
        .filter(clients::id.eq_any(ids))
        .filter(clients::merged_into.is_null())
        .select(Row::as_select())
        .load(c))?;
    rows.into_iter().map(Row::into_client).collect()
}

/// How often a record was merged into another at most, before we think that they go in a circle.
const MOST_MERGES: usize = 100;

/// The client with this id, its row locked to the end of the transaction; where the record was merged into another, that one.
pub(crate) fn lock(conn: &mut Conn, id: ClientRef) -> DbResult<Option<Client>> {
    let mut id = Uid::of(id);
    for _ in 0..MOST_MERGES {
        let query = clients::table.filter(clients::id.eq(id));
        let row: Option<Row> = match conn {
            Conn::Postgres(c) => query.for_update().select(Row::as_select()).first(c).optional()?,
            // SQLite's one writer is us.
            Conn::Sqlite(c) => query.select(Row::as_select()).first(c).optional()?,
        };
        match row {
            Some(Row { merged_into: Some(into), .. }) => id = into,
            row => return row.map(Row::into_client).transpose(),
        }
    }
    Err(DbError::broken("records are merged into each other in a circle"))
}

/// The live client with this id, of ours; where the record was merged into another, that one.
pub(crate) fn of_id(conn: &mut Conn, id: ClientRef) -> DbResult<Option<Client>> {
    let mut id = Uid::of(id);
    for _ in 0..MOST_MERGES {
        let query = clients::table.filter(clients::id.eq(id));
        let row: Option<Row> = on_backend!(conn, |c| query.select(Row::as_select()).first(c).optional())?;
        match row {
            Some(Row { merged_into: Some(into), .. }) => id = into,
            row => return row.map(Row::into_client).transpose(),
        }
    }
    Err(DbError::broken("records are merged into each other in a circle"))
}

/// The live clients with this clientId, of all sources.
pub(crate) fn of_client_id(conn: &mut Conn, client_id: &str) -> DbResult<Vec<Client>> {
    let rows: Vec<Row> = on_backend!(conn, |c| clients::table
        .filter(clients::client_id.eq(client_id))
        .filter(clients::merged_into.is_null())
        .order(clients::source)
        .limit(MOST_HOLDERS)
        .select(Row::as_select())
        .load(c))?;
    rows.into_iter().map(Row::into_client).collect()
}

/// Adds clients. An insertion that may find its row there costs far more than one that does not, so this is not [`save`].
pub(crate) fn add(conn: &mut Conn, new: &[Client]) -> DbResult<()> {
    let rows = new.iter().map(Written::of).collect::<DbResult<Vec<_>>>()?;
    match conn {
        Conn::Postgres(_) if rows.is_empty() => Ok(()),
        Conn::Postgres(conn) => writing::add_postgres(conn, &rows),
        Conn::Sqlite(conn) => {
            for row in &rows {
                diesel::insert_into(clients::table).values(row).execute(conn)?;
            }
            Ok(())
        }
    }
}

/// Writes these clients as they are now. Those merged into others come first: an address that moves on must be free by then.
pub(crate) fn save(conn: &mut Conn, changed: &[Client]) -> DbResult<()> {
    let (merged, live): (Vec<&Client>, _) = changed.iter().partition(|client| client.merged_into.is_some());
    let rows = merged.into_iter().chain(live).map(Written::of).collect::<DbResult<Vec<_>>>()?;
    match conn {
        Conn::Postgres(_) if rows.is_empty() => Ok(()),
        Conn::Postgres(conn) => writing::save_postgres(conn, &rows),
        Conn::Sqlite(conn) => writing::save_sqlite(conn, &rows),
    }
}
