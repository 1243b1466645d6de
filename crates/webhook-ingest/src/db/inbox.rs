//! The inbox: every delivery that was acknowledged, or refused with `kept: true`, and what became of it. A row is written once by
//! the accepting commit; after that only its state and its attempts move, and only away from `pending`; a replay ([`super::replays`]) is the one way back.

use std::collections::{BTreeMap, HashSet};

use contract::ids::EventId;
use db::types::{Id, Instant, Uid, UtcTime};
use db::{Conn, DbResult, on_backend, prepared};
use diesel::dsl::{exists, select, sql};
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text};
use diesel::{PgConnection, sql_query};

use super::schema::inbox;
use crate::domain::fate::Fate;
use crate::domain::lanes::LANES;

/// A row as the accepting commit writes it.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = inbox, treat_none_as_default_value = false)]
pub(crate) struct NewRow<'a> {
    pub(crate) event_id: Uid,
    pub(crate) source: &'a str,
    pub(crate) event_type: Option<&'a str>,
    pub(crate) state: &'static str,
    pub(crate) body: &'a [u8],
    pub(crate) received_at: UtcTime,
    pub(crate) effective_at: UtcTime,
    pub(crate) sequence: Option<i64>,
    pub(crate) lane: i32,
    pub(crate) email_key: Option<&'a str>,
    pub(crate) other_email_key: Option<&'a str>,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) message_id: Option<&'a str>,
    pub(crate) warnings: String,
    pub(crate) problem: Option<String>,
}

/// Adds the rows; their intake numbers rise in the order given.
pub(crate) fn add(conn: &mut Conn, rows: &[NewRow<'_>]) -> DbResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    match conn {
        Conn::Postgres(conn) => add_postgres(conn, rows),
        Conn::Sqlite(conn) => {
            for row in rows {
                diesel::insert_into(inbox::table).values(row).execute(conn)?;
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
        "insert into inbox (event_id, source, event_type, state, body, received_at, effective_at, sequence, lane, email_key, \
         other_email_key, client_id, message_id, warnings, problem) \
         select event_id, source, event_type, state, body, received_at, effective_at, sequence, lane, email_key, other_email_key, \
         client_id, message_id, warnings, problem \
         from unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) with ordinality as t(event_id, source, \
         event_type, state, body, received_at, effective_at, sequence, lane, email_key, other_email_key, client_id, message_id, \
         warnings, problem, n) order by n",
    )
    .bind::<Array<Id>, _>(rows.iter().map(|row| row.event_id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.source).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|row| row.event_type).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.state).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(rows.iter().map(|row| row.body).collect::<Vec<_>>())
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

/// A row whose effect is due.
#[derive(Debug, Clone, Queryable, QueryableByName, Selectable)]
#[diesel(table_name = inbox)]
pub(crate) struct Due {
    pub(crate) intake: i64,
    pub(crate) lane: i32,
    event_id: Uid,
    pub(crate) source: String,
    pub(crate) body: Vec<u8>,
    pub(crate) received_at: UtcTime,
    pub(crate) effective_at: UtcTime,
    pub(crate) sequence: Option<i64>,
    pub(crate) attempts: i32,
}

impl Due {
    /// The event's id, which the accepting commit wrote.
    pub(crate) fn id(&self) -> Option<EventId> {
        EventId::from_uuid(self.event_id.0).ok()
    }
}

/// The oldest rows of these lanes that were never tried in vain: of each lane its share of `limit`, so that no lane's backlog is
/// walked over for another's sake.
pub(crate) fn fresh(conn: &mut Conn, lanes: &[i32], limit: usize) -> DbResult<Vec<Due>> {
    let share = most(limit.div_ceil(lanes.len().max(1)));
    let mut rows = match conn {
        Conn::Postgres(conn) => fresh_postgres(conn, lanes, share)?,
        Conn::Sqlite(conn) => {
            let mut rows = Vec::new();
            for lane in lanes {
                let of_lane = inbox::table
                    .filter(pending())
                    .filter(sql::<Bool>("attempts = 0"))
                    .filter(inbox::lane.eq(lane))
                    .order(inbox::intake)
                    .limit(share)
                    .select(Due::as_select());
                rows.extend(of_lane.load(conn)?);
            }
            rows
        }
    };
    rows.sort_unstable_by_key(|row| row.intake);
    rows.truncate(limit);
    Ok(rows)
}

/// One probe of the index for each lane, in one statement.
fn fresh_postgres(conn: &mut PgConnection, lanes: &[i32], share: i64) -> DbResult<Vec<Due>> {
    let query = prepared(
        "select due.* from unnest(?) as lanes (number) cross join lateral (select intake, lane, event_id, source, body, \
         received_at, effective_at, sequence, attempts from inbox where state = 'pending' and attempts = 0 \
         and lane = lanes.number order by intake limit ?) as due",
    );
    Ok(query.bind::<Array<Integer>, _>(lanes).bind::<BigInt, _>(share).load(conn)?)
}

/// The rows of these lanes that failed by themselves and are due again, whoever waits longest first.
pub(crate) fn failing(conn: &mut Conn, lanes: &[i32], now: UtcTime, limit: usize) -> DbResult<Vec<Due>> {
    Ok(on_backend!(conn, |c| inbox::table
        .filter(pending())
        .filter(sql::<Bool>("attempts > 0"))
        .filter(inbox::lane.eq_any(lanes))
        .filter(inbox::next_attempt_at.le(now))
        .order(inbox::next_attempt_at)
        .limit(most(limit))
        .select(Due::as_select())
        .load(c))?)
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[derive(QueryableByName)]
struct Lane {
    #[diesel(sql_type = Integer)]
    lane: i32,
}

/// The lanes that have fresh rows: one probe of the index for each lane, however much waits.
pub(crate) fn lanes_with_fresh(conn: &mut Conn) -> DbResult<Vec<i32>> {
    let query = sql_query(lanes_with("attempts = 0"));
    let found: Vec<Lane> = on_backend!(conn, |c| query.load(c))?;
    Ok(found.into_iter().map(|row| row.lane).collect())
}

/// The lanes that have rows which are to be tried again by now.
pub(crate) fn lanes_with_failing(conn: &mut Conn, now: UtcTime) -> DbResult<Vec<i32>> {
    let due = "attempts > 0 and next_attempt_at <= $1";
    let query = sql_query(lanes_with(due)).bind::<Instant, _>(now);
    let found: Vec<Lane> = on_backend!(conn, |c| query.load(c))?;
    Ok(found.into_iter().map(|row| row.lane).collect())
}

/// A form that leaves no other plan than the probes: as `exists` it may become a walk over all that is pending.
fn lanes_with(rows: &str) -> String {
    let probes = (0..LANES).map(|lane| {
        format!("select lane from (select lane from inbox where state = 'pending' and lane = {lane} and {rows} limit 1) as found")
    });
    probes.collect::<Vec<_>>().join(" union all ")
}

/// Whether an acknowledged event that names this e-mail, as either of the two it may name, still has its effect before it.
pub(crate) fn email_is_pending(conn: &mut Conn, email_key: &str) -> DbResult<bool> {
    // One query for each column: each is one probe of its index.
    let named = exists(inbox::table.filter(pending()).filter(inbox::email_key.eq(email_key)));
    let moved_to = exists(inbox::table.filter(pending()).filter(inbox::other_email_key.eq(email_key)));
    Ok(on_backend!(&mut *conn, |c| select(named).get_result(c))?
        || on_backend!(conn, |c| select(moved_to).get_result(c))?)
}

/// Whether an acknowledged event that names this clientId, of whatever source, still has its effect before it.
pub(crate) fn client_is_pending(conn: &mut Conn, client_id: &str) -> DbResult<bool> {
    let named = exists(inbox::table.filter(pending()).filter(inbox::client_id.eq(client_id)));
    Ok(on_backend!(conn, |c| select(named).get_result(c))?)
}

/// Writes what became of rows, each only if it is still pending. The rows of one final state and reason are one statement.
pub(crate) fn mark(conn: &mut Conn, fates: &[(i64, Fate)], now: UtcTime) -> DbResult<()> {
    let mut resolved: BTreeMap<(&str, Option<&str>), Vec<i64>> = BTreeMap::new();
    for (intake, fate) in fates {
        match fate {
            Fate::Resolved { state, reason } => {
                resolved.entry((state.as_str(), reason.as_deref())).or_default().push(*intake);
            }
            Fate::Again { attempts, next, reason } => {
                on_backend!(conn, |c| diesel::update(inbox::table)
                    .filter(inbox::intake.eq(intake))
                    .filter(pending())
                    .set((
                        inbox::attempts.eq(attempts),
                        inbox::next_attempt_at.eq(UtcTime::of(*next)),
                        inbox::reason.eq(reason.as_deref()),
                    ))
                    .execute(c))?;
            }
        }
    }
    for ((state, reason), intakes) in resolved {
        on_backend!(conn, |c| diesel::update(inbox::table)
            .filter(inbox::intake.eq_any(&intakes))
            // In words that no partial index answers to: the rows are to be found by their numbers, not among all that is pending.
            .filter(sql::<Bool>("coalesce(state, '') = 'pending'"))
            .set((
                inbox::state.eq(state),
                inbox::reason.eq(reason),
                inbox::next_attempt_at.eq(None::<UtcTime>),
                inbox::resolved_at.eq(now),
            ))
            .execute(c))?;
    }
    Ok(())
}

/// `state = 'pending'` as a literal: neither database uses a partial index for a bound value.
fn pending() -> SqlLiteral<Bool> {
    sql::<Bool>("state = 'pending'")
}
