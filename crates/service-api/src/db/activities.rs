//! What happened to clients.

use std::time::Duration;

use contract::clock::Timestamp;
use contract::ids::{ActivityId, ClientRef, EventId};
use contract::resources::{Activity, ActivityType, Actor, ActorKind};
use db::types::{Id, Instant, Uid, UtcTime};
use db::{Conn, DbError, DbResult, on_backend, prepared};
use diesel::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Nullable, Text};
use serde_json::{Map, Value, json};

use super::schema::activities;
use super::{end_of_page, stored, word};
use crate::domain::client::EARLIEST;
use crate::domain::deeds;
use crate::domain::place::Place;

/// Within this time of its commit's own the activities of an event are told: a microsecond apart, and never this many.
const OF_ONE_COMMIT: Duration = Duration::from_millis(10);

#[derive(Queryable, Insertable)]
#[diesel(table_name = activities, treat_none_as_default_value = false)]
struct Row {
    id: Uid,
    client: Uid,
    activity_type: String,
    /// None where it is the one of its type.
    description: Option<String>,
    actor_type: String,
    actor_id: Option<String>,
    /// What the metadata has beside the two below; none if nothing.
    metadata: Option<String>,
    created_at: UtcTime,
    event_id: Option<Uid>,
    effective_at: Option<UtcTime>,
}

/// What nearly all metadata have has columns of its own.
const EVENT_ID: &str = "eventId";
const EFFECTIVE_AT: &str = "effectiveAt";

const ADD: &str = "insert into activities (id, client, type, description, actor_type, actor_id, metadata, created_at, event_id, \
    effective_at) select * from unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const ADD_MISSING: &str = "insert into activities (id, client, type, description, actor_type, actor_id, metadata, created_at, event_id, \
    effective_at) select * from unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing";

/// Adds new activities of clients.
pub(crate) fn add(conn: &mut Conn, activities: &[(ClientRef, Activity)]) -> DbResult<()> {
    let rows = rows(activities)?;
    match conn {
        Conn::Postgres(_) if rows.is_empty() => {}
        Conn::Postgres(conn) => _ = add_postgres(conn, ADD, &rows)?,
        Conn::Sqlite(conn) => {
            for row in &rows {
                diesel::insert_into(activities::table).values(row).execute(conn)?;
            }
        }
    }
    Ok(())
}

/// Adds activities of clients; those that are there already stay as they are. Says how many were new.
pub(crate) fn add_missing(conn: &mut Conn, activities: &[(ClientRef, Activity)]) -> DbResult<usize> {
    let rows = rows(activities)?;
    match conn {
        Conn::Postgres(_) if rows.is_empty() => Ok(0),
        Conn::Postgres(conn) => add_postgres(conn, ADD_MISSING, &rows),
        Conn::Sqlite(conn) => {
            let mut added = 0;
            for row in &rows {
                let insert = diesel::insert_into(activities::table).values(row);
                added += insert.on_conflict_do_nothing().execute(conn)?;
            }
            Ok(added)
        }
    }
}

fn rows(activities: &[(ClientRef, Activity)]) -> DbResult<Vec<Row>> {
    let mut rows = activities.iter().map(Row::of).collect::<DbResult<Vec<_>>>()?;
    // As the key has them: those of new clients go to its end, one behind the other.
    rows.sort_by_key(|row| (row.client, row.created_at, row.id));
    Ok(rows)
}

fn add_postgres(conn: &mut PgConnection, statement: &'static str, rows: &[Row]) -> DbResult<usize> {
    let id = |column: fn(&Row) -> Uid| rows.iter().map(column).collect::<Vec<_>>();
    let text = |column: fn(&Row) -> &str| rows.iter().map(column).collect::<Vec<_>>();
    let maybe = |column: fn(&Row) -> Option<&str>| rows.iter().map(column).collect::<Vec<_>>();
    let added = prepared(statement)
        .bind::<Array<Id>, _>(id(|row| row.id))
        .bind::<Array<Id>, _>(id(|row| row.client))
        .bind::<Array<Text>, _>(text(|row| &row.activity_type))
        .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.description.as_deref()))
        .bind::<Array<Text>, _>(text(|row| &row.actor_type))
        .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.actor_id.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(maybe(|row| row.metadata.as_deref()))
        .bind::<Array<Instant>, _>(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
        .bind::<Array<Nullable<Id>>, _>(rows.iter().map(|row| row.event_id).collect::<Vec<_>>())
        .bind::<Array<Nullable<Instant>>, _>(rows.iter().map(|row| row.effective_at).collect::<Vec<_>>())
        .execute(conn)?;
    Ok(added)
}

/// A client's activities, newest first, from behind a place on.
pub(crate) fn newest(
    conn: &mut Conn,
    client: ClientRef,
    of_type: Option<ActivityType>,
    after: Option<&Place>,
    rows: i64,
) -> DbResult<Vec<Activity>> {
    let after = after.map(end_of_page::<ActivityId>).transpose()?;
    let rows: Vec<Row> = on_backend!(conn, |c| {
        let mut query = activities::table
            .filter(activities::client.eq(Uid::of(client)))
            .order((activities::created_at.desc(), activities::id.desc()))
            .limit(rows)
            .into_boxed();
        if let Some(kind) = of_type {
            query = query.filter(activities::activity_type.eq(kind.as_str()));
        }
        if let Some((time, id)) = after {
            let same = activities::created_at.eq(time).and(activities::id.lt(id));
            query = query.filter(activities::created_at.lt(time).or(same));
        }
        query.load(c)
    })?;
    rows.into_iter().map(Row::into_activity).collect()
}

/// What happened to a client by an event that was applied at `applied_at`, in order.
pub(crate) fn by_event(
    conn: &mut Conn,
    client: ClientRef,
    event: EventId,
    applied_at: Timestamp,
) -> DbResult<Vec<Activity>> {
    let rows: Vec<Row> = on_backend!(conn, |c| activities::table
        .filter(activities::client.eq(Uid::of(client)))
        .filter(activities::created_at.ge(UtcTime::of(applied_at)))
        .filter(activities::created_at.lt(UtcTime::of(applied_at.plus(OF_ONE_COMMIT))))
        .filter(activities::event_id.eq(Uid::of(event)))
        .order((activities::created_at, activities::id))
        .load(c))?;
    rows.into_iter().map(Row::into_activity).collect()
}

/// Where an activity stands in its list.
pub(crate) fn place(activity: &Activity) -> Place {
    Place { time: activity.created_at, id: activity.activity_id.to_string() }
}

impl Row {
    fn of((client, activity): &(ClientRef, Activity)) -> DbResult<Self> {
        let mut rest = activity.metadata.clone();
        let event_id = taken(&mut rest, EVENT_ID, |text| text.parse::<EventId>().ok());
        let effective_at = taken(&mut rest, EFFECTIVE_AT, |text| {
            Timestamp::parse_rfc3339(text).ok().filter(|at| *at >= EARLIEST)
        });
        let metadata = (!rest.is_empty()).then(|| serde_json::to_string(&rest)).transpose();
        let usual = deeds::usual_description(activity.activity_type);
        let description = Some(&activity.description).filter(|text| Some(text.as_str()) != usual);
        Ok(Self {
            id: Uid::of(activity.activity_id),
            client: Uid::of(*client),
            activity_type: activity.activity_type.as_str().to_owned(),
            description: description.cloned(),
            actor_type: activity.actor.kind.as_str().to_owned(),
            actor_id: activity.actor.id.clone(),
            metadata: metadata.map_err(|error| DbError::Broken(error.into()))?,
            created_at: UtcTime::of(activity.created_at),
            event_id: event_id.map(Uid::of),
            effective_at: effective_at.map(UtcTime::of),
        })
    }

    fn into_activity(self) -> DbResult<Activity> {
        let activity_type = word(ActivityType::parse(&self.activity_type))?;
        let usual = || deeds::usual_description(activity_type).map(str::to_owned);
        let mut metadata: Map<String, Value> = match &self.metadata {
            Some(rest) => stored(serde_json::from_str(rest))?,
            None => Map::new(),
        };
        if let Some(id) = self.event_id {
            metadata.insert(EVENT_ID.to_owned(), json!(stored(EventId::from_uuid(id.0))?));
        }
        if let Some(at) = self.effective_at {
            metadata.insert(EFFECTIVE_AT.to_owned(), json!(Timestamp::from(at.0)));
        }
        Ok(Activity {
            activity_id: stored(ActivityId::from_uuid(self.id.0))?,
            activity_type,
            description: word(self.description.or_else(usual))?,
            actor: Actor { kind: word(ActorKind::parse(&self.actor_type))?, id: self.actor_id },
            metadata,
            created_at: Timestamp::from(self.created_at.0),
        })
    }
}

/// Takes a member out, if a column can hold it so that it reads back as the very text.
fn taken<T: ToString>(
    from: &mut Map<String, Value>,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let text = from.get(name)?.as_str()?;
    let value = read(text).filter(|value| value.to_string() == text)?;
    from.remove(name);
    Some(value)
}
