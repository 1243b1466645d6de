//! The one commit behind every 2xx to a webhook: de-duplication keys, inbox rows and the audit entry of every attempt, for all
//! deliveries that waited together. Whatever happens before the commit ends leaves nothing behind; whatever happens after it, a
//! retry meets the keys.

use std::collections::BTreeMap;

use auth::random::Random;
use contract::audit::{Entry, Sealed};
use contract::ids::EventId;
use db::types::UtcTime;
use db::{Conn, DbError, DbResult};
use http_kit::audit::seal;

use super::inbox::{self, NewRow};
use super::seen::{self, Seen};
use crate::domain::delivery::{Delivery, Refusal, Settled, Standing, Verdict};
use crate::domain::fate::State;
use crate::domain::trail;
use contract::problems::Code;

/// A delivery, and the entry of the request that brought it, to be completed by what is decided.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub(crate) delivery: Delivery,
    pub(crate) entry: Entry,
}

/// Stores deliveries, in the order given, and says of each what was decided. To be run in a transaction of its own.
///
/// A key that is there with other facts is looked at once more under the key for reuses, so that the repeat of a reuse gets the
/// first one's answer. The two rounds can't deadlock with another replica's: each takes its keys sorted, and the kinds of keys in
/// the second round are in no first round.
pub(crate) fn store(conn: &mut Conn, submissions: &[Submission], random: &Random) -> DbResult<Vec<Settled>> {
    let deliveries: Vec<&Delivery> = submissions.iter().map(|submission| &submission.delivery).collect();
    let first_round = claim(conn, deliveries.iter().map(|delivery| (delivery.key.as_str(), *delivery)))?;
    let reused = deliveries.iter().zip(&first_round).filter(|(_, claim)| matches!(claim, Claim::Other));
    let second_round = claim(conn, reused.map(|(delivery, _)| (delivery.reuse_key.as_str(), *delivery)))?;
    let mut second_round = second_round.into_iter();

    let (mut settled, mut rows) = (Vec::with_capacity(deliveries.len()), Vec::new());
    for (delivery, claim) in deliveries.iter().zip(first_round) {
        let reuse = matches!(claim, Claim::Other);
        let claim = if reuse { second_round.next().unwrap_or(Claim::Other) } else { claim };
        let event_id = match claim {
            Claim::New => {
                rows.push(row(delivery, reuse)?);
                delivery.event_id
            }
            Claim::Same(first) => first,
            Claim::Other => return Err(DbError::broken("two deliveries share a digest of their key and facts")),
        };
        settled.push(Settled { verdict: verdict(delivery, reuse, claim), event_id });
    }
    inbox::add(conn, &rows)?;
    outbox::insert_many(conn, &entries(submissions, &settled, random))?;
    Ok(settled)
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
fn claim<'a>(conn: &mut Conn, deliveries: impl Iterator<Item = (&'a str, &'a Delivery)>) -> DbResult<Vec<Claim>> {
    let deliveries: Vec<_> = deliveries.collect();
    let mut firsts: BTreeMap<&str, &Delivery> = BTreeMap::new();
    for (key, delivery) in &deliveries {
        firsts.entry(key).or_insert(delivery);
    }
    let wanted: Vec<Seen> = firsts
        .iter()
        .map(|(key, first)| Seen {
            key: (*key).to_owned(),
            event_id: first.event_id.to_string(),
            facts: first.facts.to_vec(),
        })
        .collect();
    let added = seen::add_new(conn, &wanted)?;
    let taken: Vec<&str> = firsts.keys().copied().filter(|key| !added.contains(*key)).collect();
    let holders = seen::find(conn, &taken)?;
    deliveries
        .iter()
        .map(|(key, delivery)| match (holders.get(*key), firsts.get(key)) {
            (Some(holder), _) if holder.facts == delivery.facts => {
                Ok(Claim::Same(holder.event_id.parse().map_err(|_| DbError::broken("seen.event_id is no event id"))?))
            }
            (Some(_), _) => Ok(Claim::Other),
            (None, Some(first)) if first.event_id == delivery.event_id => Ok(Claim::New),
            (None, Some(first)) if first.facts == delivery.facts => Ok(Claim::Same(first.event_id)),
            (None, _) => Ok(Claim::Other),
        })
        .collect()
}

fn verdict(delivery: &Delivery, reuse: bool, claim: Claim) -> Verdict {
    match (&delivery.standing, claim) {
        _ if reuse => Verdict::Reused,
        (Standing::Held(refusal), _) => Verdict::Held(refusal.clone()),
        (_, Claim::Same(_)) => Verdict::Duplicate,
        (Standing::Unrecognized, _) => Verdict::Unrecognized,
        (Standing::Pending, _) => Verdict::Accepted,
    }
}

fn row(delivery: &Delivery, reuse: bool) -> DbResult<NewRow<'_>> {
    let reused = Refusal { code: Code::EventIdReused, errors: Vec::new() };
    let (state, refusal) = match &delivery.standing {
        _ if reuse => (State::Held, Some(&reused)),
        Standing::Pending => (State::Pending, None),
        Standing::Unrecognized => (State::Unrecognized, None),
        Standing::Held(refusal) => (State::Held, Some(refusal)),
    };
    let json = |error: serde_json::Error| DbError::Broken(error.into());
    Ok(NewRow {
        event_id: delivery.event_id.to_string(),
        source: &delivery.source,
        event_type: delivery.event_type.as_deref(),
        state: state.as_str(),
        body: delivery.body.bytes(),
        received_at: UtcTime::of(delivery.received_at),
        effective_at: UtcTime::of(delivery.effective_at),
        sequence: delivery.sequence,
        lane: delivery.lane,
        email_key: delivery.email_key.as_deref(),
        client_id: delivery.client_id.as_deref(),
        warnings: serde_json::to_string(&delivery.warnings).map_err(json)?,
        problem: refusal.map(serde_json::to_string).transpose().map_err(json)?,
    })
}

fn entries(submissions: &[Submission], settled: &[Settled], random: &Random) -> Vec<Sealed> {
    let completed = submissions.iter().zip(settled).map(|(submission, settled)| {
        trail::received(submission.entry.clone(), &submission.delivery, settled)
    });
    completed.map(|entry| seal(&entry, random)).collect()
}
