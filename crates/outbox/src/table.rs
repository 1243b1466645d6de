//! The table `outbox`, in each service's own schema: rows and queries. Its DDL is in `migrations/README.md`.
//!
//! A row holds what one commit had to say, as the JSON that audit-log is sent: many entries cost hardly more than one. Nothing here
//! is unique, since the trail takes each entry's id once.

use contract::audit::Sealed;
use contract::clock::Timestamp;
use db::types::UtcTime;
use db::{Conn, DbError, DbResult, on_backend};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

diesel::table! {
    use diesel::sql_types::*;
    use db::types::Instant;

    outbox (id) {
        id -> BigInt,
        entries -> Text,
        count -> Integer,
        bytes -> Integer,
        created_at -> Instant,
    }
}

/// Entries in a row, and in one call, at most.
pub(crate) const MOST_ENTRIES: usize = 500;
/// Bytes of JSON in a row, and in one call, at most, where it is not one large entry alone; audit-log takes 4 MiB.
pub(crate) const MOST_BYTES: usize = 1024 * 1024;

/// A row without its entries.
#[derive(Debug, Clone, Copy, Queryable)]
pub(crate) struct Head {
    pub(crate) id: i64,
    pub(crate) count: i32,
    pub(crate) bytes: i32,
    pub(crate) created_at: UtcTime,
}

/// A row that is to be shipped.
#[derive(Debug, Queryable)]
pub(crate) struct Row {
    pub(crate) id: i64,
    /// A JSON array of [`Sealed`].
    pub(crate) entries: String,
    pub(crate) count: i32,
}

#[derive(Debug, PartialEq, Eq, Insertable)]
#[diesel(table_name = outbox, treat_none_as_default_value = false)]
struct NewRow {
    entries: String,
    count: i32,
    bytes: i32,
    created_at: UtcTime,
}

/// Stores an entry, in the transaction of the effect it tells of.
///
/// # Errors
/// As any write.
pub fn insert(conn: &mut Conn, entry: &Sealed) -> DbResult<()> {
    insert_many(conn, std::slice::from_ref(entry))
}

/// Stores entries, in the transaction of the effects they tell of. To store one again is harmless: the trail takes it once.
///
/// # Errors
/// As any write.
pub fn insert_many(conn: &mut Conn, entries: &[Sealed]) -> DbResult<()> {
    insert_rows(conn, rows(entries, MOST_ENTRIES)?)
}

fn insert_rows(conn: &mut Conn, rows: Vec<NewRow>) -> DbResult<()> {
    for row in rows {
        let row = diesel::insert_into(outbox::table).values(row);
        on_backend!(&mut *conn, |c| row.execute(c))?;
    }
    Ok(())
}

/// The rows that hold these entries, of at most `most` each.
fn rows(entries: &[Sealed], most: usize) -> DbResult<Vec<NewRow>> {
    let mut rows: Vec<NewRow> = Vec::new();
    let mut open = Open::default();
    for entry in entries {
        let json = serde_json::to_string(entry).map_err(|error| DbError::Broken(error.into()))?;
        if open.count == most || (open.count > 0 && open.json.len() + json.len() > MOST_BYTES) {
            rows.extend(std::mem::take(&mut open).closed()?);
        }
        open.add(&json, entry.id.made_at());
    }
    rows.extend(open.closed()?);
    Ok(rows)
}

/// A row that still takes entries.
#[derive(Default)]
struct Open {
    json: String,
    count: usize,
    since: Option<Timestamp>,
}

impl Open {
    fn add(&mut self, json: &str, made_at: Timestamp) {
        self.json.push(if self.count == 0 { '[' } else { ',' });
        self.json.push_str(json);
        self.count += 1;
        self.since = Some(self.since.map_or(made_at, |since| since.min(made_at)));
    }

    fn closed(mut self) -> DbResult<Option<NewRow>> {
        let Some(since) = self.since else { return Ok(None) };
        self.json.push(']');
        let number = |number: usize| i32::try_from(number).map_err(|error| DbError::Broken(error.into()));
        let (count, bytes) = (number(self.count)?, number(self.json.len())?);
        Ok(Some(NewRow { entries: self.json, count, bytes, created_at: UtcTime(since.into()) }))
    }
}

/// The oldest rows that are not among `but`, at most `limit`.
pub(crate) fn oldest(conn: &mut Conn, but: &[i64], limit: i64) -> DbResult<Vec<Head>> {
    let heads = (outbox::id, outbox::count, outbox::bytes, outbox::created_at);
    let query = outbox::table.filter(outbox::id.ne_all(but)).order(outbox::id).limit(limit).select(heads);
    Ok(on_backend!(conn, |c| query.load(c))?)
}

/// Rows as they are to be shipped, oldest first.
pub(crate) fn load(conn: &mut Conn, ids: &[i64]) -> DbResult<Vec<Row>> {
    let rows = outbox::table.filter(outbox::id.eq_any(ids)).order(outbox::id);
    let query = rows.select((outbox::id, outbox::entries, outbox::count));
    Ok(on_backend!(conn, |c| query.load(c))?)
}

/// Puts rows of one entry each in a row's place, so that one that is refused leaves the others in peace.
pub(crate) fn split(conn: &mut Conn, row: &Row) -> DbResult<()> {
    let entries = opened(row.id, &row.entries)?;
    insert_rows(conn, rows(&entries, 1)?)?;
    remove(conn, &[row.id])
}

/// All entries that wait, oldest first: for tests, which look at what a service has to say.
///
/// # Errors
/// As any read.
pub fn waiting(conn: &mut Conn) -> DbResult<Vec<Sealed>> {
    let query = outbox::table.order(outbox::id).select((outbox::id, outbox::entries));
    let rows: Vec<(i64, String)> = on_backend!(conn, |c| query.load(c))?;
    let opened = rows.iter().map(|(id, entries)| opened(*id, entries)).collect::<DbResult<Vec<_>>>()?;
    Ok(opened.concat())
}

/// Entries of no more rows than this are counted: the question is asked again and again, and must cost little however much waits.
const MOST_COUNTED: i64 = 10_000;

/// What waits.
pub(crate) struct Backlog {
    /// How many entries, of up to 10,000 rows.
    pub(crate) count: f64,
    /// When the oldest entry was made.
    pub(crate) since: Option<Timestamp>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// How much waits, and since when. Counted in the order of an index, which knows better than the table what is gone.
pub(crate) fn backlog(conn: &mut Conn) -> DbResult<Backlog> {
    let query = format!(
        "select cast(coalesce(sum(count), 0) as bigint) as count
         from (select count from outbox order by id limit {MOST_COUNTED}) as counted"
    );
    let Count { count } = on_backend!(&mut *conn, |c| diesel::sql_query(query).get_result(c))?;
    let first = outbox::table.order(outbox::id).select(outbox::created_at);
    let since: Option<UtcTime> = on_backend!(conn, |c| first.first(c).optional())?;
    Ok(Backlog { count: count as f64, since: since.map(|since| Timestamp::from(since.0)) })
}

/// Removes what was acknowledged.
pub(crate) fn remove(conn: &mut Conn, ids: &[i64]) -> DbResult<()> {
    let shipped = outbox::table.filter(outbox::id.eq_any(ids));
    on_backend!(conn, |c| diesel::delete(shipped).execute(c))?;
    Ok(())
}

fn opened(id: i64, entries: &str) -> DbResult<Vec<Sealed>> {
    serde_json::from_str(entries)
        .map_err(|_| DbError::broken(format!("row {id} of the outbox can't be read")))
}
