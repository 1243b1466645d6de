//! Events take effect: records, activities, the note that each was applied, and its audit entry, all in one commit. So a call may be
//! cut off anywhere, come twice, or come to two replicas at once: each event takes effect once, and says so on the trail once. One that
//! waits for staff is looked at anew whenever it comes again, and says so on the trail once it has come to something else.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use contract::audit::Sealed;
use contract::clock::Timestamp;
use contract::ids::{AccountRef, ActivityId, ClientRef, EntryId, EventId, RequestId, TransactionRef};
use contract::internal::{ApplyEvent, ApplyVerdict};
use contract::resources::Activity;
use db::fail_points::{self, Step};
use db::types::UtcTime;
use db::{Conn, Database, DbError, DbResult};
use http_kit::kit::Seams;

use super::records::{self, Due};
use super::{activities, applied_events, identities};
use crate::domain::effects::{self, Effect, Happening, NewIds};
use crate::domain::history;
use crate::domain::identity::{Identity, Unfit};
use crate::domain::trail;

/// How often a commit is tried while another replica is faster with the same keys.
const ATTEMPTS: usize = 3;

/// Applies the events in one commit; when that fails because of one of them, each in a commit of its own, so that the others
/// are not held up. One verdict for each event, in their order.
///
/// # Errors
/// A transient error: some may have been applied, and the call is to be made again.
pub(crate) async fn apply(
    database: &Database,
    events: Vec<ApplyEvent>,
    seams: Seams,
    request: RequestId,
) -> DbResult<Vec<ApplyVerdict>> {
    let events: Arc<[ApplyEvent]> = events.into();
    let error = match commit(database, &events, 0..events.len(), &seams, &request).await {
        Ok(verdicts) => return Ok(verdicts),
        Err(error) if error.is_transient() => return Err(error),
        Err(error) => error,
    };
    let cause = cause_of(&error);
    tracing::warn!(%error, cause, events = events.len(), "a batch can't be applied together, each event is tried alone");
    let mut verdicts = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        match commit(database, &events, index..index + 1, &seams, &request).await {
            Ok(verdict) => verdicts.extend(verdict),
            Err(error) if error.is_transient() => return Err(error),
            // What can be the event's fault was looked for before the database saw it. This is ours: it is tried again.
            Err(error) => {
                let cause = cause_of(&error);
                tracing::error!(%error, cause, event_id = %event.event_id, "an event can't be applied");
                verdicts.push(effects::failed(event.event_id, "internal_error"));
            }
        }
    }
    Ok(verdicts)
}

/// What the database itself said, for the log: errors over values have no cause, since it would quote them.
fn cause_of(error: &DbError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

/// Applies these of the events in one commit. Names are locked, but two replicas may still be making the account or transaction of one
/// key for two clients at once. The slower one begins anew, and finds it there.
async fn commit(
    database: &Database,
    events: &Arc<[ApplyEvent]>,
    these: Range<usize>,
    seams: &Seams,
    request: &RequestId,
) -> DbResult<Vec<ApplyVerdict>> {
    let mut attempts = 1..ATTEMPTS;
    loop {
        let (all, these, with, by) = (Arc::clone(events), these.clone(), seams.clone(), request.clone());
        let work = move |conn: &mut Conn| {
            apply_together(conn, all.get(these.clone()).unwrap_or_default(), &with, &by)
        };
        match database.write(work).await {
            Err(DbError::Conflict { .. }) if attempts.next().is_some() => {}
            done => return done,
        }
    }
}

/// One transaction.
fn apply_together(
    conn: &mut Conn,
    events: &[ApplyEvent],
    seams: &Seams,
    request: &RequestId,
) -> DbResult<Vec<ApplyVerdict>> {
    let named: Vec<(&ApplyEvent, Result<Identity, Unfit>)> =
        events.iter().map(|event| (event, Identity::of(&event.source, &event.event))).collect();
    let identities = named.iter().filter_map(|(_, named)| named.as_ref().ok());
    identities::lock(conn, identities.flat_map(Identity::lock_keys))?;
    // Read under the locks: whoever applied one of these held them until now.
    let noted = applied_events::among(conn, events.iter().map(|event| event.event_id))?;
    let is_done =
        |event: &ApplyEvent| noted.get(&event.event_id).is_some_and(|effect| effect.outcome.is_final());
    let due = named.iter().filter(|(event, _)| !is_done(event));
    let due: Vec<Due<'_>> = due.filter_map(|(event, named)| Some((*event, named.as_ref().ok()?))).collect();
    let mut records = records::load(conn, &due)?;
    // Looked at once the locks are ours: who had them before us did what it did before that.
    let now = seams.clock.now();

    let mut verdicts = Vec::with_capacity(events.len());
    let mut written = Written::default();
    let mut done: HashMap<EventId, Effect> = noted
        .iter()
        .filter(|(_, effect)| effect.outcome.is_final())
        .map(|(id, effect)| (*id, *effect))
        .collect();
    for (event, named) in &named {
        let event_id = event.event_id;
        verdicts.push(match (named, done.get(&event_id)) {
            (_, Some(effect)) => effects::verdict(event_id, *effect, true),
            (Err(unfit), None) => effects::refused(event_id, *unfit),
            (Ok(identity), None) => {
                let before = noted.get(&event_id).copied();
                let (effect, happenings) = records.apply(event, identity, now, new_ids(now, seams));
                let effect = effect.after(before);
                written.note(event, effect, before, &happenings, (now, seams, request));
                done.insert(event_id, effect);
                effects::verdict(event_id, effect, false)
            }
        });
    }
    // Activities first: where a later event of the batch merged their client away, they move with all the rest.
    activities::add(conn, &written.activities)?;
    records::save(conn, records, now)?;
    applied_events::add(conn, written.new, UtcTime::of(now))?;
    applied_events::change(conn, written.changed, UtcTime::of(now))?;
    if !written.entries.is_empty() {
        outbox::insert_many(conn, &written.entries)?;
    }
    fail_points::pass(Step::ApplyBeforeCommit);
    Ok(verdicts)
}

/// What is to be written of the events themselves, beside the records that they changed.
#[derive(Default)]
struct Written {
    /// Of events that were not applied before.
    new: Vec<(EventId, Effect)>,
    /// Of events that came to something else before.
    changed: Vec<(EventId, Effect)>,
    activities: Vec<(ClientRef, Activity)>,
    entries: Vec<Sealed>,
}

impl Written {
    fn note(
        &mut self,
        event: &ApplyEvent,
        effect: Effect,
        before: Option<Effect>,
        happenings: &[Happening],
        (now, seams, request): (Timestamp, &Seams, &RequestId),
    ) {
        for happening in happenings {
            // A microsecond apart, so that they stay in the order in which they happened.
            let step = Duration::from_micros(self.activities.len().try_into().unwrap_or(0));
            let at = now.plus(step);
            let id = ActivityId::new(at, seams.random.bytes());
            self.activities.push((effect.client, history::activity(event, happening, id, at)));
        }
        match before {
            Some(before) if before.outcome == effect.outcome => return,
            Some(_) => self.changed.push((event.event_id, effect)),
            None => self.new.push((event.event_id, effect)),
        }
        let entry_id = EntryId::new(now, seams.random.bytes());
        let entry = trail::applied(entry_id, now, event, effect, request);
        self.entries.push(http_kit::audit::seal(&entry, &seams.random));
    }
}

fn new_ids(now: Timestamp, seams: &Seams) -> NewIds {
    NewIds {
        client: ClientRef::new(now, seams.random.bytes()),
        account: AccountRef::new(now, seams.random.bytes()),
        transaction: TransactionRef::new(now, seams.random.bytes()),
    }
}
