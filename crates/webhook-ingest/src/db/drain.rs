//! The one commit by which spooled deliveries get to where they belong. It may have happened before, and so may each delivery's own
//! direct way in, whose end nobody saw: all of them meet the same keys.

use auth::random::Random;
use contract::audit::{Entry, Sealed};
use contract::clock::Timestamp;
use contract::ids::EntryId;
use contract::resources::EventState;
use db::fail_points::{self, Step as FailPoint};
use db::types::{Uid, UtcTime};
use db::{Conn, DbResult};
use http_kit::audit::seal;

use super::deliveries::{Decided, decide, row};
use super::inbox::{self, NewRow};
use super::spooled::Waiting;
use crate::domain::delivery::Answered;
use crate::domain::trail::{self, Drained};

/// Why an event stands as superseded that was acknowledged while the one before it could not be seen.
pub(crate) const DUPLICATE: &str = "duplicate";

/// Stores what was spooled, and the entries of all attempts. To be run in a transaction of its own.
///
/// What got in by another way stays as it is. An event whose key another has by now was acknowledged under an id of its own, so it
/// gets its row too, as one that is done with. Where an event stands otherwise than its sender was told, the trail says so, once: with
/// its row. One that gets in by another way at this moment is a [`DbError::Conflict`](db::DbError::Conflict); the next time it is there.
pub(crate) fn store(
    conn: &mut Conn,
    spooled: &[(Sealed, Option<Waiting>)],
    now: Timestamp,
    random: &Random,
) -> DbResult<()> {
    let firsts = || spooled.iter().filter_map(|(_, first)| first.as_ref());
    let ids: Vec<Uid> = firsts().map(|first| Uid::of(first.event_id)).collect();
    let there = inbox::there(conn, &ids)?;
    let missing: Vec<&Waiting> = firsts().filter(|first| !there.contains(&Uid::of(first.event_id))).collect();
    let deliveries: Vec<_> = missing.iter().map(|first| first.kept()).collect();
    let decided = decide(conn, &deliveries)?;
    let mut entries: Vec<Sealed> = spooled.iter().map(|(entry, _)| entry.clone()).collect();
    let (mut rows, mut duplicates) = (Vec::new(), Vec::new());
    for (first, Decided { reuse, holder }) in missing.into_iter().zip(decided) {
        let row = row(first.kept(), reuse)?;
        let drained = match holder {
            Some(other) => {
                duplicates.push(NewRow { state: EventState::Superseded.as_str(), problem: None, ..row });
                Some(Drained::Duplicate(other))
            }
            None => {
                rows.push(row);
                let answered = Answered::of(&first.said.standing, reuse);
                (answered != first.answered).then_some(Drained::As(answered))
            }
        };
        entries.extend(drained.map(|drained| seal(&entry(first, drained, now, random), random)));
    }
    inbox::add(conn, &rows)?;
    inbox::add_resolved(conn, &duplicates, DUPLICATE, UtcTime::of(now))?;
    outbox::insert_many(conn, &entries)?;
    fail_points::pass(FailPoint::DrainBeforeCommit);
    Ok(())
}

fn entry(first: &Waiting, drained: Drained, now: Timestamp, random: &Random) -> Entry {
    let id = EntryId::new(now, random.bytes());
    trail::drained(id, first.event_id, &first.source, drained, now)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use contract::ids::EventId;
    use contract::kyc::KycWords;
    use db::types::Id;
    use db::{Database, DatabaseUrl, Options, on_backend};
    use diesel::prelude::*;
    use diesel::sql_query;
    use diesel::sql_types::{Binary, Text};
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;
    use tempfile::TempDir;
    use test_kit::database::both;

    use super::super::body::Body;
    use super::super::deliveries::tests::{NOW, Told, body, submission};
    use super::super::deliveries::{self, Submission};
    use super::super::spooled;
    use super::*;
    use crate::domain::delivery::Settled;

    #[derive(Debug, Clone)]
    enum Step {
        /// They come while our own tables are there.
        Direct(Vec<Told>),
        /// They come while those are away.
        Spooled(Vec<Told>),
        /// The commit to our own tables ends unseen, so they go to the spool as well.
        InDoubt(Vec<Told>),
        /// Of what had been handed to our own tables before it went to the spool, all but so many get there after all.
        Late(usize),
        /// All that waits is stored; the process may die before it is removed.
        Drain { dies: bool },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let told = || prop::collection::vec((0..3_u8, prop::bool::weighted(0.8), 0..2_u8), 1..4);
        let step = prop_oneof![
            1 => told().prop_map(Step::Direct),
            3 => told().prop_map(Step::Spooled),
            1 => told().prop_map(Step::InDoubt),
            1 => (0..4_usize).prop_map(Step::Late),
            1 => any::<bool>().prop_map(|dies| Step::Drain { dies }),
        ];
        prop::collection::vec(step, 1..10)
    }

    /// Both places, and what was handed to them.
    struct World {
        own: Database,
        spool: Database,
        random: Random,
        /// All that was sent to our own tables, or may have been.
        handed: Vec<Arc<Submission>>,
        /// Our ids in the answers.
        answered: BTreeSet<EventId>,
        /// The ids of the attempts' entries.
        attempts: BTreeSet<String>,
    }

    impl World {
        async fn direct(&mut self, submissions: &[Arc<Submission>]) -> Vec<Settled> {
            let (submissions, random) = (submissions.to_vec(), self.random.clone());
            let stored = self.own.write(move |conn| deliveries::store(conn, &submissions, &random));
            stored.await.expect("they are stored")
        }

        async fn spooled(&mut self, submissions: &[Arc<Submission>]) -> Vec<Settled> {
            let (submissions, random) = (submissions.to_vec(), self.random.clone());
            let stored = self.spool.write(move |conn| spooled::store(conn, &submissions, 10_000, &random));
            stored.await.expect("they are spooled")
        }

        async fn drain(&mut self, dies: bool) {
            let rows = self.spool.read(|conn| spooled::oldest(conn, &BTreeSet::new(), 1_000));
            let rows = rows.await.expect("the spool can be read");
            let words = KycWords::built_in();
            let open: Vec<_> = rows.iter().map(|row| row.open(&words).expect("a good row")).collect();
            let random = self.random.clone();
            let stored = self.own.write(move |conn| store(conn, &open, NOW, &random));
            stored.await.expect("they are stored");
            if !dies {
                let removed = self.spool.write(move |conn| spooled::remove(conn, &rows));
                removed.await.expect("they are removed");
            }
        }

        async fn walk(&mut self, run: usize, step: Step) {
            let said = match &step {
                Step::Direct(said) | Step::Spooled(said) | Step::InDoubt(said) => said.as_slice(),
                Step::Late(_) | Step::Drain { .. } => &[],
            };
            let submissions: Vec<Arc<Submission>> =
                said.iter().map(|said| Arc::new(submission(&body(run, *said), &self.random))).collect();
            self.attempts.extend(submissions.iter().map(|submission| submission.entry.id.to_string()));
            let settled = match step {
                Step::Direct(_) => self.direct(&submissions).await,
                Step::Spooled(_) => {
                    self.handed.extend(submissions.iter().cloned());
                    self.spooled(&submissions).await
                }
                Step::InDoubt(_) => {
                    self.direct(&submissions).await;
                    self.spooled(&submissions).await
                }
                Step::Late(but) => {
                    let handed: Vec<_> = self.handed.iter().skip(but).cloned().collect();
                    self.direct(&handed).await;
                    Vec::new()
                }
                Step::Drain { dies } => {
                    self.drain(dies).await;
                    Vec::new()
                }
            };
            self.answered.extend(settled.iter().map(|settled| settled.event_id));
        }
    }

    #[derive(Debug, QueryableByName)]
    struct Kept {
        #[diesel(sql_type = Id)]
        event_id: Uid,
        #[diesel(sql_type = Text)]
        state: String,
        #[diesel(sql_type = Binary)]
        body: Body,
    }

    /// Whatever way deliveries take, and in whatever order: each event is to take effect once, each that can't be read is held once,
    /// each id that was answered can be asked for, and each attempt is on the trail once.
    async fn check(world: &World, run: usize) {
        let all = (0..3).flat_map(|id| [(id, true, 0), (id, true, 1), (id, false, 0), (id, false, 1)]);
        let by_body: BTreeMap<Vec<u8>, Told> = all.map(|told| (body(run, told).into_bytes(), told)).collect();
        let rows = world.own.read(|conn| {
            let query = sql_query("select event_id, state, body from events");
            Ok(on_backend!(conn, |c| query.load::<Kept>(c))?)
        });
        let rows = rows.await.expect("the inbox can be read");
        let mut states: BTreeMap<Told, Vec<&str>> = BTreeMap::new();
        for row in &rows {
            if let Some(told) = by_body.get(&row.body.0) {
                states.entry(*told).or_default().push(&row.state);
            }
        }
        let count = |of: Told, state: &str| {
            states.get(&of).map_or(0, |states| states.iter().filter(|one| **one == state).count())
        };
        for id in 0..3 {
            let versions = [(id, true, 0), (id, true, 1)];
            let known = versions.iter().filter(|told| states.contains_key(told)).count();
            let pending: usize = versions.iter().map(|told| count(*told, "pending")).sum();
            assert_eq!(pending, known.min(1), "one effect: {states:?}");
            // Whoever wants to see a version finds it, and finds it held once at most. The one that takes effect may be held besides,
            // where its sender was told so before it came again; its key keeps it from a second effect.
            for told in versions {
                let (pending, held) = (count(told, "pending"), count(told, "held"));
                assert!(held <= 1, "{states:?}");
                assert_eq!(pending + held > 0, states.contains_key(&told), "{states:?}");
            }
            for facts in 0..2 {
                let unreadable = (id, false, facts);
                let held = usize::from(states.contains_key(&unreadable));
                assert_eq!(count(unreadable, "held"), held, "held once: {states:?}");
            }
        }
        let there: BTreeSet<EventId> =
            rows.iter().map(|row| EventId::from_uuid(row.event_id.0).expect("an id")).collect();
        assert!(world.answered.is_subset(&there), "{:?}", world.answered.difference(&there));
        let mut entries = world.own.read(outbox::waiting).await.expect("the outbox can be read");
        entries.retain(|entry| entry.payload.contains("webhook.receive"));
        let on_trail: BTreeSet<String> = entries.iter().map(|entry| entry.id.to_string()).collect();
        assert!(world.attempts.is_subset(&on_trail));
    }

    #[test]
    fn each_event_counts_once_whatever_way_it_comes() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let folder = TempDir::with_prefix("crm-spool.").expect("a folder");
        for on in both() {
            let own = on.open(crate::SCHEMA);
            runtime.block_on(crate::MIGRATIONS.run(&own)).expect("the migrations run");
            let file = folder.path().join(format!("{:?}.sqlite", on.backend()));
            let spool = Database::open(DatabaseUrl::sqlite(&file), "spool", &Options::default());
            let spool = spool.expect("a good name");
            crate::SPOOL_MIGRATIONS.run_at_start(&spool).expect("the migrations run");
            let settings = ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() };
            let run = std::cell::Cell::new(0);
            let outcome = TestRunner::new(settings).run(&steps(), |steps| {
                run.set(run.get() + 1);
                let mut world = World {
                    own: own.clone(),
                    spool: spool.clone(),
                    random: Random::system(),
                    handed: Vec::new(),
                    answered: BTreeSet::new(),
                    attempts: BTreeSet::new(),
                };
                runtime.block_on(async {
                    for step in steps {
                        world.walk(run.get(), step).await;
                    }
                    world.drain(false).await;
                    assert_eq!(world.spool.read(spooled::count).await.expect("it can be read"), 0);
                    check(&world, run.get()).await;
                });
                Ok(())
            });
            outcome.expect("the law holds");
        }
    }
}
