//! The work list: a row for each event that was acknowledged to take effect and still has it before it, from the commit that accepts it
//! to the one that writes down its fate. It is empty most of the time, and PostgreSQL may have planned for that when much waits: each query
//! is one that finds its rows by an index of its own whatever is known of the list's size.

use contract::ids::EventId;
use db::types::{Instant, Uid, UtcTime};
use db::{Conn, DbResult, on_backend, prepared};
use diesel::dsl::{exists, select};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer};
use diesel::{PgConnection, sql_query};

use super::body::Body;
use super::schema::{inbox, pending};
use crate::domain::lanes::LANES;

/// A row as it is added.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = pending, treat_none_as_default_value = false)]
pub(crate) struct Waiting<'a> {
    pub(crate) intake: i64,
    pub(crate) lane: i32,
    pub(crate) email_key: Option<&'a str>,
    pub(crate) other_email_key: Option<&'a str>,
    pub(crate) client_id: Option<&'a str>,
}

/// A row whose effect is due, with its event.
#[derive(Debug, Clone, QueryableByName)]
#[diesel(table_name = inbox)]
pub(crate) struct Due {
    pub(crate) intake: i64,
    #[diesel(sql_type = Integer)]
    pub(crate) lane: i32,
    event_id: Uid,
    pub(crate) source: String,
    pub(crate) body: Body,
    pub(crate) received_at: UtcTime,
    pub(crate) effective_at: UtcTime,
    pub(crate) sequence: Option<i64>,
    #[diesel(sql_type = Integer)]
    pub(crate) attempts: i32,
}

impl Due {
    /// The event's id, which the accepting commit wrote.
    pub(crate) fn id(&self) -> Option<EventId> {
        EventId::from_uuid(self.event_id.0).ok()
    }
}

/// The query for the events of these rows, given as one that finds their intake numbers, lanes and attempts.
fn with_events(due: &str) -> String {
    format!(
        "select due.intake, lane, due.attempts, event_id, source, body, received_at, effective_at, sequence \
         from ({due}) as due join inbox on inbox.intake = due.intake"
    )
}

/// The oldest rows of these lanes that were never tried in vain: of each lane its share of `limit`, so that no lane's backlog is
/// walked over for another's sake.
pub(crate) fn fresh(conn: &mut Conn, lanes: &[i32], limit: usize) -> DbResult<Vec<Due>> {
    let share = most(limit.div_ceil(lanes.len().max(1)));
    let mut rows: Vec<Due> = match conn {
        Conn::Postgres(conn) => fresh_postgres(conn, lanes, share)?,
        Conn::Sqlite(conn) => {
            let mut rows = Vec::new();
            for lane in lanes {
                let of_lane = "select intake, lane, attempts from pending where attempts = 0 and lane = ? order by intake limit ?";
                let query = sql_query(with_events(of_lane)).bind::<Integer, _>(lane);
                rows.extend(query.bind::<BigInt, _>(share).load(conn)?);
            }
            rows
        }
    };
    rows.sort_unstable_by_key(|row| row.intake);
    rows.truncate(limit);
    Ok(rows)
}

/// One probe of the index for each lane, and one of the inbox for each row, in one statement: a form that leaves no other plan, since
/// the plan is kept.
fn fresh_postgres(conn: &mut PgConnection, lanes: &[i32], share: i64) -> DbResult<Vec<Due>> {
    let query = prepared(
        "select due.*, event.* from unnest(?) as lanes (number) cross join lateral (select intake, lane, attempts from pending \
         where attempts = 0 and lane = lanes.number order by intake limit ?) as due cross join lateral (select event_id, source, \
         body, received_at, effective_at, sequence from inbox where inbox.intake = due.intake offset 0) as event",
    );
    Ok(query.bind::<Array<Integer>, _>(lanes).bind::<BigInt, _>(share).load(conn)?)
}

/// Of this lane the row that failed by itself, is due again, and waits longest.
pub(crate) fn failing(conn: &mut Conn, lane: i32, now: UtcTime) -> DbResult<Option<Due>> {
    let longest = "select intake, lane, attempts from pending where attempts > 0 and lane = $1 and next_attempt_at <= $2 \
                   order by next_attempt_at limit 1";
    let query = sql_query(with_events(longest)).bind::<Integer, _>(lane).bind::<Instant, _>(now);
    Ok(on_backend!(conn, |c| query.get_result(c).optional())?)
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
    let found: Vec<Lane> = match conn {
        Conn::Postgres(conn) => prepared(
            "select number as lane from generate_series(0, ?) as lanes (number) cross join lateral \
             (select 1 from pending where attempts = 0 and lane = lanes.number limit 1) as found",
        )
        .bind::<Integer, _>(LANES - 1)
        .load(conn)?,
        Conn::Sqlite(conn) => sql_query(lanes_with("attempts = 0")).load(conn)?,
    };
    Ok(found.into_iter().map(|row| row.lane).collect())
}

/// The lanes that have rows which are to be tried again by now.
pub(crate) fn lanes_with_failing(conn: &mut Conn, now: UtcTime) -> DbResult<Vec<i32>> {
    let found: Vec<Lane> = match conn {
        Conn::Postgres(conn) => prepared(
            "select number as lane from generate_series(0, ?) as lanes (number) cross join lateral (select 1 from pending \
             where attempts > 0 and lane = lanes.number and next_attempt_at <= ? limit 1) as found",
        )
        .bind::<Integer, _>(LANES - 1)
        .bind::<Instant, _>(now)
        .load(conn)?,
        Conn::Sqlite(conn) => {
            let due = lanes_with("attempts > 0 and next_attempt_at <= $1");
            sql_query(due).bind::<Instant, _>(now).load(conn)?
        }
    };
    Ok(found.into_iter().map(|row| row.lane).collect())
}

/// SQLite's form of the probes, which leaves no other plan: as `exists` it may become a walk over all that is pending.
fn lanes_with(rows: &str) -> String {
    let probes = (0..LANES).map(|lane| {
        format!("select lane from (select lane from pending where lane = {lane} and {rows} limit 1) as found")
    });
    probes.collect::<Vec<_>>().join(" union all ")
}

/// Whether an acknowledged event that names this e-mail, as either of the two it may name, still has its effect before it.
pub(crate) fn names_email(conn: &mut Conn, email_key: &str) -> DbResult<bool> {
    // One query for each column: each is one probe of its index.
    let named = exists(pending::table.filter(pending::email_key.eq(email_key)));
    let moved_to = exists(pending::table.filter(pending::other_email_key.eq(email_key)));
    Ok(on_backend!(&mut *conn, |c| select(named).get_result(c))?
        || on_backend!(conn, |c| select(moved_to).get_result(c))?)
}

/// Whether an acknowledged event that names this clientId, of whatever source, still has its effect before it.
pub(crate) fn names_client(conn: &mut Conn, client_id: &str) -> DbResult<bool> {
    let named = exists(pending::table.filter(pending::client_id.eq(client_id)));
    Ok(on_backend!(conn, |c| select(named).get_result(c))?)
}

#[cfg(test)]
mod tests {
    use contract::clock::Timestamp;
    use contract::resources::EventState;
    use test_kit::database::postgres;

    use super::super::{fates, listing};
    use super::*;
    use crate::domain::fate::Fate;
    use crate::domain::search::Filter;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    #[derive(QueryableByName)]
    struct Looked {
        #[diesel(sql_type = BigInt)]
        rows: i64,
    }

    /// How many rows of the list this transaction looked at.
    fn looked_at(conn: &mut Conn) -> DbResult<i64> {
        let query = sql_query(
            "select seq_tup_read + idx_tup_fetch as rows from pg_stat_xact_user_tables \
             where schemaname = current_schema() and relname = 'pending'",
        );
        let looked: Looked = on_backend!(conn, |c| query.get_result(c))?;
        Ok(looked.rows)
    }

    /// All that is asked of the list, and the fates that are written.
    fn ask_all(conn: &mut Conn, intakes: &[i64]) -> DbResult<usize> {
        let lanes: Vec<i32> = (0..LANES).collect();
        let now = UtcTime::of(NOW);
        let found = fresh(conn, &lanes, 160)?.len();
        assert_eq!(lanes_with_fresh(conn)?, if found == 0 { Vec::new() } else { lanes });
        assert_eq!(lanes_with_failing(conn, now)?, Vec::<i32>::new());
        failing(conn, 3, now)?;
        names_email(conn, "nobody@example.com")?;
        names_client(conn, "nobody")?;
        listing::newest(conn, &Filter::default(), None, 51)?;
        for state in [EventState::Applied, EventState::Held] {
            listing::newest(conn, &Filter { state: Some(state), ..Filter::default() }, None, 51)?;
        }
        let fate = |state| Fate::Resolved { state, reason: None };
        for (place, state) in [EventState::Applied, EventState::Superseded].into_iter().enumerate() {
            let fates: Vec<(i64, Fate)> =
                intakes.iter().skip(place * 20).take(20).map(|intake| (*intake, fate(state))).collect();
            fates::mark(conn, &fates, now)?;
        }
        Ok(found)
    }

    /// Sessions that came to know the list while it was empty, as did the server's own figures, find what they want when much waits.
    #[tokio::test]
    async fn what_was_empty_when_it_was_planned_for_is_not_walked_over_when_it_is_full() {
        let on = postgres();
        let database = on.open(crate::SCHEMA);
        crate::MIGRATIONS.run(&database).await.expect("the migrations run");
        let (before, after, found) = database
            .write(|conn| {
                conn.execute_batch("analyze pending; analyze applied; analyze inbox")?;
                for _ in 0..10 {
                    ask_all(conn, &(-40..0).collect::<Vec<i64>>())?;
                }
                conn.execute_batch(
                    "insert into inbox (event_id, source, state, body, received_at, effective_at, warnings) \
                     select ('01999999-9999-7999-8999-' || lpad(to_hex(n), 12, '0'))::uuid, 'site', 'accepted', '', now(), now(), '[]' \
                     from generate_series(1, 20000) as n; \
                     insert into pending (intake, lane) select intake, intake % 16 from inbox",
                )?;
                let (before, intakes) = (looked_at(conn)?, (1..=40).collect::<Vec<i64>>());
                let found = ask_all(conn, &intakes)?;
                Ok((before, looked_at(conn)?, found))
            })
            .await
            .expect("it is asked");
        assert_eq!(found, 160);
        // 160 of the claim, 40 of the fates, and three probes for each event of the two lists.
        assert!(after - before < 600, "{} rows are looked at", after - before);
    }
}
