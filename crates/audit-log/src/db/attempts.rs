//! What the trail has about one webhook event. Each look goes down the index over targets; how often an event was delivered does not
//! matter, for deliveries are counted and not read.

use contract::audit::Category;
use contract::ids::EventId;
use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;

use super::entries::Row;
use super::schema::entries;
use crate::domain::attempts::{ACTS, DELIVERY};
use crate::domain::index;

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
    let about = || {
        entries::table
            .filter(entries::target_id.eq(&target))
            .filter(entries::target_kind.eq("event"))
            .filter(entries::category.eq(Category::Webhook.as_str()))
    };
    let deliveries = || about().filter(entries::action.eq(DELIVERY));
    let oldest = (entries::time, entries::position);
    let newest = (entries::time.desc(), entries::position.desc());
    Ok(on_backend!(conn, |c| Found {
        deliveries: deliveries().count().get_result(c)?,
        first: deliveries().order(oldest).limit(2).select(Row::as_select()).load(c)?,
        last: deliveries().order(newest).select(Row::as_select()).first(c).optional()?,
        acts: about()
            .filter(entries::action.eq_any(ACTS))
            .order(oldest)
            .limit(MOST_ACTS)
            .select(Row::as_select())
            .load(c)?,
    }))
}
