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
        kinds.filter(|kind| engine == Engine::Postgres || *kind != Self::Postgres).collect()
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Point => "point",
            Self::Postgres => "postgres",
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
    pub(crate) faults: Vec<Fault>,
    pub(crate) plan: PlanOptions,
    /// How probable it is that a sender tries once and no more.
    pub(crate) once: f64,
    /// How many sendings are under way at once.
    pub(crate) at_once: usize,
}

impl Scenario {
    /// The run of this seed, among these kinds; `None` if none of them can happen on its engine.
    pub(crate) fn of(seed: u64, engines: &[Engine], kinds: &[Kind]) -> Option<Self> {
        // The lowest digits go through all steps and engines, so that a row of seeds has each.
        let step = seed % (ALL.len() as u64);
        let engine = *engines.get(usize::try_from(seed / (ALL.len() as u64)).ok()? % engines.len().max(1))?;
        let mut rng = Rng::with_seed(seed ^ 0x5eed_fa17);
        let kinds: Vec<Kind> = Kind::on(engine).into_iter().filter(|kind| kinds.contains(kind)).collect();
        let kind = rng.choice(&kinds).copied()?;
        let mut replicas = match engine {
            Engine::Postgres => rng.usize(1..=MOST_REPLICAS),
            Engine::Sqlite => 1,
        };
        if kind == Kind::Point {
            // With several, the one that is to die might not be the one that passes.
            replicas = 1;
        }
        let wild = kind == Kind::Sender;
        let plan = PlanOptions {
            duplicates: if wild { 0.6 } else { 0.1 },
            shuffle: if wild { 0.9 } else { 0.2 },
            old: 0.02,
            // A full disk is noticed by what needs room, so there must be enough.
            ..PlanOptions::new(seed, if kind == Kind::Disk { rng.usize(100..160) } else { rng.usize(30..90) })
        };
        let faults = faults(kind, engine, replicas, usize::try_from(step).ok()?, &mut rng);
        Some(Self { seed, engine, kind, replicas, faults, plan, once: 0.1, at_once: rng.usize(4..16) })
    }

    /// What is sent, and what must come of it.
    pub(crate) fn plan(&self) -> Plan {
        Plan::new(&self.plan)
    }
}

fn faults(kind: Kind, engine: Engine, replicas: usize, step: usize, rng: &mut Rng) -> Vec<Fault> {
    let how_many = rng.usize(1..4);
    let mut several = |mut one: Box<dyn FnMut(&mut Rng) -> Fault>| -> Vec<Fault> {
        (0..how_many).map(|_| one(rng)).collect()
    };
    match kind {
        Kind::Sender => Vec::new(),
        Kind::Kill => several(Box::new(move |rng| Fault::Kill {
            service: service(rng),
            replica: rng.usize(..replicas),
            at: millis(rng, 0..1_200),
            away: millis(rng, 0..600),
        })),
        Kind::Point => ALL.get(step).map_or_else(Vec::new, |(_, step, service)| {
            vec![Fault::Point { step, service, passage: passage(step, rng), away: millis(rng, 0..300) }]
        }),
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

/// Steps that a run passes seldom are died at the first time.
fn passage(step: &str, rng: &mut Rng) -> u64 {
    let seldom = ["change.", "impersonation.", "activity."].iter().any(|group| step.starts_with(group));
    if seldom { 1 } else { rng.u64(1..6) }
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

    const BOTH: [Engine; 2] = [Engine::Postgres, Engine::Sqlite];

    #[test]
    fn a_seed_is_a_run() {
        let all = Kind::value_variants();
        for seed in 0..200 {
            let told = |_| format!("{:?}", Scenario::of(seed, &BOTH, all));
            assert_eq!(told(1), told(2));
        }
    }

    #[test]
    fn a_row_of_seeds_dies_at_every_step_on_every_engine() {
        let runs = (1_000..).map_while(|seed| Scenario::of(seed, &BOTH, &[Kind::Point])).take(2 * ALL.len());
        let died: BTreeSet<(Engine, &str)> = runs
            .flat_map(|run| run.faults.into_iter().map(move |fault| (run.engine, fault)))
            .filter_map(|(engine, fault)| match fault {
                Fault::Point { step, .. } => Some((engine, step)),
                _ => None,
            })
            .collect();
        assert_eq!(died.len(), 2 * ALL.len());
    }

    #[test]
    fn every_kind_happens_on_every_engine_that_has_it() {
        let all = Kind::value_variants();
        let runs = (0..1_000).filter_map(|seed| Scenario::of(seed, &BOTH, all));
        let tried: BTreeSet<(Engine, Kind)> = runs.map(|run| (run.engine, run.kind)).collect();
        assert_eq!(tried.len(), Kind::on(Engine::Postgres).len() + Kind::on(Engine::Sqlite).len());
        assert!(Scenario::of(1, &[Engine::Sqlite], &[Kind::Postgres]).is_none());
    }
}
