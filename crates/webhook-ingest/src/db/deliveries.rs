//! The one commit behind every 2xx to a webhook: de-duplication keys, inbox rows and the audit entry of every attempt, for all
//! deliveries that waited together. Whatever happens before the commit ends leaves nothing behind; whatever happens after it, a
//! retry meets the keys.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use auth::random::Random;
use contract::audit::{Entry, Sealed};
use contract::clock::Timestamp;
use contract::ids::EventId;
use contract::inbox::HeldBecause;
use contract::problems::Code;
use contract::resources::EventState;
use db::fail_points::{self, Step};
use db::types::{Uid, UtcTime};
use db::{Conn, DbError, DbResult};
use http_kit::audit::seal;

use super::inbox::{self, ACCEPTED, NewRow};
use super::seen::{self, Seen};
use crate::domain::delivery::{Delivery, Settled, Verdict};
use crate::domain::packing::pack;
use crate::domain::reading::{Said, Standing};
use crate::domain::trail;

/// A delivery, and the entry of the request that brought it, to be completed by what is decided.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub(crate) delivery: Delivery,
    pub(crate) entry: Entry,
    /// What will be decided if the delivery is new, and the entry that says so: sealed by whoever submits, since the writer has no time.
    likely: (Settled, Sealed),
}

impl Submission {
    pub(crate) fn new(delivery: Delivery, entry: Entry, random: &Random) -> Self {
        let settled = Decided { reuse: false, holder: None }.settled(Kept::of(&delivery));
        let sealed = seal(&trail::received(entry.clone(), &delivery, &settled), random);
        Self { delivery, entry, likely: (settled, sealed) }
    }
}

/// What there is to keep of a delivery, wherever it comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'a> {
    pub(crate) event_id: EventId,
    pub(crate) source: &'a str,
    pub(crate) message_id: Option<&'a str>,
    pub(crate) body: &'a [u8],
    pub(crate) received_at: Timestamp,
    pub(crate) said: &'a Said,
    /// It was answered as the reuse of an id before it came here, and must not become anything else.
    pub(crate) is_reuse: bool,
}

impl<'a> Kept<'a> {
    pub(crate) fn of(delivery: &'a Delivery) -> Self {
        Self {
            event_id: delivery.event_id,
            source: &delivery.source,
            message_id: delivery.message_id.as_deref(),
            body: delivery.body.bytes(),
            received_at: delivery.received_at,
            said: &delivery.said,
            is_reuse: false,
        }
    }
}

/// What was decided about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decided {
    /// Its id was first used for another event.
    pub(crate) reuse: bool,
    /// Who has its key. `None`: it was free, and is this delivery's now.
    pub(crate) holder: Option<EventId>,
}

impl Decided {
    /// What it is answered.
    pub(crate) fn settled(self, delivery: Kept<'_>) -> Settled {
        let verdict = match (&delivery.said.standing, self.holder) {
            _ if self.reuse => Verdict::Reused,
            (Standing::Held(refusal), _) => Verdict::Held(refusal.clone()),
            (_, Some(_)) => Verdict::Duplicate,
            (Standing::Unrecognized, None) => Verdict::Unrecognized,
            (Standing::Pending, None) => Verdict::Accepted,
        };
        Settled { verdict, event_id: self.holder.unwrap_or(delivery.event_id) }
    }
}

/// Stores deliveries, in the order given, and says of each what was decided. To be run in a transaction of its own.
pub(crate) fn store<S: Borrow<Submission>>(
    conn: &mut Conn,
    submissions: &[S],
    random: &Random,
) -> DbResult<Vec<Settled>> {
    let deliveries: Vec<Kept<'_>> =
        submissions.iter().map(|submission| Kept::of(&submission.borrow().delivery)).collect();
    let decided = decide(conn, &deliveries)?;
    let both = || deliveries.iter().zip(&decided);
    let rows = both()
        .filter(|(_, decided)| decided.holder.is_none())
        .map(|(delivery, decided)| row(*delivery, decided.reuse))
        .collect::<DbResult<Vec<_>>>()?;
    inbox::add(conn, &rows)?;
    let settled: Vec<Settled> = both().map(|(delivery, decided)| decided.settled(*delivery)).collect();
    outbox::insert_many(conn, &entries(submissions, &settled, random))?;
    fail_points::pass(Step::IngestBeforeCommit);
    Ok(settled)
}

/// Takes the keys of deliveries, in the order given, and says of each who has its key.
///
/// A key that is there with other facts is looked at once more under the key for reuses, so that the repeat of a reuse gets the
/// first one's answer. The two rounds can't deadlock with another replica's: each takes its keys sorted, and the kinds of keys in
/// the second round are in no first round.
pub(crate) fn decide(conn: &mut Conn, deliveries: &[Kept<'_>]) -> DbResult<Vec<Decided>> {
    let fresh = deliveries.iter().filter(|delivery| !delivery.is_reuse);
    let first_round = claim(conn, fresh.map(|delivery| (delivery.said.key.as_slice(), delivery)))?;
    let mut claimed = first_round.into_iter();
    let known = |delivery: &Kept<'_>| if delivery.is_reuse { None } else { claimed.next() };
    let first_round: Vec<Claim> =
        deliveries.iter().map(known).map(|claim| claim.unwrap_or(Claim::Other)).collect();
    let reused = deliveries.iter().zip(&first_round).filter(|(_, claim)| matches!(claim, Claim::Other));
    let second_round =
        claim(conn, reused.map(|(delivery, _)| (delivery.said.reuse_key.as_slice(), delivery)))?;
    let mut second_round = second_round.into_iter();
    first_round
        .into_iter()
        .map(|claim| {
            let reuse = matches!(claim, Claim::Other);
            let claim = if reuse { second_round.next().unwrap_or(Claim::Other) } else { claim };
            match claim {
                Claim::New => Ok(Decided { reuse, holder: None }),
                Claim::Same(first) => Ok(Decided { reuse, holder: Some(first) }),
                Claim::Other => Err(DbError::broken("two deliveries share a digest of their key and facts")),
            }
        })
        .collect()
}

/// What a delivery found under its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Nothing: the key is now this delivery's.
    New,
    /// The same event.
    Same(EventId),
    /// Another event.
    Other,
}

/// Takes the keys for the first delivery of each, and compares all others with the one that has the key: with an earlier one of
/// the same list too.
fn claim<'a>(
    conn: &mut Conn,
    deliveries: impl Iterator<Item = (&'a [u8], &'a Kept<'a>)>,
) -> DbResult<Vec<Claim>> {
    let deliveries: Vec<_> = deliveries.collect();
    let mut firsts: BTreeMap<&[u8], &Kept<'_>> = BTreeMap::new();
    for (key, delivery) in &deliveries {
        firsts.entry(key).or_insert(delivery);
    }
    let wanted: Vec<Seen> = firsts
        .iter()
        .map(|(key, first)| Seen::new(key, Uid::of(first.event_id), &first.said.facts))
        .collect();
    let added = seen::add_new(conn, &wanted)?;
    let taken: Vec<&[u8]> = firsts.keys().copied().filter(|key| !added.contains(*key)).collect();
    let holders = seen::find(conn, &taken)?;
    deliveries
        .iter()
        .map(|(key, delivery)| match (holders.get(*key), firsts.get(key)) {
            (Some(holder), _) if holder.is_same(&delivery.said.facts) => Ok(Claim::Same(
                EventId::from_uuid(holder.event_id.0)
                    .map_err(|_| DbError::broken("seen.event_id is no event id"))?,
            )),
            (Some(_), _) => Ok(Claim::Other),
            (None, Some(first)) if first.event_id == delivery.event_id => Ok(Claim::New),
            (None, Some(first)) if first.said.facts == delivery.said.facts => Ok(Claim::Same(first.event_id)),
            (None, _) => Ok(Claim::Other),
        })
        .collect()
}

/// The row of a delivery that has its key.
pub(crate) fn row(delivery: Kept<'_>, reuse: bool) -> DbResult<NewRow<'_>> {
    let reused = HeldBecause { code: Code::EventIdReused, errors: Vec::new() };
    let (state, refusal) = match &delivery.said.standing {
        _ if reuse => (EventState::Held.as_str(), Some(&reused)),
        Standing::Pending => (ACCEPTED, None),
        Standing::Unrecognized => (EventState::Unrecognized.as_str(), None),
        Standing::Held(refusal) => (EventState::Held.as_str(), Some(refusal)),
    };
    let json = |error: serde_json::Error| DbError::Broken(error.into());
    Ok(NewRow {
        event_id: Uid::of(delivery.event_id),
        source: delivery.source,
        event_type: delivery.said.event_type.as_deref(),
        state,
        body: pack(delivery.body),
        received_at: UtcTime::of(delivery.received_at),
        effective_at: UtcTime::of(delivery.said.effective_at),
        sequence: delivery.said.sequence,
        lane: delivery.said.lane,
        email_key: delivery.said.email_key.as_deref(),
        other_email_key: delivery.said.other_email_key.as_deref(),
        client_id: delivery.said.client_id.as_deref(),
        message_id: delivery.message_id,
        warnings: serde_json::to_string(&delivery.said.warnings).map_err(json)?,
        problem: refusal.map(serde_json::to_string).transpose().map_err(json)?,
    })
}

fn entries<S: Borrow<Submission>>(submissions: &[S], settled: &[Settled], random: &Random) -> Vec<Sealed> {
    let sealed = submissions.iter().zip(settled).map(|(submission, settled)| {
        let Submission { delivery, entry, likely: (likely, sealed) } = submission.borrow();
        match likely == settled {
            true => sealed.clone(),
            false => seal(&trail::received(entry.clone(), delivery, settled), random),
        }
    });
    sealed.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use auth::keyring::KeyRing;
    use auth::secret::Secret;
    use auth::webhook;
    use contract::audit::{Actor, Category, Outcome};
    use contract::ids::EntryId;
    use contract::kyc::KycWords;
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;
    use test_kit::database::both;

    use super::*;
    use crate::domain::delivery::Receipt;
    use crate::domain::signature::Signed;

    pub(in crate::db) const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    /// A delivery of this body, with the entry of its request.
    pub(in crate::db) fn submission(body: &str, random: &Random) -> Submission {
        let secret = Secret::new("for tests only");
        let signature = webhook::sign(&secret, body.as_bytes());
        let ring = KeyRing::new(secret, Vec::new());
        let body = webhook::verify(&ring, [signature.as_bytes()], body.to_owned().into()).expect("signed");
        let receipt = Receipt {
            source: "site".to_owned(),
            signed: Signed { body, message_id: None },
            received_at: NOW,
        };
        let entry = Entry {
            id: EntryId::new(NOW, random.bytes()),
            time: NOW,
            service: crate::NAME,
            category: Category::Webhook,
            action: "webhook.receive".to_owned(),
            outcome: Outcome::Success,
            reason: None,
            actor: Actor::anonymous(),
            target: None,
            address: None,
            request_id: None,
            method: None,
            route: None,
            count: 1,
            details: BTreeMap::new(),
        };
        Submission::new(Delivery::read(receipt, &KycWords::built_in(), random), entry, random)
    }

    /// What a delivery says: its id, whether it can be read, and which of several facts.
    pub(in crate::db) type Told = (u8, bool, u8);

    pub(in crate::db) fn body(run: usize, (id, readable, facts): Told) -> String {
        let email = if readable { format!("c{facts}@example.com") } else { String::new() };
        format!(
            r#"{{"id":"{run}-{id}","event":"client.registered","data":{{"email":"{email}","facts":{facts}}}}}"#
        )
    }

    /// What must be decided, and which delivery the answer must name, looking at one delivery after the other.
    fn expected(all: &[Told]) -> Vec<(&'static str, usize)> {
        let (mut holders, mut kept) = (BTreeMap::new(), BTreeMap::new());
        let decide = |(place, said): (usize, &Told)| {
            let (id, readable, facts) = *said;
            if !readable {
                return ("held", *kept.entry((*said, false)).or_insert(place));
            }
            match *holders.entry(id).or_insert((facts, place)) {
                (_, first) if first == place => ("accepted", place),
                (same, first) if same == facts => ("duplicate", first),
                _ => ("reused", *kept.entry((*said, true)).or_insert(place)),
            }
        };
        all.iter().enumerate().map(decide).collect()
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Accepted => "accepted",
            Verdict::Unrecognized => "unrecognized",
            Verdict::Duplicate => "duplicate",
            Verdict::Held(_) => "held",
            Verdict::Reused => "reused",
        }
    }

    /// However deliveries fall into commits, each is decided as if it had come alone.
    #[test]
    fn batches_decide_as_one_by_one() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        for on in both() {
            let (database, mut run) = (on.open(crate::SCHEMA), 0);
            runtime.block_on(crate::MIGRATIONS.run(&database)).expect("the migrations run");
            let said = (0..3_u8, prop::bool::weighted(0.8), 0..3_u8);
            let plan = prop::collection::vec(prop::collection::vec(said, 1..6), 1..5);
            let mut runner = TestRunner::new(ProptestConfig {
                cases: 60,
                failure_persistence: None,
                ..Default::default()
            });
            // The runner takes a closure that it may call often, on one thread.
            let run = std::cell::RefCell::new(&mut run);
            let outcome = runner.run(&plan, |batches| {
                **run.borrow_mut() += 1;
                let (run, random) = (**run.borrow(), Random::system());
                let (mut ids, mut decided) = (Vec::new(), Vec::new());
                for batch in &batches {
                    let submissions: Vec<_> =
                        batch.iter().map(|said| submission(&body(run, *said), &random)).collect();
                    ids.extend(submissions.iter().map(|submission| submission.delivery.event_id));
                    let random = random.clone();
                    let settled = database.write(move |conn| store(conn, &submissions, &random));
                    decided.extend(runtime.block_on(settled).expect("the batch is stored"));
                }
                let all: Vec<Told> = batches.concat();
                let expected = expected(&all);
                for (settled, (verdict, named)) in decided.iter().zip(&expected) {
                    prop_assert_eq!(
                        (word(&settled.verdict), Some(&settled.event_id)),
                        (*verdict, ids.get(*named))
                    );
                }
                prop_assert_eq!(decided.len(), all.len());
                Ok(())
            });
            outcome.expect("the law holds");
        }
    }
}
