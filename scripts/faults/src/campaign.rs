//! Many runs, in several worlds at once: most of a run is waiting for leases of the dead to end, so that one world alone would leave the
//! machine idle.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::ValueEnum as _;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::Error;
use crate::report::{Report, say};
use crate::run::{Outcome, run};
use crate::scenario::{Choice, Engine, Kind, Scenario};
use crate::world::{Place, World};

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    pub(crate) seed: u64,
    /// How many runs at most.
    pub(crate) runs: u64,
    /// No run begins later than this after the first.
    pub(crate) time: Option<Duration>,
    pub(crate) choice: Choice,
    pub(crate) root: PathBuf,
    pub(crate) programs: PathBuf,
    /// Where the logs of runs that went wrong are kept.
    pub(crate) kept: PathBuf,
}

struct Shared {
    orders: Orders,
    until: Option<Instant>,
    /// Seeds that nobody has taken, in order, each with its engine.
    waiting: Mutex<Vec<Scenario>>,
    report: Mutex<Report>,
    bar: ProgressBar,
    stopped: Mutex<bool>,
}

/// Runs it all, in worlds with these ports; what came of it.
pub(crate) async fn all(orders: Orders, worlds: Vec<(Engine, Vec<u16>)>) -> Result<Report, Error> {
    let scenarios = (0..).map(|n| orders.seed.wrapping_add(n));
    let scenarios = scenarios.filter_map(|seed| Scenario::of(seed, &orders.choice));
    let waiting: Vec<Scenario> = scenarios.take(usize::try_from(orders.runs).unwrap_or(usize::MAX)).collect();
    let bar = ProgressBar::new(waiting.len() as u64);
    let template = match orders.time {
        Some(_) => "{spinner} {pos} runs, {elapsed}",
        None => "{bar:30} {pos}/{len} runs, {elapsed}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_secs(1));
    let shared = Arc::new(Shared {
        until: orders.time.map(|time| Instant::now() + time),
        waiting: Mutex::new(waiting),
        report: Mutex::new(Report::of(orders.seed)),
        bar,
        stopped: Mutex::new(false),
        orders,
    });
    // Held by every worker, and dropped with it.
    let (working, mut all_done) = mpsc::channel::<()>(1);
    for (engine, ports) in worlds {
        let (shared, working) = (Arc::clone(&shared), working.clone());
        std::thread::Builder::new()
            .name("world".to_owned())
            .spawn(move || worker(&shared, engine, &ports, working))?;
    }
    drop(working);
    tokio::select! {
        _nothing = all_done.recv() => {}
        _asked = tokio::signal::ctrl_c() => {
            shared.bar.suspend(|| say("Runs that have begun are ended first."));
            *lock(&shared.stopped) = true;
            all_done.recv().await;
        }
    }
    shared.bar.finish_and_clear();
    let report = lock(&shared.report).clone();
    Ok(report)
}

/// A worker with a runtime of its own: what blocks in one world holds up no other.
fn worker(shared: &Shared, engine: Engine, ports: &[u16], working: mpsc::Sender<()>) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work(shared, engine, ports)),
        Err(error) => shared.bar.suspend(|| say(&format!("A world can't be made: {error}"))),
    }
    drop(working);
}

/// Makes one run after the other, in a world that is made anew when a run has gone wrong or its disk is nearly full.
async fn work(shared: &Shared, mut engine: Engine, ports: &[u16]) {
    let mut world: Option<World> = None;
    while let Some(scenario) = shared.next(engine) {
        engine = scenario.engine;
        let told = one(shared, &mut world, &scenario, ports).await;
        let good = matches!(&told, Ok(outcome) if outcome.problems.is_empty());
        let kept = match (&world, good) {
            (Some(world), false) => {
                world.keep_logs(&shared.orders.kept.join(scenario.seed.to_string())).is_ok()
            }
            _ => false,
        };
        shared.note(&scenario, told, kept);
        if !good || world.as_ref().is_none_or(|world| world.is_full().unwrap_or(true)) {
            world = None;
        }
    }
}

async fn one(
    shared: &Shared,
    world: &mut Option<World>,
    scenario: &Scenario,
    ports: &[u16],
) -> Result<Outcome, Error> {
    if world.as_ref().is_some_and(|world| world.engine != scenario.engine) {
        *world = None;
    }
    let there = match world {
        Some(there) => there,
        None => {
            let Orders { root, programs, .. } = shared.orders.clone();
            let place = Place { root, programs, ports: ports.to_vec() };
            world.insert(World::start(scenario.engine, place).await?)
        }
    };
    run(there, scenario).await
}

impl Shared {
    /// The next run: one on this engine, if any is left.
    fn next(&self, engine: Engine) -> Option<Scenario> {
        let late = self.until.is_some_and(|until| Instant::now() > until);
        if late || *lock(&self.stopped) {
            return None;
        }
        let mut waiting = lock(&self.waiting);
        let place = waiting.iter().position(|scenario| scenario.engine == engine);
        let place = place.or_else(|| (!waiting.is_empty()).then_some(0))?;
        Some(waiting.remove(place))
    }

    fn note(&self, scenario: &Scenario, told: Result<Outcome, Error>, kept: bool) {
        let logs = kept.then(|| self.orders.kept.join(scenario.seed.to_string()).display().to_string());
        let again = again(scenario, &self.orders);
        for line in lock(&self.report).note(scenario, told, again, logs) {
            self.bar.suspend(|| say(&line));
        }
        self.bar.inc(1);
    }
}

/// The command that makes this run again.
fn again(scenario: &Scenario, orders: &Orders) -> String {
    let mut command = format!("scripts/faults/run --seed {} --runs 1", scenario.seed);
    let Choice { engines, kinds, outage } = &orders.choice;
    if let [engine] = engines.as_slice() {
        command += &format!(" --database {}", engine.word());
    }
    if let Some(outage) = outage {
        command += &format!(" --seconds {}", outage.as_secs());
    }
    if kinds.len() < Kind::value_variants().len() {
        kinds.iter().for_each(|kind| command += &format!(" {}", kind.word()));
    }
    command
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
