//! What happened to clients.

use std::time::Duration;

use contract::clock::Timestamp;
use contract::ids::{ClientRef, EventId};
use contract::resources::{Activity, ActivityType, Actor, ActorKind};
use db::types::{Instant, UtcTime};
use db::{Conn, DbError, DbResult, on_backend, prepared};
use diesel::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Nullable, Text};

use super::schema::activities;
use super::{stored, word};
use crate::domain::place::Place;

/// Within this time of its commit's own the activities of an event are told: a microsecond apart, and never this many.
const OF_ONE_COMMIT: Duration = Duration::from_millis(10);

#[derive(Queryable, Insertable)]
#[diesel(table_name = activities, treat_none_as_default_value = false)]
struct Row {
    id: String,
    client: String,
    activity_type: String,
    description: String,
    actor_type: String,
    actor_id: Option<String>,
    metadata: String,
    created_at: UtcTime,
}

/// Adds activities of clients; those that are there already stay as they are. Says how many were new.
pub(crate) fn add(conn: &mut Conn, activities: &[(ClientRef, Activity)]) -> DbResult<usize> {
    let mut rows = activities.iter().map(Row::of).collect::<DbResult<Vec<_>>>()?;
    // As the key has them: those of new clients go to its end, one behind the other.
    rows.sort_by(|a, b| (&a.client, a.created_at, &a.id).cmp(&(&b.client, b.created_at, &b.id)));
    match conn {
        Conn::Postgres(_) if rows.is_empty() => Ok(0),
        Conn::Postgres(conn) => add_postgres(conn, &rows),
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

fn add_postgres(conn: &mut PgConnection, rows: &[Row]) -> DbResult<usize> {
    let text = |column: fn(&Row) -> &str| rows.iter().map(column).collect::<Vec<_>>();
    let added = prepared(
        "insert into activities (id, client, type, description, actor_type, actor_id, metadata, created_at) \
         select * from unnest(?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
    )
    .bind::<Array<Text>, _>(text(|row| &row.id))
    .bind::<Array<Text>, _>(text(|row| &row.client))
    .bind::<Array<Text>, _>(text(|row| &row.activity_type))
    .bind::<Array<Text>, _>(text(|row| &row.description))
    .bind::<Array<Text>, _>(text(|row| &row.actor_type))
    .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|row| row.actor_id.as_deref()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(text(|row| &row.metadata))
    .bind::<Array<Instant>, _>(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
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
    let rows: Vec<Row> = on_backend!(conn, |c| {
        let mut query = activities::table
            .filter(activities::client.eq(client.to_string()))
            .order((activities::created_at.desc(), activities::id.desc()))
            .limit(rows)
            .into_boxed();
        if let Some(kind) = of_type {
            query = query.filter(activities::activity_type.eq(kind.as_str()));
        }
        if let Some(Place { time, id }) = after {
            let time = UtcTime::of(*time);
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
        .filter(activities::client.eq(client.to_string()))
        .filter(activities::created_at.ge(UtcTime::of(applied_at)))
        .filter(activities::created_at.lt(UtcTime::of(applied_at.plus(OF_ONE_COMMIT))))
        .order((activities::created_at, activities::id))
        .load(c))?;
    let event = event.to_string();
    let all = rows.into_iter().map(Row::into_activity).collect::<DbResult<Vec<_>>>()?;
    let of_event = |one: &Activity| one.metadata.get("eventId").and_then(|id| id.as_str()) == Some(&event);
    Ok(all.into_iter().filter(of_event).collect())
}

/// Where an activity stands in its list.
pub(crate) fn place(activity: &Activity) -> Place {
    Place { time: activity.created_at, id: activity.activity_id.to_string() }
}

impl Row {
    fn of((client, activity): &(ClientRef, Activity)) -> DbResult<Self> {
        Ok(Self {
            id: activity.activity_id.to_string(),
            client: client.to_string(),
            activity_type: activity.activity_type.as_str().to_owned(),
            description: activity.description.clone(),
            actor_type: activity.actor.kind.as_str().to_owned(),
            actor_id: activity.actor.id.clone(),
            metadata: serde_json::to_string(&activity.metadata)
                .map_err(|error| DbError::Broken(error.into()))?,
            created_at: UtcTime::of(activity.created_at),
        })
    }

    fn into_activity(self) -> DbResult<Activity> {
        Ok(Activity {
            activity_id: stored(self.id.parse())?,
            activity_type: word(ActivityType::parse(&self.activity_type))?,
            description: self.description,
            actor: Actor { kind: word(ActorKind::parse(&self.actor_type))?, id: self.actor_id },
            metadata: stored(serde_json::from_str(&self.metadata))?,
            created_at: Timestamp::from(self.created_at.0),
        })
    }
}
