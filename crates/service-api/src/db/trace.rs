//! What an event did, and what of it still stands: put together from the note that it was applied, the activities of its commit, and
//! the records as they are. Nothing is stored for it.

use contract::events::Event;
use contract::internal::ApplyEvent;
use contract::internal::trace::{TraceEvent, TracedEvent, TracedField, Traces};
use contract::resources::{TransactionKind, TransactionState};
use db::{Conn, DbResult};

use super::{accounts, activities, applied_events, clients, transactions};
use crate::domain::account::AccountKey;
use crate::domain::client::Client;
use crate::domain::effects::{Conflict, Outcome};
use crate::domain::traces;
use crate::domain::transaction::TransactionKey;

/// Variants of one transaction that are looked through at most.
const MOST_VARIANTS: i64 = 200;

/// What the event left behind; nothing if it was not applied.
pub(crate) fn trace(conn: &mut Conn, asked: &TraceEvent) -> DbResult<TracedEvent> {
    let Some((effect, applied_at)) = applied_events::find(conn, asked.event_id)? else {
        return Ok(TracedEvent { traces: None });
    };
    let live = clients::of_id(conn, effect.client)?;
    let holder = live.as_ref().map_or(effect.client, |client| client.id);
    let changes = activities::by_event(conn, holder, asked.event_id, applied_at)?;
    // An event about another client's account changed nothing, so nothing of it can stand.
    let counts = effect.outcome != Outcome::Conflict(Conflict::AnothersAccount);
    let (mut fields, mut transaction) = (Vec::new(), None);
    if let (Some(event), Some(client), true) = (&asked.said, &live, counts) {
        fields = traces::of_client(event, client);
        fields.extend(of_account(conn, event, client)?);
        let (of_transaction, state) = of_transaction(conn, event, client)?;
        fields.extend(of_transaction);
        transaction = state;
    }
    Ok(TracedEvent {
        traces: Some(Traces {
            applied_at,
            client: effect.client,
            merged_into: Some(holder).filter(|holder| *holder != effect.client),
            changes: changes.iter().map(traces::change).collect(),
            fields,
            transaction,
        }),
    })
}

/// Of the account that the event names, whoever has it now.
fn of_account(conn: &mut Conn, event: &ApplyEvent, client: &Client) -> DbResult<Vec<TracedField>> {
    let Event::AccountUpdated(said) = &event.event else { return Ok(Vec::new()) };
    let Some(key) = AccountKey::of(&event.source, said, client.id) else { return Ok(Vec::new()) };
    let account = accounts::find(conn, &key)?;
    Ok(account.map(|account| traces::of_account(event, &key, &account)).unwrap_or_default())
}

/// Of the transaction that the event tells of: among contradicting ones that of its client.
fn of_transaction(
    conn: &mut Conn,
    event: &ApplyEvent,
    client: &Client,
) -> DbResult<(Vec<TracedField>, Option<TransactionState>)> {
    let (kind, said) = match &event.event {
        Event::DepositCompleted(said) => (TransactionKind::Deposit, said),
        Event::WithdrawalCompleted(said) => (TransactionKind::Withdrawal, said),
        _ => return Ok((Vec::new(), None)),
    };
    let key = TransactionKey::of(&event.source, kind, said, event.event_id);
    let variants = transactions::of_key(conn, &key, MOST_VARIANTS)?;
    let told = || variants.iter().filter(|one| one.agrees_with(said));
    let own = told().find(|one| one.client == client.id).or_else(|| told().next());
    Ok(own.map_or_else(Default::default, |own| (traces::of_transaction(event, own), Some(own.state))))
}
