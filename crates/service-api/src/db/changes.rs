//! Changes made in the CRM: the client's row is locked first, then it is decided, and record, activity and audit entry go into one
//! commit. Nothing is written where the change is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::audit::{Entry, Text, Value};
use contract::ids::{ActivityId, ClientRef, NoteId, TransactionRef};
use contract::internal::Impersonation;
use contract::kyc::KycStatus;
use contract::resources::{Activity, Actor, ClientRecord, Note};
use db::fail_points::{self, Step};
use db::{Conn, DbError, DbResult};
use http_kit::kit::Seams;

use super::idempotency_keys::{self, Used};
use super::{accounts, activities, clients, find, notes, transactions};
use crate::domain::account::Account;
use crate::domain::bodies::{AccountMove, KycChange, StatusChange};
use crate::domain::client::Client;
use crate::domain::deeds::{self, Deed};
use crate::domain::idempotency::Keyed;
use crate::domain::moving::{Moved, moving};
use crate::domain::precondition::IfMatch;
use crate::domain::standing::{Refusal, transition};
use crate::domain::transaction::Transaction;

/// Who makes a change of whose record, and the entry that tells of it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) client: ClientRef,
    pub(crate) actor: Actor,
    pub(crate) entry: Entry,
    pub(crate) seams: Seams,
}

/// The least time between two things that are done to one client.
const STEP: Duration = Duration::from_micros(1);

/// What a change came to, unless it was refused.
pub(crate) type Changed<T> = DbResult<Result<T, Refusal>>;

/// Sets the identity check. The same again stands from now on, but has no history: only the trail says so. Answers the record and the
/// status before.
pub(crate) fn set_kyc(
    conn: &mut Conn,
    change: &Change,
    to: &KycChange,
    condition: Option<&IfMatch>,
) -> Changed<(ClientRecord, KycStatus)> {
    let (mut client, record) = change.lock(conn)?;
    if condition.is_some_and(|condition| !condition.holds(&record)) {
        return Ok(Err(Refusal::Stale));
    }
    let (from, deed) = (client.kyc.status, change.deed(conn, &client)?);
    let changed = client.change_kyc(to.status, to.notes.as_deref(), deed.at);
    let activity = changed.map(|changed| deed.kyc_changed(&changed));
    let words = [("from", from.as_str()), ("to", to.status.as_str())];
    change.save(conn, &client, activity, &words)?;
    Ok(Ok((find::record_of(conn, client)?, from)))
}

/// Sets how the client stands. The same again is no change.
pub(crate) fn set_status(
    conn: &mut Conn,
    change: &Change,
    to: &StatusChange,
    condition: Option<&IfMatch>,
) -> Changed<ClientRecord> {
    let (mut client, record) = change.lock(conn)?;
    if condition.is_some_and(|condition| !condition.holds(&record)) {
        return Ok(Err(Refusal::Stale));
    }
    let from = client.status;
    let changes = match transition(from, to.status) {
        Ok(changes) => changes,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let deed = change.deed(conn, &client)?;
    let activity = changes.then(|| {
        client.change_status(to.status, deed.at);
        deed.status_changed(from, to.status, to.reason.as_deref())
    });
    let words = [("from", from.as_str()), ("to", to.status.as_str())];
    change.save(conn, &client, activity, &words)?;
    Ok(Ok(find::record_of(conn, client)?))
}

/// What a note came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Noted {
    /// It stands.
    New(Note),
    /// It was there: this is what was answered then.
    Replayed(String),
}

/// Adds a note; under a key that was used for the same request before, answers what was answered then, and says on the trail alone
/// that it was asked again. A key that another replica used at the same time is a [`DbError::Conflict`]: done again, this finds its
/// answer.
pub(crate) fn add_note(
    conn: &mut Conn,
    change: &Change,
    comment: &str,
    ignored: &[String],
    keyed: Option<&Keyed>,
) -> Changed<Noted> {
    let (client, _) = change.lock(conn)?;
    let now = change.seams.clock.now();
    match keyed.map(|keyed| idempotency_keys::used(conn, keyed, now)).transpose()?.flatten() {
        Some(Used::Other) => return Ok(Err(Refusal::KeyReused)),
        Some(Used::Same(answer)) => {
            change.tell(conn, &[("result", "replayed")])?;
            return Ok(Ok(Noted::Replayed(answer)));
        }
        None => {}
    }
    let deed = change.deed(conn, &client)?;
    let note = Note {
        note_id: NoteId::new(deed.at, change.seams.random.bytes()),
        client_id: client.client_id.clone(),
        comment: comment.to_owned(),
        author: change.actor.clone(),
        created_at: deed.at,
        ignored_fields: ignored.to_vec(),
    };
    notes::add(conn, client.id, &note)?;
    if let Some(keyed) = keyed {
        let answer = serde_json::to_string(&note).map_err(|error| DbError::Broken(error.into()))?;
        idempotency_keys::keep(conn, keyed, &answer, now)?;
    }
    activities::add(conn, &[(client.id, deed.note_added(&note))])?;
    change.tell(conn, &[("noteId", &note.note_id.to_string())])?;
    Ok(Ok(Noted::New(note)))
}

/// Decides a conflict: this transaction of the client stands, what contradicts it is rejected. Answers it with the client's accounts.
/// Each client who has one of them hears of it.
pub(crate) fn accept_transaction(
    conn: &mut Conn,
    change: &Change,
    id: TransactionRef,
) -> Changed<(Transaction, Vec<Account>)> {
    let (client, _) = change.lock(conn)?;
    let theirs = transactions::locked(conn, id)?.filter(|one| one.client == client.id);
    let Some(mut accepted) = theirs else { return Ok(Err(Refusal::NoTransaction)) };
    let at = change.seams.clock.now();
    if !accepted.accept(at) {
        return Ok(Err(Refusal::NotInConflict));
    }
    transactions::save(conn, std::slice::from_ref(&accepted))?;
    for of in transactions::reject_others(conn, &accepted, at)? {
        // Locked, so that no merge of that record comes between.
        let Some(hears) = clients::lock(conn, of)? else { continue };
        let deed = change.deed(conn, &hears)?;
        activities::add(conn, &[(hears.id, deed.transaction_decided(&accepted, of == client.id))])?;
    }
    change.tell(conn, &[("transaction", &id.to_string())])?;
    Ok(Ok((accepted, accounts::of_client(conn, client.id)?)))
}

/// Gives an account of the client, and its subaccounts, to another. Answers the record and accounts of the other. Both hear of it.
pub(crate) fn move_account(
    conn: &mut Conn,
    change: &Change,
    account_id: &str,
    to: ClientRef,
    asked: &AccountMove,
) -> Changed<(ClientRecord, Vec<Account>)> {
    // Locked in one order, as everywhere.
    let mut locked = BTreeMap::new();
    for id in BTreeSet::from([change.client, to]) {
        let client = clients::lock(conn, id)?.ok_or_else(|| DbError::broken("a client's record is gone"))?;
        locked.insert(id, client);
    }
    let (Some(from), Some(to)) = (locked.get(&change.client), locked.get(&to)) else {
        return Err(DbError::broken("a client that was locked is gone"));
    };
    if from.source != to.source {
        return Ok(Err(Refusal::OtherSource));
    }
    let theirs = accounts::of_name_locked(conn, &[from.id, to.id], account_id)?;
    let mut moving = match moving(&theirs, account_id, asked.server.as_deref(), (from.id, to.id)) {
        Ok(moving) => moving,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let parts = moving.iter().map(|one| one.account_id.clone()).filter(|id| id != account_id).collect();
    let moved = Moved { account_id: account_id.to_owned(), from: from.id, to: to.id, parts };
    let changes = !moving.is_empty();
    for (client, own) in [(from, false), (to, true)].into_iter().filter(|_| changes) {
        let deed = change.deed(conn, client)?;
        moving.iter_mut().filter(|_| own).for_each(|account| account.move_to(to.id, deed.at));
        let activity = deed.account_moved(&moved, own, asked.reason.as_deref());
        activities::add(conn, &[(client.id, activity)])?;
    }
    accounts::save(conn, &moving)?;
    let result = if changes { "changed" } else { "unchanged" };
    change.tell(conn, &[("to", &to.id.to_string()), ("result", result)])?;
    Ok(Ok((find::record_of(conn, to.clone())?, accounts::of_client(conn, to.id)?)))
}

/// Adds tokens that sso-issuer made to the activities of their clients; says how many were new.
pub(crate) fn record_impersonations(conn: &mut Conn, told: &[Impersonation]) -> DbResult<usize> {
    // Locked in one order, as everywhere, so that no merge comes between.
    let ids: BTreeSet<ClientRef> = told.iter().map(|token| token.client).collect();
    let mut live = BTreeMap::new();
    for id in ids {
        match clients::lock(conn, id)? {
            Some(client) => _ = live.insert(id, client.id),
            None => tracing::error!(client = %id, "an impersonation of nobody we know is left out"),
        }
    }
    let activities: Vec<(ClientRef, Activity)> = told
        .iter()
        .filter_map(|token| Some((*live.get(&token.client)?, deeds::impersonated(token))))
        .collect();
    activities::add_missing(conn, &activities)
}

impl Change {
    /// The client, whose row is ours to the end of the transaction, and the record as it stands.
    fn lock(&self, conn: &mut Conn) -> DbResult<(Client, ClientRecord)> {
        let client =
            clients::lock(conn, self.client)?.ok_or_else(|| DbError::broken("a client's record is gone"))?;
        let record = find::record_of(conn, client.clone())?;
        Ok((client, record))
    }

    /// What is done now to this client, whose row is locked: after all that was done to it before, however the clocks of replicas differ.
    fn deed(&self, conn: &mut Conn, client: &Client) -> DbResult<Deed> {
        let now = self.seams.clock.now();
        let last = activities::newest(conn, client.id, None, None, 1)?.pop();
        let at = last.map_or(now, |last| now.max(last.created_at.plus(STEP)));
        Ok(Deed { id: ActivityId::new(at, self.seams.random.bytes()), actor: self.actor.clone(), at })
    }

    /// Writes the record, the activity if anything changed, and the audit entry.
    fn save(
        &self,
        conn: &mut Conn,
        client: &Client,
        activity: Option<Activity>,
        words: &[(&str, &str)],
    ) -> DbResult<()> {
        let changed = if activity.is_some() { "changed" } else { "unchanged" };
        clients::save(conn, std::slice::from_ref(client))?;
        if let Some(activity) = activity {
            activities::add(conn, &[(client.id, activity)])?;
        }
        let words: Vec<_> = words.iter().copied().chain([("result", changed)]).collect();
        self.tell(conn, &words)
    }

    /// Puts the entry into the commit, with these details.
    fn tell(&self, conn: &mut Conn, details: &[(&str, &str)]) -> DbResult<()> {
        let mut entry = self.entry.clone();
        for (name, value) in details {
            entry.details.insert((*name).to_owned(), Value::Text(Text::open(*value)));
        }
        outbox::insert_many(conn, &[http_kit::audit::seal(&entry, &self.seams.random)])?;
        fail_points::pass(Step::ChangeBeforeCommit);
        Ok(())
    }
}
