//! Having one stored event read again, by the mapping of today: decided and done in one transaction, with its entry on the trail.
//! Whoever else replays the same event meanwhile waits for the row, and then finds it pending, or on its way from there; whoever
//! delivers its twin meets the key in `seen`. Dying anywhere in here leaves the event as it was.

use auth::random::Random;
use contract::audit::{Entry, Text};
use contract::clock::Timestamp;
use contract::ids::EventId;
use contract::inbox::ReplayOutcome;
use contract::kyc::KycWords;
use contract::resources::EventState;
use db::types::{Uid, UtcTime};
use db::{Conn, DbError, DbResult, on_backend};
use diesel::prelude::*;
use http_kit::audit::seal;

use super::body::Body;
use super::inbox::ACCEPTED;
use super::pending::Waiting;
use super::schema::{events, inbox, pending};
use super::seen::{self, Seen};
use crate::domain::reading::{Said, Signed, Standing};
use crate::domain::replay::{Obstacle, Told};

/// What is to be replayed, and by whose word.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) event_id: EventId,
    /// Apply it although its sender's id was first used for another event.
    pub(crate) accept_reused_id: bool,
    /// The entry of the request that asks for it; stored only if the event is pending again.
    pub(crate) entry: Entry,
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = inbox)]
struct Row {
    intake: i64,
    source: String,
    body: Body,
    message_id: Option<String>,
    received_at: UtcTime,
}

/// Replays one event. `None` if there is none; the inner error says what stands in the way, and then nothing was changed.
pub(crate) fn replay(
    conn: &mut Conn,
    order: &Order,
    kyc_words: &KycWords,
    now: Timestamp,
    random: &Random,
) -> DbResult<Option<Result<Told, Obstacle>>> {
    let Some(row) = lock(conn, order.event_id)? else { return Ok(None) };
    let state = state(conn, row.intake)?;
    let unchanged = |outcome| Ok(Some(Ok(Told::unchanged(outcome, state))));
    match state {
        EventState::Applied | EventState::Superseded => return unchanged(ReplayOutcome::AlreadyApplied),
        EventState::Pending => return unchanged(ReplayOutcome::AlreadyPending),
        EventState::Conflict | EventState::Held | EventState::Unrecognized | EventState::DeadLettered => {}
    }
    let said = Said::read(
        Signed {
            source: &row.source,
            message_id: row.message_id.as_deref(),
            body: &row.body.0,
            received_at: row.received_at.0.into(),
        },
        kyc_words,
    );
    match &said.standing {
        Standing::Pending => {}
        Standing::Unrecognized => return unchanged(ReplayOutcome::Unrecognized),
        Standing::Held(because) => {
            let told = Told::unchanged(ReplayOutcome::Unreadable, state);
            return Ok(Some(Ok(Told { errors: because.errors.clone(), ..told })));
        }
    }
    if let Some(obstacle) = take_key(conn, order, &said)? {
        return Ok(Some(Err(obstacle)));
    }
    make_pending(conn, &row, &said, now)?;
    let mut entry = order.entry.clone();
    let details = [("outcome", ReplayOutcome::Replayed.as_str()), ("from", state.as_str())];
    entry.details.extend(details.map(|(name, word)| (name.to_owned(), Text::open(word).into())));
    outbox::insert_many(conn, &[seal(&entry, random)])?;
    Ok(Some(Ok(Told {
        outcome: ReplayOutcome::Replayed,
        state: EventState::Pending,
        errors: Vec::new(),
        lane: Some(said.lane),
    })))
}

/// The row, kept from others until the transaction ends. On SQLite all writers wait for each other anyway.
fn lock(conn: &mut Conn, event_id: EventId) -> DbResult<Option<Row>> {
    let event = inbox::table.filter(inbox::event_id.eq(Uid::of(event_id)));
    Ok(match conn {
        Conn::Postgres(conn) => event.select(Row::as_select()).for_update().first(conn).optional()?,
        Conn::Sqlite(conn) => event.select(Row::as_select()).first(conn).optional()?,
    })
}

/// Where the event of a locked row stands. Asked for behind the lock, and not with it: what others did until they let the row go is
/// seen by the next statement only.
fn state(conn: &mut Conn, intake: i64) -> DbResult<EventState> {
    let event = events::table.filter(events::intake.eq(intake));
    let stands: String = on_backend!(conn, |c| event.select(events::state).first(c))?;
    EventState::parse(&stands).ok_or_else(|| DbError::broken("events.state is no state"))
}

/// Who has a key.
enum Holder {
    /// This event, now or before.
    Own,
    /// Another delivery of the same event.
    Twin(EventId),
    /// Another event.
    Other(EventId),
}

/// Makes the event's key its own, as if it had just been delivered, or says who has it. An event whose id is taken goes on, with
/// leave, under the key for reuses: there too only one of equal deliveries does.
fn take_key(conn: &mut Conn, order: &Order, said: &Said) -> DbResult<Option<Obstacle>> {
    Ok(match holder(conn, &said.key, order.event_id, said)? {
        Holder::Own => None,
        Holder::Twin(twin) => Some(Obstacle::Twin(twin)),
        Holder::Other(first) if !order.accept_reused_id => Some(Obstacle::IdReused(first)),
        Holder::Other(_) => match holder(conn, &said.reuse_key, order.event_id, said)? {
            Holder::Own => None,
            Holder::Twin(twin) | Holder::Other(twin) => Some(Obstacle::Twin(twin)),
        },
    })
}

fn holder(conn: &mut Conn, key: &[u8], event_id: EventId, said: &Said) -> DbResult<Holder> {
    let own = Seen::new(key, Uid::of(event_id), &said.facts);
    if seen::add_new(conn, std::slice::from_ref(&own))?.contains(key) {
        return Ok(Holder::Own);
    }
    let found = seen::find(conn, &[key])?;
    let there = found.get(key).ok_or_else(|| DbError::broken("a key is neither new nor there"))?;
    if there.event_id == own.event_id {
        return Ok(Holder::Own);
    }
    let first =
        EventId::from_uuid(there.event_id.0).map_err(|_| DbError::broken("seen.event_id is no event id"))?;
    Ok(if there.is_same(&said.facts) { Holder::Twin(first) } else { Holder::Other(first) })
}

/// Puts the row back to work, with what it says by today's reading. Its intake number stays, and with it its place in the order.
fn make_pending(conn: &mut Conn, row: &Row, said: &Said, now: Timestamp) -> DbResult<()> {
    let warnings = serde_json::to_string(&said.warnings).map_err(|error| DbError::Broken(error.into()))?;
    let moved = on_backend!(conn, |c| diesel::update(inbox::table)
        .filter(inbox::intake.eq(row.intake))
        .filter(inbox::state.ne(ACCEPTED))
        .set((
            inbox::state.eq(ACCEPTED),
            inbox::event_type.eq(said.event_type.as_deref()),
            inbox::effective_at.eq(UtcTime::of(said.effective_at)),
            inbox::sequence.eq(said.sequence),
            inbox::client_id.eq(said.client_id.as_deref()),
            inbox::warnings.eq(&warnings),
            inbox::reason.eq(None::<&str>),
            inbox::attempts.eq(0),
            inbox::resolved_at.eq(None::<UtcTime>),
            inbox::replays.eq(inbox::replays + 1),
            inbox::replayed_at.eq(UtcTime::of(now)),
        ))
        .execute(c))?;
    if moved != 1 {
        return Err(DbError::broken("a locked row moved"));
    }
    let waiting = Waiting {
        intake: row.intake,
        lane: said.lane,
        email_key: said.email_key.as_deref(),
        other_email_key: said.other_email_key.as_deref(),
        client_id: said.client_id.as_deref(),
    };
    on_backend!(conn, |c| diesel::insert_into(pending::table).values(waiting).execute(c))?;
    Ok(())
}
