//! The trail's rows: appended once, read newest first, never changed. [`append`] is the only statement that writes them; whatever is
//! to happen with each appended entry, happens there, in its transaction.

use std::collections::{HashMap, HashSet};

use contract::clock::Timestamp;
use contract::ids::EntryId;
use db::fail_points::{self, Step};
use db::types::{Instant, UtcTime};
use db::{Conn, DbError, DbResult, on_backend, prepared};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Nullable, Text};
use diesel::{PgConnection, SqliteConnection};

use super::schema::entries;
use crate::domain::cursor::Place;
use crate::domain::index::{self, Index};
use crate::domain::search::Filter;

/// An entry that was admitted, on its way into the table.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = entries, treat_none_as_default_value = false)]
pub(crate) struct NewRow {
    pub(crate) entry_id: String,
    payload: String,
    disclosures: String,
    time: UtcTime,
    service: String,
    category: String,
    action: String,
    outcome: String,
    reason: Option<String>,
    actor_kind: String,
    actor_id: Option<String>,
    target_kind: Option<String>,
    target_id: Option<String>,
    search: String,
    received_at: UtcTime,
}

impl NewRow {
    /// The row of an entry: its bytes, and what it is found by.
    pub(crate) fn new(
        id: EntryId,
        payload: String,
        disclosures: &[String],
        index: Index,
        received: Timestamp,
    ) -> Self {
        Self {
            entry_id: id.to_string(),
            payload,
            // A list of texts always serialises.
            disclosures: serde_json::to_string(disclosures).unwrap_or_default(),
            time: UtcTime::of(index.time),
            service: index.service,
            category: index.category,
            action: index.action,
            outcome: index.outcome,
            reason: index.reason,
            actor_kind: index.actor_kind,
            actor_id: index.actor_id,
            target_kind: index.target_kind,
            target_id: index.target_id,
            search: index.search,
            received_at: UtcTime::of(received),
        }
    }
}

/// What became of an entry that was to be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is on the trail now.
    New,
    /// It was there, byte for byte.
    AlreadyThere,
    /// Another one was there under its id, and stays.
    Conflict,
}

/// Appends those rows whose id is not there yet, and says what became of each. The rows must be sorted by id, equal ids side by
/// side: two replicas that append the same entries in opposite orders would deadlock. Where another transaction is appending one of
/// them this waits for its end, and then sees what it committed.
pub(crate) fn append(conn: &mut Conn, rows: &[NewRow]) -> DbResult<Vec<Appended>> {
    let twins = || rows.chunk_by(|a, b| a.entry_id == b.entry_id);
    let firsts: Vec<&NewRow> = twins().filter_map(<[_]>::first).collect();
    let added = match conn {
        Conn::Postgres(conn) => add_postgres(conn, &firsts)?,
        Conn::Sqlite(conn) => add_sqlite(conn, &firsts)?,
    };
    let others: Vec<&str> =
        firsts.iter().map(|row| row.entry_id.as_str()).filter(|id| !added.contains(*id)).collect();
    let there = payloads(conn, &others)?;
    let mut told = Vec::with_capacity(rows.len());
    for (twins, first) in twins().zip(firsts) {
        let is_new = added.contains(&first.entry_id);
        let kept = if is_new { Some(&first.payload) } else { there.get(&first.entry_id) };
        let kept = kept.ok_or_else(|| DbError::broken("an entry is neither new nor there"))?;
        told.extend(twins.iter().enumerate().map(|(nth, row)| {
            match (is_new && nth == 0, row.payload == *kept) {
                (true, _) => Appended::New,
                (false, true) => Appended::AlreadyThere,
                (false, false) => Appended::Conflict,
            }
        }));
    }
    fail_points::pass(Step::AppendBeforeCommit);
    Ok(told)
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = Text)]
    entry_id: String,
}

fn add_postgres(conn: &mut PgConnection, rows: &[&NewRow]) -> DbResult<HashSet<String>> {
    fn text<'a>(rows: &[&'a NewRow], column: impl Fn(&'a NewRow) -> &'a str) -> Vec<&'a str> {
        rows.iter().map(|row| column(row)).collect()
    }
    fn maybe<'a>(
        rows: &[&'a NewRow],
        column: impl Fn(&'a NewRow) -> &'a Option<String>,
    ) -> Vec<Option<&'a str>> {
        rows.iter().map(|row| column(row).as_deref()).collect()
    }
    let added = prepared(
        "insert into entries (entry_id, payload, disclosures, time, service, category, action, outcome, reason, actor_kind, \
         actor_id, target_kind, target_id, search, received_at) \
         select entry_id, payload, disclosures, time, service, category, action, outcome, reason, actor_kind, actor_id, \
         target_kind, target_id, search, received_at \
         from unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) with ordinality as t(entry_id, payload, \
         disclosures, time, service, category, action, outcome, reason, actor_kind, actor_id, target_kind, target_id, search, \
         received_at, n) order by n on conflict (entry_id) do nothing returning entry_id",
    )
    .bind::<Array<Text>, _>(text(rows, |row| &row.entry_id))
    .bind::<Array<Text>, _>(text(rows, |row| &row.payload))
    .bind::<Array<Text>, _>(text(rows, |row| &row.disclosures))
    .bind::<Array<Instant>, _>(rows.iter().map(|row| row.time).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(text(rows, |row| &row.service))
    .bind::<Array<Text>, _>(text(rows, |row| &row.category))
    .bind::<Array<Text>, _>(text(rows, |row| &row.action))
    .bind::<Array<Text>, _>(text(rows, |row| &row.outcome))
    .bind::<Array<Nullable<Text>>, _>(maybe(rows, |row| &row.reason))
    .bind::<Array<Text>, _>(text(rows, |row| &row.actor_kind))
    .bind::<Array<Nullable<Text>>, _>(maybe(rows, |row| &row.actor_id))
    .bind::<Array<Nullable<Text>>, _>(maybe(rows, |row| &row.target_kind))
    .bind::<Array<Nullable<Text>>, _>(maybe(rows, |row| &row.target_id))
    .bind::<Array<Text>, _>(text(rows, |row| &row.search))
    .bind::<Array<Instant>, _>(rows.iter().map(|row| row.received_at).collect::<Vec<_>>())
    .load::<Id>(conn)?;
    Ok(added.into_iter().map(|row| row.entry_id).collect())
}

fn add_sqlite(conn: &mut SqliteConnection, rows: &[&NewRow]) -> DbResult<HashSet<String>> {
    let mut added = HashSet::with_capacity(rows.len());
    for row in rows {
        let insert =
            diesel::insert_into(entries::table).values(*row).on_conflict(entries::entry_id).do_nothing();
        if insert.execute(conn)? == 1 {
            added.insert(row.entry_id.clone());
        }
    }
    Ok(added)
}

/// The payloads of the given entries that are there.
fn payloads(conn: &mut Conn, ids: &[&str]) -> DbResult<HashMap<String, String>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let columns = (entries::entry_id, entries::payload);
    let rows: Vec<(String, String)> =
        on_backend!(conn, |c| entries::table.filter(entries::entry_id.eq_any(ids)).select(columns).load(c))?;
    Ok(rows.into_iter().collect())
}

/// An entry as it is stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = entries)]
pub(crate) struct Row {
    pub(crate) position: i64,
    pub(crate) entry_id: String,
    pub(crate) payload: String,
    /// A JSON array of texts.
    pub(crate) disclosures: String,
    pub(crate) time: UtcTime,
}

impl Row {
    /// Where it stands.
    pub(crate) fn place(&self) -> Place {
        Place { time: self.time.0.into(), position: self.position }
    }
}

/// All that an entry says, a line each: what its columns say, and the rest. What a column says is not stored twice.
const SAID: &str = "(entry_id || '\n' || service || '\n' || category || '\n' || action || '\n' || outcome || '\n' || coalesce(reason, '') \
                    || '\n' || actor_kind || '\n' || coalesce(actor_id, '') || '\n' || coalesce(target_kind, '') || '\n' || \
                    coalesce(target_id, '') || '\n' || search)";

/// The newest entries that the filter lets through, at most `limit`, all of them beyond `after` if that is given.
pub(crate) fn newest(
    conn: &mut Conn,
    filter: &Filter,
    after: Option<Place>,
    limit: i64,
) -> DbResult<Vec<Row>> {
    Ok(on_backend!(conn, |c| {
        let mut query = entries::table
            .select(Row::as_select())
            .order((entries::time.desc(), entries::position.desc()))
            .limit(limit)
            .into_boxed();
        if let Some(place) = after {
            let time = UtcTime::of(place.time);
            // The first half is implied by the second; the databases find their way into the index by it.
            query = query
                .filter(entries::time.le(time))
                .filter(entries::time.lt(time).or(entries::position.lt(place.position)));
        }
        if let Some(category) = filter.category {
            query = query.filter(entries::category.eq(category.as_str()));
        }
        if let Some(outcome) = filter.outcome {
            query = query.filter(entries::outcome.eq(outcome.as_str()));
        }
        if let Some(action) = &filter.action {
            query = query.filter(entries::action.eq(index::key(action)));
        }
        if let Some(actor) = &filter.actor {
            query = query.filter(entries::actor_id.eq(index::key(actor)));
        }
        if let Some(target) = &filter.target {
            query = query.filter(entries::target_id.eq(index::key(target)));
        }
        if let Some(from) = filter.from {
            query = query.filter(entries::time.ge(UtcTime::of(from)));
        }
        if let Some(to) = filter.to {
            query = query.filter(entries::time.lt(UtcTime::of(to)));
        }
        if let Some(text) = &filter.text {
            let says = sql::<Bool>(SAID).sql(" like ").bind::<Text, _>(containing(text)).sql(" escape '\\'");
            query = query.filter(says);
        }
        query.load(c)
    })?)
}

/// The pattern of `like` for a text that stands anywhere.
fn containing(text: &str) -> String {
    let folded = index::folded(text);
    format!("%{}%", folded.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

/// One entry.
pub(crate) fn find(conn: &mut Conn, id: EntryId) -> DbResult<Option<Row>> {
    Ok(on_backend!(conn, |c| entries::table
        .filter(entries::entry_id.eq(id.to_string()))
        .select(Row::as_select())
        .first(c)
        .optional())?)
}
