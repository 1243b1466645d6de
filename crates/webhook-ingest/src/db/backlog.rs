//! How much waits for its effect, and since when: questions that cost little however much waits, since they are asked
//! again and again.

use db::types::{Instant, UtcTime};
use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable};

use crate::domain::lanes::{LANES, Queue};

/// No more rows than this are counted.
pub(crate) const MOST: i64 = 100_000;

/// What waits in one queue.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub(crate) struct Backlog {
    /// How many rows, up to [`MOST`].
    #[diesel(sql_type = BigInt)]
    pub(crate) rows: i64,
    /// When the oldest was received.
    #[diesel(sql_type = Nullable<Instant>)]
    pub(crate) since: Option<UtcTime>,
}

/// What waits in this queue. All parts are asked for in the order of the queue's own index, so that no plan walks over the other's.
pub(crate) fn of(conn: &mut Conn, queue: Queue) -> DbResult<Backlog> {
    let (rows, order, oldest) = match queue {
        Queue::Fresh => (FRESH, "lane, intake", first_of_each_lane()),
        Queue::Failing => (FAILING, "lane, next_attempt_at", oldest_failing()),
    };
    let query = sql_query(format!(
        "select (select count(*) from (select 1 from pending where {rows} order by {order} limit {MOST}) as counted) as \"rows\", \
         ({oldest}) as since"
    ));
    Ok(on_backend!(conn, |c| query.get_result(c))?)
}

const FRESH: &str = "attempts = 0";
const FAILING: &str = "attempts > 0";

/// One probe of the index for each lane, which has its rows in the order in which they came. A lane that has none gives the first of
/// a later one, which does no harm.
fn first_of_each_lane() -> String {
    let lanes = (0..LANES).map(|lane| format!("({lane})")).collect::<Vec<_>>().join(", ");
    format!(
        "select min(received_at) from inbox join (select (select intake from pending where {FRESH} and pending.lane >= lanes.column1 \
         order by lane, intake limit 1) as first from (values {lanes}) as lanes) as firsts on inbox.intake = firsts.first"
    )
}

/// No index has the rows that failed by themselves by their age, but they are few: exact while they are no more than are looked at.
fn oldest_failing() -> String {
    format!(
        "select min(received_at) from inbox join (select intake from pending where {FAILING} order by lane, next_attempt_at limit 10000) \
         as looked_at on inbox.intake = looked_at.intake"
    )
}
