//! The one commit by which spooled deliveries get to where they belong. It may have happened before, and so may each delivery's own
//! direct way in, whose end nobody saw: all of them meet the same keys.

use auth::random::Random;
use contract::audit::{Entry, Sealed};
use contract::clock::Timestamp;
use contract::ids::EntryId;
use contract::resources::EventState;
use db::types::UtcTime;
use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;
use http_kit::audit::seal;

use super::deliveries::{Decided, decide, row};
use super::inbox::{self, NewRow};
use super::schema::inbox as table;
use super::spooled::Waiting;
use crate::domain::delivery::Answered;
use crate::domain::trail::{self, Drained};

/// Why an event stands as superseded that was acknowledged while the one before it could not be seen.
pub(crate) const DUPLICATE: &str = "duplicate";

/// Stores what was spooled, and the entries of all attempts. To be run in a transaction of its own.
///
/// An event whose key another has by now was acknowledged under an id of its own, so it gets its row too, as one that is done with.
/// Where it stands otherwise than its sender was told, the trail says so, once: with its row.
pub(crate) fn store(
    conn: &mut Conn,
    spooled: &[(Sealed, Option<Waiting>)],
    now: Timestamp,
    random: &Random,
) -> DbResult<()> {
    let firsts: Vec<&Waiting> = spooled.iter().filter_map(|(_, first)| first.as_ref()).collect();
    let deliveries: Vec<_> = firsts.iter().map(|first| first.kept()).collect();
    let decided = decide(conn, &deliveries)?;
    let mut entries: Vec<Sealed> = spooled.iter().map(|(entry, _)| entry.clone()).collect();
    let mut rows = Vec::new();
    for (first, Decided { reuse, holder }) in firsts.iter().zip(decided) {
        let row = row(first.kept(), reuse)?;
        let drained = match holder {
            None => {
                rows.push(row);
                let answered = Answered::of(&first.said.standing, reuse);
                (answered != first.answered).then_some(Drained::As(answered))
            }
            Some(own) if own == first.event_id => None,
            Some(other) => add_duplicate(conn, row, now)?.then_some(Drained::Duplicate(other)),
        };
        entries.extend(drained.map(|drained| seal(&entry(first, drained, now, random), random)));
    }
    inbox::add(conn, &rows)?;
    outbox::insert_many(conn, &entries)
}

fn entry(first: &Waiting, drained: Drained, now: Timestamp, random: &Random) -> Entry {
    let id = EntryId::new(now, random.bytes());
    trail::drained(id, first.event_id, &first.source, drained, now)
}

/// Adds the row of an event that is another's duplicate; false if it is there. No effect of its own is to come.
fn add_duplicate(conn: &mut Conn, row: NewRow<'_>, now: Timestamp) -> DbResult<bool> {
    let row = NewRow { state: EventState::Superseded.as_str(), problem: None, ..row };
    let outcome = (table::reason.eq(DUPLICATE), table::resolved_at.eq(UtcTime::of(now)));
    let added = on_backend!(conn, |c| diesel::insert_into(table::table)
        .values((row, outcome))
        .on_conflict(table::event_id)
        .do_nothing()
        .execute(c))?;
    Ok(added == 1)
}
