//! The table `outbox`, in each service's own schema: rows and queries. Its DDL is in `migrations/README.md`.

use contract::audit::Sealed;
use contract::clock::Timestamp;
use db::types::{Instant, UtcTime};
use db::{Conn, DbError, DbResult, on_backend, prepared};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};

diesel::table! {
    use diesel::sql_types::*;
    use db::types::Instant;

    outbox (id) {
        id -> BigInt,
        entry_id -> Text,
        payload -> Text,
        disclosures -> Text,
        created_at -> Instant,
    }
}

/// A row that waits.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) entry: Sealed,
}

#[derive(Insertable)]
#[diesel(table_name = outbox, treat_none_as_default_value = false)]
struct NewRow {
    entry_id: String,
    payload: String,
    disclosures: String,
    created_at: UtcTime,
}

/// Stores an entry, in the transaction of the effect it tells of. One whose id is there already changes nothing.
///
/// # Errors
/// As any write.
pub fn insert(conn: &mut Conn, entry: &Sealed) -> DbResult<()> {
    insert_many(conn, std::slice::from_ref(entry))
}

/// Stores entries, in the transaction of the effects they tell of. Those whose ids are there already change nothing.
///
/// # Errors
/// As any write.
pub fn insert_many(conn: &mut Conn, entries: &[Sealed]) -> DbResult<()> {
    let mut rows = entries.iter().map(NewRow::of).collect::<DbResult<Vec<_>>>()?;
    // One order for all writers, else two of them deadlock over their unique ids.
    rows.sort_by(|a, b| a.entry_id.cmp(&b.entry_id));
    rows.dedup_by(|a, b| a.entry_id == b.entry_id);
    match conn {
        Conn::Postgres(c) => insert_arrays(c, &rows),
        Conn::Sqlite(c) => {
            for row in rows {
                diesel::insert_into(outbox::table)
                    .values(row)
                    .on_conflict(outbox::entry_id)
                    .do_nothing()
                    .execute(c)?;
            }
            Ok(())
        }
    }
}

/// One statement of four parameters, however many rows there are.
fn insert_arrays(conn: &mut PgConnection, rows: &[NewRow]) -> DbResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    prepared(
        "INSERT INTO outbox (entry_id, payload, disclosures, created_at)
         SELECT * FROM unnest(?, ?, ?, ?) ON CONFLICT (entry_id) DO NOTHING",
    )
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.entry_id.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.payload.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.disclosures.as_str()).collect::<Vec<_>>())
    .bind::<Array<Instant>, _>(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// The oldest rows that are not among `but`, at most `limit`.
pub(crate) fn oldest(conn: &mut Conn, but: &[i64], limit: i64) -> DbResult<Vec<Row>> {
    let query = outbox::table.filter(outbox::id.ne_all(but)).order(outbox::id).limit(limit).select((
        outbox::id,
        outbox::entry_id,
        outbox::payload,
        outbox::disclosures,
    ));
    let rows: Vec<(i64, String, String, String)> = on_backend!(conn, |c| query.load(c))?;
    rows.into_iter()
        .map(|(id, entry_id, payload, disclosures)| {
            let id_of_entry = entry_id.parse().map_err(|_| unreadable(id))?;
            let disclosures = serde_json::from_str(&disclosures).map_err(|_| unreadable(id))?;
            Ok(Row { id, entry: Sealed { id: id_of_entry, payload, disclosures } })
        })
        .collect()
}

/// No more rows than this are counted: the question is asked again and again, and must cost little however much waits.
const MOST_COUNTED: i64 = 100_000;

/// What waits.
pub(crate) struct Backlog {
    /// How many rows, up to 100,000.
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
        "select count(*) as count from (select 1 from outbox order by id limit {MOST_COUNTED}) as counted"
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

impl NewRow {
    fn of(entry: &Sealed) -> DbResult<Self> {
        Ok(Self {
            entry_id: entry.id.to_string(),
            payload: entry.payload.clone(),
            disclosures: serde_json::to_string(&entry.disclosures)
                .map_err(|error| DbError::Broken(error.into()))?,
            created_at: UtcTime(entry.id.made_at().into()),
        })
    }
}

fn unreadable(id: i64) -> DbError {
    DbError::broken(format!("row {id} of the outbox can't be read"))
}
