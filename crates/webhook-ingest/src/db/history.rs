//! One event with all that its story needs of our own tables. Only looked at: nothing here takes a key or moves a row.

use std::collections::HashMap;

use contract::clock::Timestamp;
use contract::events::{Reading, read};
use contract::history::{Prospect, ProspectOutcome, SignatureScheme};
use contract::ids::EventId;
use contract::inbox::REPLAYABLE;
use contract::internal::ApplyEvent;
use contract::kyc::KycWords;
use db::types::{Uid, UtcTime};
use db::{Conn, DbError, DbResult, on_backend};
use diesel::prelude::*;

use super::body::Body;
use super::listing::{self, Whole};
use super::schema::{events, inbox};
use super::seen;
use crate::domain::history::Stored;
use crate::domain::reading::{Said, Signed, Standing};

/// What the list does not show, and the story needs.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = events)]
struct Rest {
    source: String,
    body: Body,
    message_id: Option<String>,
    intake: i64,
    sequence: Option<i64>,
    effective_at: UtcTime,
    received_at: UtcTime,
}

/// The event; `None` if there is none.
pub(crate) fn find(conn: &mut Conn, id: EventId, words: &KycWords) -> DbResult<Option<Stored>> {
    let event = || events::table.filter(events::event_id.eq(Uid::of(id)));
    let found: Option<(Whole, Rest)> =
        on_backend!(conn, |c| event().select((Whole::as_select(), Rest::as_select())).first(c).optional())?;
    let Some((whole, rest)) = found else { return Ok(None) };
    let details = listing::details(whole)?;
    let stands = REPLAYABLE.contains(&details.summary.state);
    let replay = if stands { Some(prospect(conn, id, &rest, words)?) } else { None };
    let signature = match rest.message_id {
        Some(_) => SignatureScheme::StandardWebhooks,
        None => SignatureScheme::Own,
    };
    Ok(Some(Stored { said: said(id, rest, words), details, signature, replay }))
}

/// What the event says by the mapping of today, as service-api is told it; `None` if it is no event by that.
fn said(event_id: EventId, rest: Rest, words: &KycWords) -> Option<ApplyEvent> {
    let received_at = Timestamp::from(rest.received_at.0);
    let Reading::Known(envelope) = read(&rest.body.0, words, received_at) else { return None };
    Some(ApplyEvent {
        event_id,
        source: rest.source,
        intake: rest.intake,
        sequence: rest.sequence,
        effective_at: rest.effective_at.0.into(),
        received_at,
        event: envelope.event?,
    })
}

/// What a replay would come to, if it came now: see [`super::replays`], which decides it.
fn prospect(conn: &mut Conn, id: EventId, rest: &Rest, words: &KycWords) -> DbResult<Prospect> {
    let message_id = rest.message_id.as_deref();
    let received_at = rest.received_at.0.into();
    let said =
        Said::read(Signed { source: &rest.source, message_id, body: &rest.body.0, received_at }, words);
    let outcome = |outcome, other| Prospect { outcome, errors: Vec::new(), other };
    match said.standing {
        Standing::Unrecognized => return Ok(outcome(ProspectOutcome::Unrecognized, None)),
        Standing::Held(because) => {
            return Ok(Prospect { errors: because.errors, ..outcome(ProspectOutcome::Unreadable, None) });
        }
        Standing::Pending => {}
    }
    let holders = seen::find(conn, &[&said.key, &said.reuse_key])?;
    let own = Uid::of(id);
    let of = |key: &[u8]| holders.get(key).filter(|holder| holder.event_id != own);
    // Under its key for reuses only an equal delivery can be, which staff had applied before.
    let holder = match (of(&said.key), of(&said.reuse_key)) {
        (Some(_), Some(twin)) => Some(twin),
        (holder, _) => holder,
    };
    let Some(holder) = holder else { return Ok(outcome(ProspectOutcome::Replayable, None)) };
    let other =
        EventId::from_uuid(holder.event_id.0).map_err(|_| DbError::broken("seen.event_id is no event id"))?;
    let word = match holder.is_same(&said.facts) {
        true => ProspectOutcome::SameEventKept,
        false => ProspectOutcome::EventIdReused,
    };
    Ok(outcome(word, Some(other)))
}

/// The events with these intake numbers.
pub(crate) fn by_intake(conn: &mut Conn, intakes: &[i64]) -> DbResult<HashMap<i64, EventId>> {
    let named = inbox::table.filter(inbox::intake.eq_any(intakes)).select((inbox::intake, inbox::event_id));
    let rows: Vec<(i64, Uid)> = on_backend!(conn, |c| named.load(c))?;
    rows.into_iter().map(|(intake, event)| Ok((intake, listing::event_id(event)?))).collect()
}
