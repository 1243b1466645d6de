//! Events take effect: record, addresses, the note that each was applied, and its audit entry, all in one commit. So a call may be
//! cut off anywhere, come twice, or come to two replicas at once: each event takes effect once, and says so on the trail once.
//!
//! Locks are taken in one order by everybody: names, then clients, each sorted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::email::EmailKey;
use contract::ids::{ClientRef, EntryId, RequestId};
use contract::internal::{ApplyEvent, ApplyVerdict};
use db::types::UtcTime;
use db::{Conn, Database, DbResult};
use http_kit::kit::Seams;

use super::{applied_events, client_emails, clients, identities};
use crate::domain::book::Book;
use crate::domain::effects::{self, Plan, plan};
use crate::domain::identity::Identity;
use crate::domain::order::OrderKey;
use crate::domain::trail;

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
    let (all, with, by) = (Arc::clone(&events), seams.clone(), request.clone());
    let error = match database.write(move |conn| apply_together(conn, &all, &with, &by)).await {
        Ok(verdicts) => return Ok(verdicts),
        Err(error) if error.is_transient() => return Err(error),
        Err(error) => error,
    };
    tracing::warn!(%error, events = events.len(), "a batch can't be applied together, each event is tried alone");
    let mut verdicts = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        let (all, with, by) = (Arc::clone(&events), seams.clone(), request.clone());
        let alone = move |conn: &mut Conn| {
            apply_together(conn, all.get(index..=index).unwrap_or_default(), &with, &by)
        };
        match database.write(alone).await {
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

/// One transaction.
fn apply_together(
    conn: &mut Conn,
    events: &[ApplyEvent],
    seams: &Seams,
    request: &RequestId,
) -> DbResult<Vec<ApplyVerdict>> {
    let now = seams.clock.now();
    let plans: Vec<(&ApplyEvent, Plan<'_>)> = events.iter().map(|event| (event, plan(event))).collect();
    lock_names(conn, &plans)?;
    // Read under the locks: whoever applied one of these held them until now.
    let mut known = applied_events::among(conn, events.iter().map(|event| event.event_id))?;
    let due = plans.iter().filter(|(event, _)| !known.contains_key(&event.event_id));
    let due = due
        .filter_map(|(_, plan)| if let Plan::Register(identity, _) = plan { Some(identity) } else { None });
    let mut book = load(conn, &due.collect::<Vec<_>>())?;

    let mut verdicts = Vec::with_capacity(events.len());
    let mut done = Vec::new();
    let mut entries = Vec::new();
    for (event, plan) in plans {
        let event_id = event.event_id;
        verdicts.push(match (plan, known.get(&event_id)) {
            (_, Some(effect)) => effects::applied_before(event_id, *effect),
            (Plan::Refuse(unfit), None) => effects::refused(event_id, unfit),
            (Plan::Wait, None) => effects::failed(event_id, "no_effect_yet"),
            (Plan::Register(identity, said), None) => {
                let new_id = ClientRef::new(now, seams.random.bytes());
                let effect = book.register(&identity, said, OrderKey::of(event), now, new_id);
                let entry_id = EntryId::new(now, seams.random.bytes());
                let entry = trail::applied(entry_id, now, event, effect, request);
                entries.push(http_kit::audit::seal(&entry, &seams.random));
                known.insert(event_id, effect);
                done.push((event_id, effect));
                effects::applied(event_id, effect)
            }
        });
    }
    if !done.is_empty() {
        save(conn, book)?;
        applied_events::add(conn, done, UtcTime::of(now))?;
        outbox::insert_many(conn, &entries)?;
    }
    Ok(verdicts)
}

fn lock_names(conn: &mut Conn, plans: &[(&ApplyEvent, Plan<'_>)]) -> DbResult<()> {
    let mut keys = BTreeSet::new();
    for (_, plan) in plans {
        if let Plan::Register(identity, _) = plan {
            keys.extend(identity.lock_keys());
        }
    }
    identities::lock(conn, &keys.into_iter().collect::<Vec<_>>())
}

/// All records that these identities may name, locked, and who of them has or had which of the addresses.
fn load(conn: &mut Conn, identities: &[&Identity]) -> DbResult<Book> {
    let mut ids = BTreeSet::new();
    let mut of_source: BTreeMap<&str, Vec<&Identity>> = BTreeMap::new();
    for identity in identities {
        of_source.entry(&identity.source).or_default().push(identity);
    }
    for (source, identities) in of_source {
        let client_ids: BTreeSet<&str> =
            identities.iter().filter_map(|one| one.client_id.as_deref()).collect();
        ids.extend(clients::ids_of_client_ids(conn, source, &client_ids.into_iter().collect::<Vec<_>>())?);

        let keys: BTreeSet<&EmailKey> = identities.iter().filter_map(|one| one.address.as_ref()).collect();
        let texts: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
        let alone = clients::known_by_address_alone(conn, source, &texts)?;
        let taken: BTreeSet<&str> = alone.iter().filter_map(|(_, key)| key.as_deref()).collect();

        let by_address = identities.iter().filter(|one| one.client_id.is_none());
        let asked: BTreeSet<&EmailKey> = by_address.filter_map(|one| one.address.as_ref()).collect();
        for key in asked.into_iter().filter(|key| !taken.contains(key.as_str())) {
            ids.extend(
                clients::holders(conn, Some(source), key)?.into_iter().map(|client| client.id.to_string()),
            );
        }
        ids.extend(alone.into_iter().map(|(id, _)| id));
    }
    let ids: Vec<String> = ids.into_iter().collect();
    let keys: BTreeSet<EmailKey> = identities.iter().filter_map(|one| one.address.clone()).collect();
    let clients = clients::load_locked(conn, &ids)?;
    let addresses = client_emails::among(conn, &ids, &keys.into_iter().collect::<Vec<_>>())?;
    Ok(Book::new(clients, addresses))
}

fn save(conn: &mut Conn, book: Book) -> DbResult<()> {
    let changes = book.into_changes();
    clients::save(conn, &changes.clients)?;
    client_emails::add(conn, &changes.addresses)?;
    changes.merged.iter().try_for_each(|merged| client_emails::hand_over(conn, merged))
}
