//! The inbox as staff look at it: newest first, and one event whole. Our ids begin with the millisecond of receipt, so their order
//! is that of receipt, and no other index is needed for it.

use std::time::Duration;

use contract::clock::Timestamp;
use contract::ids::EventId;
use contract::inbox::{EventDetails, EventSummary, HeldBecause, REPLAYABLE};
use contract::resources::EventState;
use db::types::{Uid, UtcTime};
use db::{Conn, DbError, DbResult, on_backend};
use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use serde::de::DeserializeOwned;

use super::body::Body;
use super::schema::events;
use crate::domain::search::Filter;

/// A row, as a list shows it.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = events)]
pub(super) struct Row {
    event_id: Uid,
    source: String,
    event_type: Option<String>,
    state: String,
    problem: Option<String>,
    reason: Option<String>,
    client_id: Option<String>,
    received_at: UtcTime,
    effective_at: UtcTime,
    attempts: i32,
    resolved_at: Option<UtcTime>,
    replays: i32,
    replayed_at: Option<UtcTime>,
}

/// A row with all that staff may see.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = events)]
pub(super) struct Whole {
    #[diesel(embed)]
    row: Row,
    intake: i64,
    sequence: Option<i64>,
    warnings: String,
    next_attempt_at: Option<UtcTime>,
    body: Body,
}

/// The newest events that the filter lets through, at most `limit`, all of them older than `after` if that is given.
pub(crate) fn newest(
    conn: &mut Conn,
    filter: &Filter,
    after: Option<EventId>,
    limit: i64,
) -> DbResult<Vec<EventSummary>> {
    let rows: Vec<Row> = on_backend!(conn, |c| {
        let mut query =
            events::table.select(Row::as_select()).order(events::event_id.desc()).limit(limit).into_boxed();
        if let Some(state) = filter.state {
            query = query.filter(stands(state));
        }
        if let Some(after) = after {
            query = query.filter(events::event_id.lt(Uid::of(after)));
        }
        if let Some(event_type) = &filter.event_type {
            query = query.filter(events::event_type.eq(event_type));
        }
        if let Some(source) = &filter.source {
            query = query.filter(events::source.eq(source));
        }
        if let Some(client_id) = &filter.client_id {
            query = query.filter(events::client_id.eq(client_id));
        }
        if let Some(from) = filter.from {
            query = query
                .filter(events::event_id.ge(first_of(from)))
                .filter(events::received_at.ge(UtcTime::of(from)));
        }
        if let Some(to) = filter.to {
            query = query
                .filter(events::event_id.lt(first_after(to)))
                .filter(events::received_at.lt(UtcTime::of(to)));
        }
        query.load(c)
    })?;
    rows.into_iter().map(summary).collect()
}

/// The ids of those events that can be replayed and that the filter lets through, oldest first, all of them newer than `after`.
pub(crate) fn replayable(
    conn: &mut Conn,
    filter: &Filter,
    after: Option<EventId>,
    limit: i64,
) -> DbResult<Vec<EventId>> {
    let ids: Vec<Uid> = on_backend!(conn, |c| {
        let standing = filter.state.map_or_else(stand_for_replay, stands);
        let mut query = events::table
            .select(events::event_id)
            .filter(standing)
            .order(events::event_id)
            .limit(limit)
            .into_boxed();
        if let Some(after) = after {
            query = query.filter(events::event_id.gt(Uid::of(after)));
        }
        if let Some(event_type) = &filter.event_type {
            query = query.filter(events::event_type.eq(event_type));
        }
        if let Some(source) = &filter.source {
            query = query.filter(events::source.eq(source));
        }
        if let Some(client_id) = &filter.client_id {
            query = query.filter(events::client_id.eq(client_id));
        }
        if let Some(from) = filter.from {
            query = query.filter(events::received_at.ge(UtcTime::of(from)));
        }
        if let Some(to) = filter.to {
            query = query.filter(events::received_at.lt(UtcTime::of(to)));
        }
        query.load(c)
    })?;
    ids.into_iter().map(event_id).collect()
}

/// One event, whole.
pub(crate) fn find(conn: &mut Conn, id: EventId) -> DbResult<Option<EventDetails>> {
    let found: Option<Whole> = on_backend!(conn, |c| events::table
        .filter(events::event_id.eq(Uid::of(id)))
        .select(Whole::as_select())
        .first(c)
        .optional())?;
    found.map(details).transpose()
}

fn summary(row: Row) -> DbResult<EventSummary> {
    let state = EventState::parse(&row.state).ok_or_else(|| DbError::broken("inbox.state is no state"))?;
    let because = held_because(&row).filter(|_| state == EventState::Held);
    Ok(EventSummary {
        event_id: event_id(row.event_id)?,
        source: row.source,
        event_type: row.event_type,
        state,
        reason: row.reason.or_else(|| because.map(|because| because.code.as_str().to_owned())),
        client_id: row.client_id,
        received_at: row.received_at.0.into(),
        effective_at: row.effective_at.0.into(),
        attempts: row.attempts,
        resolved_at: time(row.resolved_at),
        replays: row.replays,
        replayed_at: time(row.replayed_at),
    })
}

/// All about an event.
pub(super) fn details(whole: Whole) -> DbResult<EventDetails> {
    let Whole { row, intake, sequence, warnings, next_attempt_at, body } = whole;
    let problem = held_because(&row);
    let warnings = stored(row.event_id, &warnings).unwrap_or_default();
    let (body, body_is_exact) = match String::from_utf8(body.0) {
        Ok(text) => (text, true),
        Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), false),
    };
    Ok(EventDetails {
        summary: summary(row)?,
        problem,
        warnings,
        sequence,
        intake,
        next_attempt_at: time(next_attempt_at),
        body,
        body_is_exact,
    })
}

fn held_because(row: &Row) -> Option<HeldBecause> {
    row.problem.as_deref().and_then(|problem| stored(row.event_id, problem))
}

/// What we stored as JSON. A damaged one is shown as none, and hides nothing else.
fn stored<T: DeserializeOwned>(event: Uid, json: &str) -> Option<T> {
    let read = serde_json::from_str(json);
    read.inspect_err(|error| {
        tracing::error!(event_id = ?event_id(event).ok(), %error, "stored remarks are unreadable");
    })
    .ok()
}

pub(super) fn event_id(id: Uid) -> DbResult<EventId> {
    EventId::from_uuid(id.0).map_err(|_| DbError::broken("inbox.event_id is no event id"))
}

fn time(time: Option<UtcTime>) -> Option<Timestamp> {
    time.map(|time| time.0.into())
}

/// The least id that an event received at `time` can have.
fn first_of(time: Timestamp) -> Uid {
    Uid::of(EventId::new(time, [0; 10]))
}

/// An id greater than that of every event received before `time`, and in its millisecond.
fn first_after(time: Timestamp) -> Uid {
    first_of(time.plus(Duration::from_millis(1)))
}

/// A state as a literal: neither database uses a partial index for a bound value. What is pending is looked for on the work list, since
/// it may be little among much.
fn stands(state: EventState) -> SqlLiteral<Bool> {
    match state {
        EventState::Pending => sql::<Bool>("intake in (select intake from pending)"),
        EventState::Applied => sql::<Bool>("state = 'applied'"),
        state => sql::<Bool>(&format!("stored_state = '{}'", state.as_str())),
    }
}

fn stand_for_replay() -> SqlLiteral<Bool> {
    let states = REPLAYABLE.map(|state| format!("stored_state = '{}'", state.as_str()));
    sql::<Bool>(&format!("({})", states.join(" or ")))
}
