//! The trail's rows: appended once, read newest first, never changed. [`append`] is the only statement that writes them; whatever is
//! to happen with each appended entry, happens there, in its transaction.

use std::collections::{BTreeSet, HashMap, HashSet};

use contract::clock::Timestamp;
use contract::ids::EntryId;
use db::fail_points::{self, Step};
use db::types::{Id, Instant, Uid, UtcTime};
use db::{Conn, DbError, DbResult, on_backend, prepared};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Integer, Nullable, SmallInt, Text};
use diesel::{PgConnection, SqliteConnection};

use super::kinds;
use super::schema::entries;
use crate::domain::cursor::Place;
use crate::domain::index::Index;
use crate::domain::kind::Kind;
use crate::domain::packing::{Damaged, Unpacked, unpack};

/// An entry that was admitted, on its way into the table.
#[derive(Debug, Clone)]
pub(crate) struct NewRow {
    pub(crate) id: EntryId,
    kind: Kind,
    columns: Columns,
}

/// What is stored of it, but for its kind's number.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = entries, treat_none_as_default_value = false)]
struct Columns {
    time: UtcTime,
    received_at: UtcTime,
    entry_id: Uid,
    category: i16,
    actor_id: Option<String>,
    target_id: Option<String>,
    search: String,
    packed: Vec<u8>,
}

impl NewRow {
    /// The row of an entry: its packed bytes, and what it is found by.
    pub(crate) fn new(id: EntryId, packed: Vec<u8>, index: Index, received: Timestamp) -> Self {
        let columns = Columns {
            time: UtcTime::of(index.time),
            received_at: UtcTime::of(received),
            entry_id: Uid::of(id),
            category: index.category,
            actor_id: index.actor_id,
            target_id: index.target_id,
            search: index.search,
            packed,
        };
        Self { id, kind: index.kind, columns }
    }

    /// What it was made of, to compare it with one that is there.
    fn payload(&self) -> Option<String> {
        unpack(self.id, &self.columns.packed).ok().map(|texts| texts.payload)
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
/// them this waits for its end; if that one committed, this is `Busy`, and sees it when it is run again.
pub(crate) fn append(conn: &mut Conn, rows: &[NewRow]) -> DbResult<Vec<Appended>> {
    let twins = || rows.chunk_by(|a, b| a.id == b.id);
    let firsts: Vec<&NewRow> = twins().filter_map(<[_]>::first).collect();
    let numbered = numbered(conn, &firsts)?;
    let added = match conn {
        Conn::Postgres(conn) => add_postgres(conn, &numbered)?,
        Conn::Sqlite(conn) => add_sqlite(conn, &numbered)?,
    };
    let others: Vec<Uid> =
        firsts.iter().map(|row| row.columns.entry_id).filter(|id| !added.contains(id)).collect();
    let there = payloads(conn, &others)?;
    let mut told = Vec::with_capacity(rows.len());
    for twins in twins() {
        told.extend(verdicts(twins, &added, &there)?);
    }
    fail_points::pass(Step::AppendBeforeCommit);
    Ok(told)
}

/// What became of rows with one id.
fn verdicts(
    twins: &[NewRow],
    added: &HashSet<Uid>,
    there: &HashMap<Uid, Option<String>>,
) -> DbResult<Vec<Appended>> {
    let Some((first, later)) = twins.split_first() else { return Ok(Vec::new()) };
    let like = |kept: &Option<String>, row: &NewRow| match kept.is_some() && row.payload() == *kept {
        true => Appended::AlreadyThere,
        false => Appended::Conflict,
    };
    let is_new = added.contains(&first.columns.entry_id);
    let kept = match (is_new, there.get(&first.columns.entry_id)) {
        (true, _) if later.is_empty() => return Ok(vec![Appended::New]),
        (true, _) => first.payload(),
        (false, Some(kept)) => kept.clone(),
        (false, None) => return Err(DbError::broken("an entry is neither new nor there")),
    };
    let first = if is_new { Appended::New } else { like(&kept, first) };
    Ok(std::iter::once(first).chain(later.iter().map(|row| like(&kept, row))).collect())
}

/// The rows with their kinds' numbers.
fn numbered<'a>(conn: &mut Conn, rows: &[&'a NewRow]) -> DbResult<Vec<(i32, &'a Columns)>> {
    let words: BTreeSet<&str> = rows.iter().map(|row| row.kind.0.as_str()).collect();
    let numbers = kinds::number(conn, &words)?;
    let numbered = |row: &&'a NewRow| Some((*numbers.get(&row.kind.0)?, &row.columns));
    Ok(rows.iter().filter_map(numbered).collect())
}

#[derive(QueryableByName)]
struct Added {
    #[diesel(sql_type = Id)]
    entry_id: Uid,
}

/// Looks whether an entry is there before it adds it, since an insertion that may meet its key costs twice one that does not. The key
/// still decides: where another transaction was faster, this one is run again.
fn add_postgres(conn: &mut PgConnection, rows: &[(i32, &Columns)]) -> DbResult<HashSet<Uid>> {
    fn column<'a, T>(rows: &[(i32, &'a Columns)], column: impl Fn(&'a Columns) -> T) -> Vec<T> {
        rows.iter().map(|(_, row)| column(row)).collect()
    }
    let added = prepared(
        "insert into entries (time, received_at, entry_id, kind, category, actor_id, target_id, search, packed) \
         select time, received_at, entry_id, kind, category, actor_id, target_id, search, packed \
         from unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) with ordinality as t(time, received_at, entry_id, kind, category, \
         actor_id, target_id, search, packed, n) \
         where (select e.entry_id from entries e where e.entry_id = t.entry_id) is null order by n returning entry_id",
    )
    .bind::<Array<Instant>, _>(column(rows, |row| row.time))
    .bind::<Array<Instant>, _>(column(rows, |row| row.received_at))
    .bind::<Array<Id>, _>(column(rows, |row| row.entry_id))
    .bind::<Array<Integer>, _>(rows.iter().map(|(kind, _)| *kind).collect::<Vec<_>>())
    .bind::<Array<SmallInt>, _>(column(rows, |row| row.category))
    .bind::<Array<Nullable<Text>>, _>(column(rows, |row| row.actor_id.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(column(rows, |row| row.target_id.as_deref()))
    .bind::<Array<Text>, _>(column(rows, |row| row.search.as_str()))
    .bind::<Array<Binary>, _>(column(rows, |row| row.packed.as_slice()))
    .load::<Added>(conn)
    .map_err(|error| DbError::from(error).of_race())?;
    Ok(added.into_iter().map(|row| row.entry_id).collect())
}

fn add_sqlite(conn: &mut SqliteConnection, rows: &[(i32, &Columns)]) -> DbResult<HashSet<Uid>> {
    let mut added = HashSet::with_capacity(rows.len());
    for (kind, row) in rows {
        let insert = diesel::insert_into(entries::table)
            .values((entries::kind.eq(kind), *row))
            .on_conflict(entries::entry_id)
            .do_nothing();
        if insert.execute(conn)? == 1 {
            added.insert(row.entry_id);
        }
    }
    Ok(added)
}

/// The payloads of the given entries that are there, `None` for a damaged one.
fn payloads(conn: &mut Conn, ids: &[Uid]) -> DbResult<HashMap<Uid, Option<String>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Row> = on_backend!(conn, |c| entries::table
        .filter(entries::entry_id.eq_any(ids))
        .select(Row::as_select())
        .load(c))?;
    Ok(rows.into_iter().map(|row| (row.entry_id, row.unpacked().ok().map(|texts| texts.payload))).collect())
}

/// An entry as it is stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = entries)]
pub(crate) struct Row {
    position: i64,
    entry_id: Uid,
    packed: Vec<u8>,
    time: UtcTime,
}

impl Row {
    /// Where it stands.
    pub(crate) fn place(&self) -> Place {
        Place { time: self.time.0.into(), position: self.position }
    }

    /// Which one it is. Nothing but ids of ours is ever in the column.
    pub(crate) fn id(&self) -> Result<EntryId, Damaged> {
        EntryId::from_uuid(self.entry_id.0).map_err(|_| Damaged::Id)
    }

    /// Its bytes as they came.
    pub(crate) fn unpacked(&self) -> Result<Unpacked, Damaged> {
        unpack(self.id()?, &self.packed)
    }
}

/// One entry.
pub(crate) fn find(conn: &mut Conn, id: EntryId) -> DbResult<Option<Row>> {
    Ok(on_backend!(conn, |c| entries::table
        .filter(entries::entry_id.eq(Uid::of(id)))
        .select(Row::as_select())
        .first(c)
        .optional())?)
}
