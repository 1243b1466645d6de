//! Events take effect: records, activities, the note that each was applied, and its audit entry, all in one commit. So a call may be
//! cut off anywhere, come twice, or come to two replicas at once: each event takes effect once, and says so on the trail once.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use contract::audit::Sealed;
use contract::clock::Timestamp;
use contract::ids::{AccountRef, ActivityId, ClientRef, EntryId, EventId, RequestId, TransactionRef};
use contract::internal::{ApplyEvent, ApplyVerdict};
use contract::resources::Activity;
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
    tracing::warn!(%error, events = events.len(), "a batch can't be applied together, each event is tried alone");
    let mut verdicts = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        match commit(database, &events, index..index + 1, &seams, &request).await {
            Ok(verdict) => verdicts.extend(verdict),
            Err(error) if error.is_transient() => return Err(error),
            // What can be the event's fault was looked for before the database saw it. This is ours: it is tried again.
            Err(error) => {
                tracing::error!(%error, event_id = %event.event_id, "an event can't be applied");
                verdicts.push(effects::failed(event.event_id, "internal_error"));
            }
        }
    }
    Ok(verdicts)
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
    lock_names(conn, &named)?;
    // Read under the locks: whoever applied one of these held them until now.
    let mut known = applied_events::among(conn, events.iter().map(|event| event.event_id))?;
    let due = named.iter().filter(|(event, _)| !known.contains_key(&event.event_id));
    let due: Vec<Due<'_>> = due.filter_map(|(event, named)| Some((*event, named.as_ref().ok()?))).collect();
    let mut records = records::load(conn, &due)?;
    // Looked at once the locks are ours: who had them before us did what it did before that.
    let now = seams.clock.now();

    let mut verdicts = Vec::with_capacity(events.len());
    let mut written = Written::default();
    for (event, named) in &named {
        let event_id = event.event_id;
        verdicts.push(match (named, known.get(&event_id)) {
            (_, Some(effect)) => effects::verdict(event_id, *effect, true),
            (Err(unfit), None) => effects::refused(event_id, *unfit),
            (Ok(identity), None) => {
                let (effect, happenings) = records.apply(event, identity, now, new_ids(now, seams));
                written.note(event, effect, &happenings, (now, seams, request));
                known.insert(event_id, effect);
                effects::verdict(event_id, effect, false)
            }
        });
    }
    if !written.effects.is_empty() {
        // Activities first: where a later event of the batch merged their client away, they move with all the rest.
        activities::add(conn, &written.activities)?;
        records::save(conn, records)?;
        applied_events::add(conn, written.effects, UtcTime::of(now))?;
        outbox::insert_many(conn, &written.entries)?;
    }
    Ok(verdicts)
}

/// What is to be written of the events themselves, beside the records that they changed.
#[derive(Default)]
struct Written {
    effects: Vec<(EventId, Effect)>,
    activities: Vec<(ClientRef, Activity)>,
    entries: Vec<Sealed>,
}

impl Written {
    fn note(
        &mut self,
        event: &ApplyEvent,
        effect: Effect,
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
        let entry_id = EntryId::new(now, seams.random.bytes());
        let entry = trail::applied(entry_id, now, event, effect, request);
        self.entries.push(http_kit::audit::seal(&entry, &seams.random));
        self.effects.push((event.event_id, effect));
    }
}

fn new_ids(now: Timestamp, seams: &Seams) -> NewIds {
    NewIds {
        client: ClientRef::new(now, seams.random.bytes()),
        account: AccountRef::new(now, seams.random.bytes()),
        transaction: TransactionRef::new(now, seams.random.bytes()),
    }
}

fn lock_names(conn: &mut Conn, named: &[(&ApplyEvent, Result<Identity, Unfit>)]) -> DbResult<()> {
    let identities = named.iter().filter_map(|(_, named)| named.as_ref().ok());
    let keys: BTreeSet<String> = identities.flat_map(Identity::lock_keys).collect();
    identities::lock(conn, &keys.into_iter().collect::<Vec<_>>())
}
