//! The events that took effect: one row each, in the commit of the effect. This is what makes "exactly once". What stands there of an
//! event that waits for staff is replaced when the event is applied again.

use std::collections::HashMap;

use contract::clock::Timestamp;
use contract::ids::{ClientRef, EventId};
use db::types::{Id, Instant, Uid, UtcTime};
use db::{Conn, DbResult, on_backend, prepared};
use diesel::prelude::*;
use diesel::sql_types::{Array, Nullable, Text};

use super::schema::applied_events;
use super::{CHUNK, stored, word};
use crate::domain::effects::{Conflict, Effect, Outcome, REJECTED};

const APPLIED: &str = "applied";
const SUPERSEDED: &str = "superseded";

#[derive(Insertable)]
#[diesel(table_name = applied_events, treat_none_as_default_value = false)]
struct Row {
    event_id: Uid,
    client: Uid,
    result: &'static str,
    applied_at: UtcTime,
    reason: Option<&'static str>,
}

/// What those of these events did that were applied before.
pub(crate) fn among(
    conn: &mut Conn,
    events: impl Iterator<Item = EventId>,
) -> DbResult<HashMap<EventId, Effect>> {
    let ids: Vec<Uid> = events.map(Uid::of).collect();
    let mut found = HashMap::new();
    for ids in ids.chunks(CHUNK) {
        let rows: Vec<(Uid, Uid, String, Option<String>)> = on_backend!(conn, |c| applied_events::table
            .filter(applied_events::event_id.eq_any(ids))
            .select((
                applied_events::event_id,
                applied_events::client,
                applied_events::result,
                applied_events::reason,
            ))
            .load(c))?;
        for (event_id, client, result, reason) in rows {
            let outcome = match reason {
                Some(reason) if reason == REJECTED => Outcome::Rejected,
                Some(reason) => Outcome::Conflict(word(Conflict::parse(&reason))?),
                None if result == SUPERSEDED => Outcome::Superseded,
                None => Outcome::Applied,
            };
            let effect = Effect { client: stored(ClientRef::from_uuid(client.0))?, outcome };
            found.insert(stored(EventId::from_uuid(event_id.0))?, effect);
        }
    }
    Ok(found)
}

/// What this event did, and when.
pub(crate) fn find(conn: &mut Conn, event: EventId) -> DbResult<Option<(Effect, Timestamp)>> {
    let Some(effect) = among(conn, std::iter::once(event))?.remove(&event) else { return Ok(None) };
    let at: UtcTime = on_backend!(conn, |c| applied_events::table
        .find(Uid::of(event))
        .select(applied_events::applied_at)
        .first(c))?;
    Ok(Some((effect, at.0.into())))
}

/// Notes what events did. One that is noted already is a [`db::DbError::Conflict`]: another replica was faster, and the whole
/// transaction with its effect must not count.
pub(crate) fn add(conn: &mut Conn, mut effects: Vec<(EventId, Effect)>, now: UtcTime) -> DbResult<()> {
    effects.sort_unstable_by_key(|(event_id, _)| *event_id);
    let rows: Vec<Row> = effects.into_iter().map(|(event_id, effect)| row(event_id, effect, now)).collect();
    match conn {
        Conn::Postgres(conn) if !rows.is_empty() => {
            prepared(
                "insert into applied_events (event_id, client, result, reason, applied_at) \
                 select new.*, now.at from unnest(?, ?, ?, ?) as new, (select ? as at) as now",
            )
            .bind::<Array<Id>, _>(rows.iter().map(|row| row.event_id).collect::<Vec<_>>())
            .bind::<Array<Id>, _>(rows.iter().map(|row| row.client).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(rows.iter().map(|row| row.result).collect::<Vec<_>>())
            .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|row| row.reason).collect::<Vec<_>>())
            .bind::<Instant, _>(now)
            .execute(conn)?;
        }
        Conn::Postgres(_) => {}
        Conn::Sqlite(conn) => {
            for row in &rows {
                diesel::insert_into(applied_events::table).values(row).execute(conn)?;
            }
        }
    }
    Ok(())
}

/// Notes what events did that had waited for staff, in place of what is noted of them.
pub(crate) fn change(conn: &mut Conn, mut effects: Vec<(EventId, Effect)>, now: UtcTime) -> DbResult<()> {
    effects.sort_unstable_by_key(|(event_id, _)| *event_id);
    for (event_id, effect) in effects {
        let Row { event_id, client, result, applied_at, reason } = row(event_id, effect, now);
        on_backend!(conn, |c| diesel::update(applied_events::table.find(event_id))
            .set((
                applied_events::client.eq(client),
                applied_events::result.eq(result),
                applied_events::applied_at.eq(applied_at),
                applied_events::reason.eq(reason),
            ))
            .execute(c))?;
    }
    Ok(())
}

fn row(event_id: EventId, Effect { client, outcome }: Effect, applied_at: UtcTime) -> Row {
    let (result, reason) = match outcome {
        Outcome::Applied => (APPLIED, None),
        Outcome::Superseded => (SUPERSEDED, None),
        Outcome::Rejected => (SUPERSEDED, Some(REJECTED)),
        Outcome::Conflict(conflict) => (APPLIED, Some(conflict.as_str())),
    };
    Row { event_id: Uid::of(event_id), client: Uid::of(client), result, applied_at, reason }
}
