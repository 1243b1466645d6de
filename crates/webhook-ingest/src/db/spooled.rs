//! The rows of the spool's file: what was acknowledged while PostgreSQL was away. A row is added by the commit that acknowledges, and
//! removed once what it holds is in our own tables; it never changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use auth::random::Random;
use contract::audit::Sealed;
use contract::clock::Timestamp;
use contract::ids::{EntryId, EventId};
use contract::internal::ClientName;
use contract::kyc::KycWords;
use db::fail_points::{self, Step};
use db::types::UtcTime;
use db::{Conn, DbError, DbResult, on_backend};
use diesel::dsl::{exists, select};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;
use http_kit::audit::seal;
use uuid::Uuid;

use super::deliveries::{Decided, Kept, Submission, decide};
use super::schema::{seen, spooled};
use crate::domain::delivery::{Answered, Settled};
use crate::domain::lanes::email_column;
use crate::domain::reading::{Said, Signed};
use crate::domain::trail;

#[derive(Debug, Insertable)]
#[diesel(table_name = spooled, treat_none_as_default_value = false)]
struct NewRow<'a> {
    entry_id: Vec<u8>,
    payload: String,
    disclosures: String,
    event_id: Option<Vec<u8>>,
    seen_key: Option<&'a [u8]>,
    answered: Option<&'static str>,
    source: Option<&'a str>,
    message_id: Option<&'a str>,
    body: Option<&'a [u8]>,
    received_at: Option<UtcTime>,
    email_key: Option<&'a str>,
    other_email_key: Option<&'a str>,
    client_id: Option<&'a str>,
}

/// Stores deliveries as [`super::deliveries::store`] does, but here, where at most `pages` of the file may be used. What is answered
/// stands on the trail as it is answered, whatever is found when the delivery gets to where it belongs.
pub(crate) fn store(
    conn: &mut Conn,
    submissions: &[Arc<Submission>],
    pages: u64,
    random: &Random,
) -> DbResult<Vec<Settled>> {
    // A property of the connection, which may be a new one.
    conn.execute_batch(&format!("PRAGMA max_page_count = {pages}"))?;
    let deliveries: Vec<Kept<'_>> =
        submissions.iter().map(|submission| Kept::of(&submission.delivery)).collect();
    let decided = decide(conn, &deliveries)?;
    let mut told = Vec::with_capacity(decided.len());
    for ((submission, delivery), decided) in submissions.iter().zip(deliveries).zip(decided) {
        let settled = decided.settled(delivery);
        let entry = trail::received(submission.entry.clone(), &submission.delivery, &settled);
        let entry = seal(&trail::spooled(entry), random);
        let row = row(delivery, decided, entry)?;
        on_backend!(&mut *conn, |c| diesel::insert_into(spooled::table).values(row).execute(c))?;
        told.push(settled);
    }
    fail_points::pass(Step::SpoolBeforeCommit);
    Ok(told)
}

fn row(delivery: Kept<'_>, decided: Decided, entry: Sealed) -> DbResult<NewRow<'_>> {
    let said = delivery.said;
    let key = if decided.reuse { &said.reuse_key } else { &said.key };
    let is_first = decided.holder.is_none();
    let disclosures =
        serde_json::to_string(&entry.disclosures).map_err(|error| DbError::Broken(error.into()))?;
    Ok(NewRow {
        entry_id: bytes(entry.id),
        payload: entry.payload,
        disclosures,
        event_id: is_first.then(|| bytes(delivery.event_id)),
        seen_key: is_first.then_some(key.as_slice()),
        answered: is_first.then(|| Answered::of(&said.standing, decided.reuse).as_str()),
        source: is_first.then_some(delivery.source),
        message_id: delivery.message_id.filter(|_| is_first),
        body: is_first.then_some(delivery.body),
        received_at: is_first.then(|| UtcTime::of(delivery.received_at)),
        email_key: said.email_key.as_deref().filter(|_| is_first),
        other_email_key: said.other_email_key.as_deref().filter(|_| is_first),
        client_id: said.client_id.as_deref().filter(|_| is_first),
    })
}

fn bytes(id: impl Into<Uuid>) -> Vec<u8> {
    id.into().as_bytes().to_vec()
}

/// A row as it lies in the file, whatever is in it: one that can't be read must not keep the others from being read.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = spooled)]
pub(crate) struct Row {
    pub(crate) intake: i64,
    entry_id: Vec<u8>,
    payload: String,
    disclosures: String,
    event_id: Option<Vec<u8>>,
    seen_key: Option<Vec<u8>>,
    answered: Option<String>,
    source: Option<String>,
    message_id: Option<String>,
    body: Option<Vec<u8>>,
    received_at: Option<UtcTime>,
}

/// The first delivery of a key, as it waits to be stored where it belongs.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) event_id: EventId,
    pub(crate) source: String,
    message_id: Option<String>,
    body: Vec<u8>,
    received_at: Timestamp,
    /// What it says by today's reading.
    pub(crate) said: Said,
    pub(crate) answered: Answered,
}

impl Waiting {
    pub(crate) fn kept(&self) -> Kept<'_> {
        Kept {
            event_id: self.event_id,
            source: &self.source,
            message_id: self.message_id.as_deref(),
            body: &self.body,
            received_at: self.received_at,
            said: &self.said,
            is_reuse: self.answered == Answered::Reused,
        }
    }
}

fn uuid(bytes: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(bytes).ok()
}

impl Row {
    /// The entry of the attempt, and the delivery if it was the first of its key.
    pub(crate) fn open(&self, kyc_words: &KycWords) -> DbResult<(Sealed, Option<Waiting>)> {
        let bad = || DbError::broken(format!("row {} of the spool can't be read", self.intake));
        let id = uuid(&self.entry_id).and_then(|id| EntryId::from_uuid(id).ok()).ok_or_else(bad)?;
        let disclosures = serde_json::from_str(&self.disclosures).map_err(|_| bad())?;
        let entry = Sealed { id, payload: self.payload.clone(), disclosures };
        let Some(event_id) = &self.event_id else { return Ok((entry, None)) };
        let (source, body) = self.source.as_deref().zip(self.body.as_deref()).ok_or_else(bad)?;
        let received_at = Timestamp::from(self.received_at.ok_or_else(bad)?.0);
        let message_id = self.message_id.as_deref();
        let waiting = Waiting {
            event_id: uuid(event_id).and_then(|id| EventId::from_uuid(id).ok()).ok_or_else(bad)?,
            source: source.to_owned(),
            message_id: self.message_id.clone(),
            body: body.to_owned(),
            received_at,
            said: Said::read(Signed { source, message_id, body, received_at }, kyc_words),
            answered: self.answered.as_deref().and_then(Answered::parse).ok_or_else(bad)?,
        };
        Ok((entry, Some(waiting)))
    }
}

/// The oldest rows that are not among `but`, at most `limit`.
pub(crate) fn oldest(conn: &mut Conn, but: &BTreeSet<i64>, limit: i64) -> DbResult<Vec<Row>> {
    Ok(on_backend!(conn, |c| spooled::table
        .filter(spooled::intake.ne_all(but))
        .order(spooled::intake)
        .limit(limit)
        .select(Row::as_select())
        .load(c))?)
}

/// Removes rows, and the keys that they had.
pub(crate) fn remove(conn: &mut Conn, rows: &[Row]) -> DbResult<()> {
    let intakes: Vec<i64> = rows.iter().map(|row| row.intake).collect();
    let keys: Vec<&[u8]> = rows.iter().filter_map(|row| row.seen_key.as_deref()).collect();
    on_backend!(&mut *conn, |c| diesel::delete(spooled::table.filter(spooled::intake.eq_any(intakes)))
        .execute(c))?;
    on_backend!(conn, |c| diesel::delete(seen::table.filter(seen::key.eq_any(keys))).execute(c))?;
    fail_points::pass(Step::DrainBeforeRemove);
    Ok(())
}

/// How many rows there are.
pub(crate) fn count(conn: &mut Conn) -> DbResult<i64> {
    Ok(on_backend!(conn, |c| spooled::table.count().get_result(c))?)
}

/// When the oldest row was made, if there is one.
pub(crate) fn oldest_made_at(conn: &mut Conn) -> DbResult<Option<Timestamp>> {
    let first = spooled::table.select(spooled::entry_id).order(spooled::intake);
    let first: Option<Vec<u8>> = on_backend!(conn, |c| first.first(c).optional())?;
    Ok(first.and_then(|id| EntryId::from_uuid(uuid(&id)?).ok()).map(|id| id.made_at()))
}

/// Whether a first delivery of this key waits here.
pub(crate) fn has_key(conn: &mut Conn, key: &[u8]) -> DbResult<bool> {
    let waits = exists(seen::table.filter(seen::key.eq(key)));
    Ok(on_backend!(conn, |c| select(waits).get_result(c))?)
}

/// Whether this event waits here.
pub(crate) fn has_event(conn: &mut Conn, id: EventId) -> DbResult<bool> {
    let waits = exists(spooled::table.filter(spooled::event_id.eq(bytes(id))));
    Ok(on_backend!(conn, |c| select(waits).get_result(c))?)
}

/// Whether an event waits here that names this client, and is to have an effect.
pub(crate) fn names_client(conn: &mut Conn, name: &ClientName) -> DbResult<bool> {
    let to_come = || spooled::table.filter(spooled::answered.eq(Answered::Accepted.as_str()));
    Ok(match name {
        ClientName::ClientId(id) => {
            let named = exists(to_come().filter(spooled::client_id.eq(id)));
            on_backend!(conn, |c| select(named).get_result(c))?
        }
        ClientName::EmailKey(key) => {
            // One query for each column: each is one probe of its index.
            let key = email_column(key);
            let named = exists(to_come().filter(spooled::email_key.eq(&key)));
            let moved_to = exists(to_come().filter(spooled::other_email_key.eq(&key)));
            on_backend!(&mut *conn, |c| select(named).get_result(c))?
                || on_backend!(conn, |c| select(moved_to).get_result(c))?
        }
    })
}

#[derive(QueryableByName)]
struct Bytes {
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

/// How many bytes of the file are in use. What was removed leaves pages behind that are used again.
pub(crate) fn used_bytes(conn: &mut Conn) -> DbResult<u64> {
    let query = sql_query(
        "select (page_count - freelist_count) * page_size as bytes \
         from pragma_page_count, pragma_freelist_count, pragma_page_size",
    );
    let used: Bytes = on_backend!(conn, |c| query.get_result(c))?;
    Ok(u64::try_from(used.bytes).unwrap_or(0))
}
