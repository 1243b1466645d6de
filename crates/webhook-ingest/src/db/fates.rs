//! What becomes of rows of the work list. Whoever takes a row off it, in the commit that says how its event ended, has decided; nobody
//! else finds it there any more.

use std::collections::BTreeMap;

use contract::resources::EventState;
use db::types::{Instant, UtcTime};
use db::{Conn, DbResult, on_backend, prepared};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};

use super::schema::{applied, inbox, pending};
use crate::domain::fate::Fate;

/// Writes what became of rows, each only if it is still on the list; the rows of one final state and reason together.
pub(crate) fn mark(conn: &mut Conn, fates: &[(i64, Fate)], now: UtcTime) -> DbResult<()> {
    let mut resolved: BTreeMap<(&str, Option<&str>), Vec<i64>> = BTreeMap::new();
    for (intake, fate) in fates {
        match fate {
            Fate::Resolved { state, reason } => {
                resolved.entry((state.as_str(), reason.as_deref())).or_default().push(*intake);
            }
            Fate::Again { attempts, next, reason } => {
                on_backend!(conn, |c| diesel::update(pending::table)
                    .filter(pending::intake.eq(intake))
                    .set((
                        pending::attempts.eq(attempts),
                        pending::next_attempt_at.eq(UtcTime::of(*next)),
                        pending::reason.eq(reason.as_deref()),
                    ))
                    .execute(c))?;
            }
        }
    }
    for ((state, reason), intakes) in resolved {
        let at_once = (state, reason) == (EventState::Applied.as_str(), None)
            && apply(conn, &intakes, now)? == intakes.len();
        if !at_once {
            resolve(conn, &intakes, (state, reason), now)?;
        }
    }
    Ok(())
}

/// Writes that these events were applied, those of them that never failed before; says how many. The rest of what there is to say is in
/// the inbox already, and stays as it is.
fn apply(conn: &mut Conn, intakes: &[i64], now: UtcTime) -> DbResult<usize> {
    match conn {
        Conn::Postgres(conn) => {
            // In words that no partial index answers to: the rows are to be found by their numbers, not among all that waits.
            let query = prepared(
                "with done as (delete from pending where intake = any(?) and attempts < 1 returning intake) \
                 insert into applied (intake, resolved_at) select intake, ? from done",
            );
            Ok(query.bind::<Array<BigInt>, _>(intakes).bind::<Instant, _>(now).execute(conn)?)
        }
        Conn::Sqlite(conn) => {
            let mut marked = 0;
            for intake in intakes {
                let done = pending::table.filter(pending::intake.eq(intake)).filter(pending::attempts.lt(1));
                if diesel::delete(done).execute(conn)? == 1 {
                    let row = (applied::intake.eq(intake), applied::resolved_at.eq(now));
                    marked += diesel::insert_into(applied::table).values(row).execute(conn)?;
                }
            }
            Ok(marked)
        }
    }
}

/// Writes into the inbox how these events ended, and how often they had failed.
fn resolve(
    conn: &mut Conn,
    intakes: &[i64],
    (state, reason): (&str, Option<&str>),
    now: UtcTime,
) -> DbResult<()> {
    let done: Vec<(i64, i32)> =
        on_backend!(&mut *conn, |c| diesel::delete(pending::table.filter(pending::intake.eq_any(intakes)))
            .returning((pending::intake, pending::attempts))
            .load(c))?;
    let mut by_attempts: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for (intake, attempts) in done {
        by_attempts.entry(attempts).or_default().push(intake);
    }
    for (attempts, intakes) in by_attempts {
        on_backend!(&mut *conn, |c| diesel::update(inbox::table.filter(inbox::intake.eq_any(&intakes)))
            .set((
                inbox::state.eq(state),
                inbox::reason.eq(reason),
                inbox::resolved_at.eq(now),
                inbox::attempts.eq(attempts),
            ))
            .execute(c))?;
    }
    Ok(())
}
