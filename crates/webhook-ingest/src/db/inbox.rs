//! The inbox: every delivery that was acknowledged, or refused with `kept: true`. A row is written once by the accepting commit. What is
//! to take effect gets its row of [`super::pending`] in the same commit, and ends by [`super::fates`]; only where it ends otherwise than
//! applied at once is the inbox's row written again, and by a replay ([`super::replays`]), which is the one way back. Where an event
//! stands, the view `events` says.

use std::collections::HashSet;

use db::types::{Id, Instant, Uid, UtcTime};
use db::{Conn, DbResult, on_backend, prepared};
use diesel::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text};

use super::pending::Waiting;
use super::schema::{inbox, pending};

/// What `inbox.state` says of an event that was acknowledged to take effect, unless it ended otherwise than applied at once.
pub(super) const ACCEPTED: &str = "accepted";

/// A row as the accepting commit writes it, and, where it is [`ACCEPTED`], what the work list says of it.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = inbox, treat_none_as_default_value = false)]
pub(crate) struct NewRow<'a> {
    pub(crate) event_id: Uid,
    pub(crate) source: &'a str,
    pub(crate) event_type: Option<&'a str>,
    pub(crate) state: &'static str,
    /// Packed.
    pub(crate) body: Vec<u8>,
    pub(crate) received_at: UtcTime,
    pub(crate) effective_at: UtcTime,
    pub(crate) sequence: Option<i64>,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) message_id: Option<&'a str>,
    pub(crate) warnings: String,
    pub(crate) problem: Option<String>,
    #[diesel(skip_insertion)]
    pub(crate) lane: i32,
    #[diesel(skip_insertion)]
    pub(crate) email_key: Option<&'a str>,
    #[diesel(skip_insertion)]
    pub(crate) other_email_key: Option<&'a str>,
}

impl NewRow<'_> {
    fn waiting(&self, intake: i64) -> Option<Waiting<'_>> {
        (self.state == ACCEPTED).then_some(Waiting {
            intake,
            lane: self.lane,
            email_key: self.email_key,
            other_email_key: self.other_email_key,
            client_id: self.client_id,
        })
    }
}

/// Adds the rows, and to the work list what is to take effect; their intake numbers rise in the order given.
pub(crate) fn add(conn: &mut Conn, rows: &[NewRow<'_>]) -> DbResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    match conn {
        Conn::Postgres(conn) => add_postgres(conn, rows),
        Conn::Sqlite(conn) => {
            for row in rows {
                let added = diesel::insert_into(inbox::table).values(row).returning(inbox::intake);
                if let Some(waiting) = row.waiting(added.get_result(conn)?) {
                    diesel::insert_into(pending::table).values(waiting).execute(conn)?;
                }
            }
            Ok(())
        }
    }
}

/// Adds rows that are done with, for this reason.
pub(crate) fn add_resolved(
    conn: &mut Conn,
    rows: &[NewRow<'_>],
    reason: &str,
    resolved_at: UtcTime,
) -> DbResult<()> {
    for row in rows {
        let outcome = (inbox::reason.eq(reason), inbox::resolved_at.eq(resolved_at));
        on_backend!(&mut *conn, |c| diesel::insert_into(inbox::table)
            .values((row.clone(), outcome))
            .execute(c))?;
    }
    Ok(())
}

/// Those of these events that are there.
pub(crate) fn there(conn: &mut Conn, event_ids: &[Uid]) -> DbResult<HashSet<Uid>> {
    let known = inbox::table.filter(inbox::event_id.eq_any(event_ids)).select(inbox::event_id);
    let known: Vec<Uid> = on_backend!(conn, |c| known.load(c))?;
    Ok(known.into_iter().collect())
}

fn add_postgres(conn: &mut PgConnection, rows: &[NewRow<'_>]) -> DbResult<()> {
    prepared(
        "with given as materialized (select nextval('inbox_intake_seq') as intake, sorted.* from (select * \
         from unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) with ordinality as t(event_id, source, \
         event_type, state, body, received_at, effective_at, sequence, lane, email_key, other_email_key, client_id, message_id, \
         warnings, problem, n) order by n) as sorted), \
         added as (insert into inbox (intake, event_id, source, event_type, state, body, received_at, effective_at, sequence, \
         client_id, message_id, warnings, problem) select intake, event_id, source, event_type, state, body, received_at, \
         effective_at, sequence, client_id, message_id, warnings, problem from given) \
         insert into pending (intake, lane, email_key, other_email_key, client_id) \
         select intake, lane, email_key, other_email_key, client_id from given where state = 'accepted'",
    )
    .bind::<Array<Id>, _>(rows.iter().map(|row| row.event_id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.source).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|row| row.event_type).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.state).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(rows.iter().map(|row| row.body.as_slice()).collect::<Vec<_>>())
    .bind::<Array<Instant>, _>(rows.iter().map(|row| row.received_at).collect::<Vec<_>>())
    .bind::<Array<Instant>, _>(rows.iter().map(|row| row.effective_at).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(rows.iter().map(|row| row.sequence).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|row| row.lane).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|row| row.email_key).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|row| row.other_email_key).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|row| row.client_id).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|row| row.message_id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.warnings.as_str()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|row| row.problem.as_deref()).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}
