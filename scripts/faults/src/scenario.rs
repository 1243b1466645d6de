//! What a run is: everything about it follows from its seed and the kinds that were asked for, so that it can be run again.

use std::ops::Range;
use std::time::Duration;

use clap::ValueEnum;
use db::fail_points::ALL;
use fastrand::Rng;
use serde::Serialize;
use trading_sim::platform::{Plan, PlanOptions};

/// The services that are run, in the order in which they start. The dashboard keeps nothing, so nothing of it can be lost.
pub(crate) const SERVICES: [&str; 5] =
    ["audit-log", "sso-issuer", "service-api", "webhook-ingest", "gateway"];

/// The most replicas of a service.
pub(crate) const MOST_REPLICAS: usize = 3;

/// A database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    Postgres,
    Sqlite,
}

impl Engine {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }
}

/// The kinds of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// kill -9 of services at random moments.
    Kill,
    /// A service dies at a named step (abuse case W10).
    Point,
    /// PostgreSQL is stopped immediate.
    Postgres,
    /// PostgreSQL is away for long while events that are sent once go to spools, and webhook-ingest is killed in it and after it.
    Outage,
    /// The disk under the databases is full (abuse case A5).
    Disk,
    /// What is written can't be made durable: every fsync fails (abuse case A5).
    Sync,
    /// Connections are cut, between services and to PostgreSQL; the ends of answers are lost.
    Cut,
    /// Connections go silent.
    Stall,
    /// Only the sender's own: many duplicates, all out of order.
    Sender,
}

impl Kind {
    /// All that can happen on this engine.
    pub(crate) fn on(engine: Engine) -> Vec<Self> {
        let kinds = Self::value_variants().iter().copied();
        let of_postgres = [Self::Postgres, Self::Outage];
        kinds.filter(|kind| engine == Engine::Postgres || !of_postgres.contains(kind)).collect()
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Point => "point",
            Self::Postgres => "postgres",
            Self::Outage => "outage",
            Self::Disk => "disk",
            Self::Sync => "sync",
            Self::Cut => "cut",
            Self::Stall => "stall",
            Self::Sender => "sender",
        }
    }
}

/// A connection that can be cut or go silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Those of everyone to a service.
    To(&'static str),
    /// Those of a service to its database.
    Database(&'static str),
}

/// One thing that is done to the services. Moments are counted from the first event on.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A replica is killed, and started again after a while.
    Kill { service: &'static str, replica: usize, at: Duration, away: Duration },
    /// A service is to die at the nth passage of a step.
    Point { step: &'static str, service: &'static str, passage: u64, away: Duration },
    /// PostgreSQL is stopped immediate, and started again after a while.
    Postgres { at: Duration, away: Duration },
    /// Nothing can be written for a while.
    Disk { at: Duration, full: Duration },
    /// Every fsync fails for a while.
    Sync { at: Duration, failing: Duration },
    /// Connections are cut.
    Cut { line: Line, at: Duration },
    /// Connections are cut and refused for a while.
    Refuse { line: Line, at: Duration, away: Duration },
    /// So many bytes of answers on, their connection is cut.
    CutAnswer { line: Line, at: Duration, bytes: usize },
    /// Connections are silent for a while.
    Stall { line: Line, at: Duration, silent: Duration },
}

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) engine: Engine,
    pub(crate) kind: Kind,
    /// Of each service.
    pub(crate) replicas: usize,
    /// Has each replica of webhook-ingest a spool?
    pub(crate) spool: bool,
    pub(crate) faults: Vec<Fault>,
    pub(crate) plan: PlanOptions,
    /// How probable it is that a sender tries once and no more.
    pub(crate) once: f64,
    /// How many sendings are under way at once.
    pub(crate) at_once: usize,
}

/// Among what a seed chooses.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) engines: Vec<Engine>,
    pub(crate) kinds: Vec<Kind>,
    /// How long PostgreSQL is away in an outage, if the seed is not to say.
    pub(crate) outage: Option<Duration>,
}

impl Scenario {
    /// The run of this seed; `None` if none of the kinds can happen on its engine, or at its step.
    pub(crate) fn of(seed: u64, choice: &Choice) -> Option<Self> {
        // The lowest digits go through all steps and engines, so that a row of seeds has each.
        let steps = ALL.len() as u64;
        let (_, step, service) = *ALL.get(usize::try_from(seed % steps).ok()?)?;
        let engines = &choice.engines;
        let engine = *engines.get(usize::try_from(seed / steps).ok()? % engines.len().max(1))?;
        let mut rng = Rng::with_seed(seed ^ 0x5eed_fa17);
        let can_be = |kind: &Kind| match kind {
            Kind::Point => engine == Engine::Postgres || !is_of_spool(step),
            _ => true,
        };
        let kinds = Kind::on(engine).into_iter().filter(|kind| choice.kinds.contains(kind) && can_be(kind));
        let kind = rng.choice(kinds.collect::<Vec<_>>())?;
        let mut replicas = match engine {
            Engine::Postgres => rng.usize(1..=MOST_REPLICAS),
            Engine::Sqlite => 1,
        };
        if kind == Kind::Point {
            // With several, the one that is to die might not be the one that passes.
            replicas = 1;
        }
        let in_outage = kind == Kind::Outage || kind == Kind::Point && is_of_spool(step);
        let spool = engine == Engine::Postgres && (in_outage || rng.bool());
        let faults = match kind {
            Kind::Point => point(step, service, &mut rng),
            Kind::Outage => outage(replicas, choice.outage, &mut rng),
            _ => faults(kind, engine, replicas, &mut rng),
        };
        let wild = kind == Kind::Sender;
        let events = match kind {
            // A full disk is noticed by what needs room, so there must be enough.
            Kind::Disk => rng.usize(100..160),
            Kind::Outage => during(&faults),
            _ => rng.usize(30..90),
        };
        let plan = PlanOptions {
            duplicates: if wild { 0.6 } else { 0.1 },
            shuffle: if wild { 0.9 } else { 0.2 },
            old: 0.02,
            ..PlanOptions::new(seed, events)
        };
        let (once, at_once) = match kind {
            Kind::Outage => (1.0, MOST_AT_ONCE),
            _ => (0.1, rng.usize(4..16)),
        };
        Some(Self { seed, engine, kind, replicas, spool, faults, plan, once, at_once })
    }

    /// What is sent, and what must come of it.
    pub(crate) fn plan(&self) -> Plan {
        Plan::new(&self.plan)
    }

    /// The longest that passes between two sendings, in milliseconds; half of it in the mean.
    pub(crate) fn longest_pause(&self) -> u64 {
        if self.kind == Kind::Outage { LONGEST_PAUSE } else { 25 }
    }

    /// Is only PostgreSQL away in this run, and is there a spool? Then even senders that try once lose nothing, as long as there is a
    /// webhook-ingest to talk to.
    pub(crate) fn keeps_all(&self) -> bool {
        let only_postgres = match self.kind {
            Kind::Postgres | Kind::Outage => true,
            Kind::Point => self.step().is_some_and(is_of_spool),
            _ => false,
        };
        self.spool && only_postgres
    }

    /// The step that a process is to die at.
    pub(crate) fn step(&self) -> Option<&'static str> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::Point { step, .. } => Some(*step),
            _ => None,
        })
    }

    /// For how long PostgreSQL is away.
    pub(crate) fn away(&self) -> Duration {
        let away = |fault: &Fault| match fault {
            Fault::Postgres { away, .. } => *away,
            _ => Duration::ZERO,
        };
        self.faults.iter().map(away).max().unwrap_or_default()
    }
}

/// Is this a step that only who has a spool passes, and only when PostgreSQL went away?
fn is_of_spool(step: &str) -> bool {
    step.starts_with("spool.") || step.starts_with("drain.")
}

/// In an outage 50 events a second are sent, and none of them waits for those before it.
const LONGEST_PAUSE: u64 = 40;
const MOST_AT_ONCE: usize = 512;

/// For how long they go on after it.
const AFTER: Duration = Duration::from_millis(1_500);

/// How many events are sent from the beginning until some time after an outage.
fn during(faults: &[Fault]) -> usize {
    let end = faults.iter().map(|fault| match fault {
        Fault::Postgres { at, away } => *at + *away + AFTER,
        _ => Duration::ZERO,
    });
    let millis = end.max().unwrap_or_default().as_millis();
    usize::try_from(millis / u128::from(LONGEST_PAUSE / 2)).unwrap_or(usize::MAX)
}

/// A process dies at a step. Those of the spool are only passed when PostgreSQL goes away, and comes back.
fn point(step: &'static str, service: &'static str, rng: &mut Rng) -> Vec<Fault> {
    let mut faults =
        vec![Fault::Point { step, service, passage: passage(step, rng), away: millis(rng, 0..300) }];
    if is_of_spool(step) {
        faults.push(Fault::Postgres { at: millis(rng, 100..400), away: millis(rng, 500..1_500) });
    }
    faults
}

/// PostgreSQL goes away for long. A replica of webhook-ingest is killed in the middle of it, and one when it is over and spools are
/// drained.
fn outage(replicas: usize, length: Option<Duration>, rng: &mut Rng) -> Vec<Fault> {
    let (at, drawn) = (millis(rng, 300..1_500), millis(rng, 2_000..6_000));
    let away = length.unwrap_or(drawn);
    let mut kill = |at: Duration| {
        let (service, replica) = ("webhook-ingest", rng.usize(..replicas));
        Fault::Kill { service, replica, at: at + millis(rng, 0..800), away: millis(rng, 0..600) }
    };
    vec![kill(at + away / 2), kill(at + away), Fault::Postgres { at, away }]
}

fn faults(kind: Kind, engine: Engine, replicas: usize, rng: &mut Rng) -> Vec<Fault> {
    let how_many = rng.usize(1..4);
    let mut several = |mut one: Box<dyn FnMut(&mut Rng) -> Fault>| -> Vec<Fault> {
        (0..how_many).map(|_| one(rng)).collect()
    };
    match kind {
        // Made elsewhere.
        Kind::Sender | Kind::Point | Kind::Outage => Vec::new(),
        Kind::Kill => several(Box::new(move |rng| Fault::Kill {
            service: service(rng),
            replica: rng.usize(..replicas),
            at: millis(rng, 0..1_200),
            away: millis(rng, 0..600),
        })),
        Kind::Postgres => {
            vec![Fault::Postgres { at: millis(rng, 0..1_000), away: millis(rng, 0..1_500) }]
        }
        Kind::Disk => {
            vec![Fault::Disk { at: millis(rng, 0..300), full: millis(rng, 1_000..4_000) }]
        }
        Kind::Sync => {
            vec![Fault::Sync { at: millis(rng, 0..800), failing: millis(rng, 200..2_000) }]
        }
        Kind::Cut => several(Box::new(move |rng| {
            let (line, at) = (line(engine, rng), millis(rng, 0..1_200));
            match rng.u8(..3) {
                0 => Fault::Cut { line, at },
                1 => Fault::Refuse { line, at, away: millis(rng, 50..1_500) },
                _ => Fault::CutAnswer { line, at, bytes: rng.usize(..3_000) },
            }
        })),
        Kind::Stall => several(Box::new(move |rng| Fault::Stall {
            line: line(engine, rng),
            at: millis(rng, 0..1_200),
            silent: millis(rng, 100..6_000),
        })),
    }
}

/// At which passage a process dies: any run must have so many. Batches may be few, where the leases of the dead had to end first.
fn passage(step: &str, rng: &mut Rng) -> u64 {
    match step {
        "ingest.verified" | "ingest.before_commit" | "ingest.after_commit" => rng.u64(1..6),
        "spool.before_commit" | "spool.after_commit" => rng.u64(1..6),
        "append.before_commit" | "append.after_commit" => rng.u64(1..4),
        _ => 1,
    }
}

fn service(rng: &mut Rng) -> &'static str {
    rng.choice(SERVICES).unwrap_or("gateway")
}

fn line(engine: Engine, rng: &mut Rng) -> Line {
    let service = service(rng);
    match engine {
        // The gateway has no database.
        Engine::Postgres if service != "gateway" && rng.bool() => Line::Database(service),
        _ => Line::To(service),
    }
}

fn millis(rng: &mut Rng, range: Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn choice(kinds: &[Kind]) -> Choice {
        Choice { engines: vec![Engine::Postgres, Engine::Sqlite], kinds: kinds.to_vec(), outage: None }
    }

    #[test]
    fn a_seed_is_a_run() {
        let all = choice(Kind::value_variants());
        for seed in 0..200 {
            let told = |_| format!("{:?}", Scenario::of(seed, &all));
            assert_eq!(told(1), told(2));
        }
    }

    #[test]
    fn a_row_of_seeds_dies_at_every_step_on_every_engine_that_has_it() {
        let all: BTreeSet<(Engine, &str)> = ALL
            .into_iter()
            .flat_map(|(_, step, _)| [(Engine::Postgres, step), (Engine::Sqlite, step)])
            .filter(|(engine, step)| *engine == Engine::Postgres || !is_of_spool(step))
            .collect();
        // As many as CI makes.
        assert_eq!(all.len(), 41);
        for first in [0, 1_000, 1_017] {
            let runs = (first..).filter_map(|seed| Scenario::of(seed, &choice(&[Kind::Point])));
            let died: BTreeSet<_> =
                runs.take(all.len()).filter_map(|run| Some((run.engine, run.step()?))).collect();
            assert_eq!(died, all);
        }
    }

    #[test]
    fn every_kind_happens_on_every_engine_that_has_it_with_spools_and_without() {
        let all = choice(Kind::value_variants());
        let runs = (0..1_000).filter_map(|seed| Scenario::of(seed, &all));
        let tried: BTreeSet<(Engine, Kind, bool)> =
            runs.map(|run| (run.engine, run.kind, run.spool)).collect();
        // An outage without a spool is only what the kind `postgres` is.
        let (postgres, sqlite) = (Kind::on(Engine::Postgres).len(), Kind::on(Engine::Sqlite).len());
        assert_eq!(tried.len(), 2 * postgres - 1 + sqlite);
        let on_sqlite = Choice { engines: vec![Engine::Sqlite], ..choice(&[Kind::Postgres, Kind::Outage]) };
        assert!((0..50).all(|seed| Scenario::of(seed, &on_sqlite).is_none()));
    }

    #[test]
    fn an_outage_is_as_long_as_it_is_wanted_and_events_come_all_through_it() {
        let five_minutes = Duration::from_secs(300);
        let wanted = Choice { outage: Some(five_minutes), ..choice(&[Kind::Outage]) };
        let run = Scenario::of(1, &wanted).expect("it can happen");
        assert_eq!(run.away(), five_minutes);
        assert!((15_000..16_000).contains(&run.plan.events), "{}", run.plan.events);
        assert!(run.keeps_all());
    }
}
