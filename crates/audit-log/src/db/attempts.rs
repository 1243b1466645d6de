//! What the trail has about one webhook event. Each look goes down the index over targets; how often an event was delivered does not
//! matter, for deliveries are counted and not read.

use contract::audit::Category;
use contract::ids::EventId;
use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;

use super::entries::Row;
use super::kinds;
use super::schema::entries;
use crate::domain::attempts::{ACTS, DELIVERY};
use crate::domain::index;
use crate::domain::kind::Word;

/// Acts that are read at most: each is one by staff, or the end of one of the event's lives.
const MOST_ACTS: i64 = 200;

/// The entries about an event.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) deliveries: i64,
    /// The first two deliveries.
    pub(crate) first: Vec<Row>,
    /// The last one.
    pub(crate) last: Option<Row>,
    /// What else was done with it, oldest first.
    pub(crate) acts: Vec<Row>,
}

/// What the trail has about this event.
pub(crate) fn of_event(conn: &mut Conn, event: EventId) -> DbResult<Found> {
    let target = index::key(&event.to_string());
    let kinds = kinds::all(conn)?;
    let of = |actions: &[&str]| {
        kinds::numbers(&kinds, |kind| {
            let acts = actions.iter().any(|action| kind.has(Word::Action, action));
            acts && kind.has(Word::TargetKind, "event")
                && kind.has(Word::Category, Category::Webhook.as_str())
        })
    };
    let (received, acted) = (of(&[DELIVERY]), of(&ACTS));
    let about = || entries::table.filter(entries::target_id.eq(&target));
    let deliveries = || about().filter(entries::kind.eq_any(&received));
    let oldest = (entries::time, entries::position);
    let newest = (entries::time.desc(), entries::position.desc());
    Ok(on_backend!(conn, |c| Found {
        deliveries: deliveries().count().get_result(c)?,
        first: deliveries().order(oldest).limit(2).select(Row::as_select()).load(c)?,
        last: deliveries().order(newest).select(Row::as_select()).first(c).optional()?,
        acts: about()
            .filter(entries::kind.eq_any(&acted))
            .order(oldest)
            .limit(MOST_ACTS)
            .select(Row::as_select())
            .load(c)?,
    }))
}
