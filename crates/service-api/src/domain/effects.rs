//! What an event does, and the verdict on it. The type of an event decides which rule it goes to.

use contract::clock::Timestamp;
use contract::events::{AccountUpdated, ClientRegistered, Event, KycUpdated};
use contract::ids::{AccountRef, ClientRef, EventId, TransactionRef};
use contract::internal::{ApplyEvent, ApplyResult, ApplyVerdict};
use contract::resources::{TransactionKind, TransactionState};

use super::account::AccountKey;
use super::book::Book;
use super::client::KycChange;
use super::facts::Heard;
use super::identity::{Identity, Unfit};
use super::ledger::{AnothersAccount, Ledger};
use super::order::OrderKey;
use super::transaction::{Telling, TransactionKey};

/// Why facts stand in conflict until staff decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Other facts came under the same transaction's key.
    Transaction,
    /// The account is another client's.
    AnothersAccount,
}

impl Conflict {
    /// Every reason.
    const ALL: [Self; 2] = [Self::Transaction, Self::AnothersAccount];

    /// The stable word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Transaction => "transaction_conflict",
            Self::AnothersAccount => "account_of_another_client",
        }
    }

    /// The reason with this word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// How an event took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What it says stands.
    Applied,
    /// Newer events had said it all.
    Superseded,
    /// Staff decided that other facts stand.
    Rejected,
    /// It contradicts what is on record.
    Conflict(Conflict),
}

/// Why an event is superseded that staff decided against.
pub(crate) const REJECTED: &str = "rejected_by_staff";

impl Outcome {
    /// What is final stays so, however often the event comes. What waits for staff, or was decided by them, is looked at anew.
    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::Applied | Self::Superseded)
    }
}

/// What an event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Whose record it is about.
    pub(crate) client: ClientRef,
    /// How it ended.
    pub(crate) outcome: Outcome,
}

impl Effect {
    /// The same, where the event had come to `before` already. What it told of a transaction stands if the transaction does, though
    /// it was told again since.
    pub(crate) fn after(self, before: Option<Self>) -> Self {
        let decided = before.is_some_and(|before| !before.outcome.is_final());
        match self.outcome {
            Outcome::Superseded if decided => Self { outcome: Outcome::Applied, ..self },
            _ => self,
        }
    }
}

/// What changed, for the client's activities; the names are those of the fields that hold something else now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    /// The registration came.
    Registered,
    /// The profile changed.
    Profile(Vec<&'static str>),
    /// The identity check changed.
    Kyc(KycChange),
    /// An account is new, or changed.
    Account { opened: bool, changed: Vec<&'static str> },
    /// A transaction is new, is told otherwise, or stands in conflict.
    Transaction { kind: TransactionKind, new: bool, in_conflict: bool },
}

/// Ids for what an event may have to make.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewIds {
    pub(crate) client: ClientRef,
    pub(crate) account: AccountRef,
    pub(crate) transaction: TransactionRef,
}

/// Everything that a batch of events works on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    pub(crate) book: Book,
    pub(crate) ledger: Ledger,
}

impl Records {
    /// Applies an event of the client that `identity` names.
    pub(crate) fn apply(
        &mut self,
        event: &ApplyEvent,
        identity: &Identity,
        now: Timestamp,
        ids: NewIds,
    ) -> (Effect, Vec<Happening>) {
        let order = OrderKey::of(event);
        let merged_before = self.book.merged().len();
        let (client, settled) = self.book.whose(identity, order, now, ids.client);
        let merged: Vec<_> = self.book.merged().iter().skip(merged_before).copied().collect();
        merged.into_iter().for_each(|merged| self.ledger.hand_over(merged, now));
        let at = At { client, order, now };
        let (outcome, happenings) = match &event.event {
            Event::ClientRegistered(said) => self.register(said, at),
            Event::KycUpdated(said) => self.check_identity(said, at),
            Event::AccountUpdated(said) => self.change_account(&event.source, said, at, ids.account),
            Event::DepositCompleted(said) | Event::WithdrawalCompleted(said) => {
                let kind = match &event.event {
                    Event::DepositCompleted(_) => TransactionKind::Deposit,
                    _ => TransactionKind::Withdrawal,
                };
                let key = TransactionKey::of(&event.source, kind, said, event.event_id);
                let new_id = ids.transaction;
                let told = Telling { said, client, event_id: event.event_id, order, now, new_id };
                self.tell_transaction(&key, told)
            }
        };
        // Who is meant was news, even where what was said was none.
        let outcome = if outcome == Outcome::Superseded && settled { Outcome::Applied } else { outcome };
        (Effect { client, outcome }, happenings)
    }

    fn register(&mut self, said: &ClientRegistered, at: At) -> (Outcome, Vec<Happening>) {
        let registering = self.book.change(at.client, |client| {
            let first = client.registered_at.is_none();
            let heard = client.register(said, at.order, at.now);
            (!heard.is_overtaken(), (heard, first))
        });
        let (heard, first) = registering.unwrap_or_default();
        let happening = match first {
            true => Some(Happening::Registered),
            false if heard.changed.is_empty() => None,
            false => Some(Happening::Profile(heard.changed.clone())),
        };
        (outcome(&heard), happening.into_iter().collect())
    }

    fn check_identity(&mut self, said: &KycUpdated, at: At) -> (Outcome, Vec<Happening>) {
        let checking = self.book.change(at.client, |client| {
            let (heard, change) = client.hear_kyc(said, at.order, at.now);
            (!heard.is_overtaken(), (heard, change))
        });
        let (heard, change) = checking.unwrap_or_default();
        (outcome(&heard), change.map(Happening::Kyc).into_iter().collect())
    }

    /// The account first: an event about another client's account changes nothing of this client either.
    fn change_account(
        &mut self,
        source: &str,
        said: &AccountUpdated,
        at: At,
        new_id: AccountRef,
    ) -> (Outcome, Vec<Happening>) {
        let mut happenings = Vec::new();
        let mut heard = Heard::default();
        if let Some(key) = AccountKey::of(source, said, at.client) {
            let hearing =
                self.ledger.hear_account(&key, said, at.client, at.order, (at.now, new_id), &self.book);
            match hearing {
                Err(AnothersAccount) => return (Outcome::Conflict(Conflict::AnothersAccount), happenings),
                Ok((of_account, opened)) => {
                    let changed = of_account.changed.clone();
                    if opened || !changed.is_empty() {
                        happenings.push(Happening::Account { opened, changed });
                    }
                    heard = of_account;
                    if opened {
                        heard.changes("accountId");
                    }
                }
            }
        }
        let profile = self.book.change(at.client, |client| {
            let heard = client.hear_account(said, at.order, at.now);
            (!heard.is_overtaken(), heard)
        });
        let profile = profile.unwrap_or_default();
        if !profile.changed.is_empty() {
            happenings.push(Happening::Profile(profile.changed.clone()));
        }
        (outcome(&heard.and(profile)), happenings)
    }

    fn tell_transaction(&mut self, key: &TransactionKey, telling: Telling<'_>) -> (Outcome, Vec<Happening>) {
        let told = self.ledger.tell(key, telling, &self.book);
        let in_conflict = told.state == TransactionState::Conflict;
        let happening = Happening::Transaction { kind: key.kind, new: told.new, in_conflict };
        let changed = told.new || !told.heard.changed.is_empty();
        let outcome = match told.state {
            TransactionState::Conflict => Outcome::Conflict(Conflict::Transaction),
            TransactionState::Rejected => Outcome::Rejected,
            TransactionState::Completed if told.new => Outcome::Applied,
            TransactionState::Completed => outcome(&told.heard),
        };
        (outcome, changed.then_some(happening).into_iter().collect())
    }
}

/// Of whom an event speaks, and when.
#[derive(Debug, Clone, Copy)]
struct At {
    client: ClientRef,
    order: OrderKey,
    now: Timestamp,
}

fn outcome(heard: &Heard) -> Outcome {
    if heard.is_overtaken() { Outcome::Superseded } else { Outcome::Applied }
}

/// The verdict on an event that took effect, now or before.
pub(crate) fn verdict(event_id: EventId, effect: Effect, before: bool) -> ApplyVerdict {
    let (result, reason) = match effect.outcome {
        Outcome::Superseded => (ApplyResult::Superseded, None),
        Outcome::Rejected => (ApplyResult::Superseded, Some(REJECTED.to_owned())),
        Outcome::Conflict(conflict) => (ApplyResult::Conflict, Some(conflict.as_str().to_owned())),
        Outcome::Applied if before => (ApplyResult::AlreadyApplied, None),
        Outcome::Applied => (ApplyResult::Applied, None),
    };
    ApplyVerdict { event_id, result, reason }
}

/// The verdict on an event that is refused for good.
pub(crate) fn refused(event_id: EventId, unfit: Unfit) -> ApplyVerdict {
    ApplyVerdict { event_id, result: ApplyResult::Refused, reason: Some(unfit.to_string()) }
}

/// The verdict on an event that is to be tried again, for trouble of ours.
pub(crate) fn failed(event_id: EventId, reason: &str) -> ApplyVerdict {
    ApplyVerdict { event_id, result: ApplyResult::Failed, reason: Some(reason.to_owned()) }
}
