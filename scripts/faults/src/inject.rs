//! Trouble, made while a run goes on: each fault at its moment, and everything as it should be at the end.

use std::collections::VecDeque;
use std::time::Duration;

use test_kit::proxy::Direction;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::Error;
use crate::scenario::{Fault, Line, Scenario};
use crate::world::World;

/// How long a process that is to die at a step is waited for, once everything is sent and all else is done.
const LAST_PASSAGE: Duration = Duration::from_secs(10);

/// What is left of a disk that is about to be full, in megabytes.
const LEFT: u64 = 6;

const LOOK: Duration = Duration::from_millis(5);

/// What is done at one moment.
enum Deed {
    Kill(&'static str, usize),
    Launch(&'static str, usize),
    StopPostgres,
    StartPostgres,
    Fill,
    Free,
    FailSyncs,
    Sync,
    Cut(Line),
    Refuse(Line),
    CutAnswer(Line, usize),
    Stall(Line),
    Resume(Line),
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Injected {
    /// Processes of ours that died.
    pub(crate) deaths: u64,
    /// Things that were done: kills, passages, stops, cuts, stalls, disks filled.
    pub(crate) faults: u64,
    /// When a replica of webhook-ingest was not there to be talked to, or may not have been. Only looked for where it makes a difference,
    /// see [`Scenario::keeps_all`].
    pub(crate) gaps: Vec<Gap>,
}

/// A time in which a process was dead, or was not ready again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

/// A process that is to die at a step.
struct Armed {
    step: &'static str,
    service: &'static str,
    away: Duration,
    /// When it was last seen alive.
    seen: Instant,
}

/// Trouble under way.
struct Trouble<'a> {
    world: &'a mut World,
    /// What is still to be done, in the order of its moments.
    deeds: VecDeque<(Instant, Deed)>,
    armed: Option<Armed>,
    /// The beginning of a gap.
    dead_from: Option<Instant>,
    looks_for_gaps: bool,
    injected: Injected,
}

/// What must be done before the first event.
pub(crate) async fn prepare(world: &mut World, scenario: &Scenario) -> Result<(), Error> {
    for fault in &scenario.faults {
        match fault {
            Fault::Point { step, service, passage, .. } => {
                // What earlier runs left to be done may lead it to its step at once.
                let started = world.restart(service, 0, Some(&format!("{step}:{passage}"))).await;
                if !world.has_ended(service, 0)? {
                    started?;
                }
            }
            // The most of it, so that the rest is filled in a moment.
            Fault::Disk { .. } => world.disk.fill_all_but(LEFT).await?,
            _ => {}
        }
    }
    Ok(())
}

/// Does all that the scenario says, then heals the world. `finished` turns true when all events have been sent.
pub(crate) async fn run(
    world: &mut World,
    scenario: &Scenario,
    finished: watch::Receiver<bool>,
) -> Result<Injected, Error> {
    let start = Instant::now();
    let deeds = deeds(&scenario.faults).into_iter().map(|(at, deed)| (start + at, deed));
    let armed = scenario.faults.iter().find_map(|fault| match *fault {
        Fault::Point { step, service, away, .. } => Some(Armed { step, service, away, seen: start }),
        _ => None,
    });
    let (deeds, looks_for_gaps) = (deeds.collect(), scenario.keeps_all());
    let injected = Injected::default();
    let mut trouble = Trouble { world, deeds, armed, dead_from: None, looks_for_gaps, injected };
    trouble.make(finished).await?;
    let injected = trouble.injected;
    world.heal().await?;
    Ok(injected)
}

/// The deeds in the order of their moments.
fn deeds(faults: &[Fault]) -> Vec<(Duration, Deed)> {
    let mut deeds: Vec<(Duration, Deed)> = faults
        .iter()
        .flat_map(|fault| match *fault {
            Fault::Kill { service, replica, at, away } => {
                vec![(at, Deed::Kill(service, replica)), (at + away, Deed::Launch(service, replica))]
            }
            Fault::Point { .. } => Vec::new(),
            Fault::Postgres { at, away } => vec![(at, Deed::StopPostgres), (at + away, Deed::StartPostgres)],
            Fault::Disk { at, full } => vec![(at, Deed::Fill), (at + full, Deed::Free)],
            Fault::Sync { at, failing } => vec![(at, Deed::FailSyncs), (at + failing, Deed::Sync)],
            Fault::Cut { line, at } => vec![(at, Deed::Cut(line))],
            Fault::Refuse { line, at, away } => {
                vec![(at, Deed::Refuse(line)), (at + away, Deed::Resume(line))]
            }
            Fault::CutAnswer { line, at, bytes } => vec![(at, Deed::CutAnswer(line, bytes))],
            Fault::Stall { line, at, silent } => {
                vec![(at, Deed::Stall(line)), (at + silent, Deed::Resume(line))]
            }
        })
        .collect();
    deeds.sort_by_key(|(at, _)| *at);
    deeds
}

async fn perform(world: &mut World, deed: &Deed, injected: &mut Injected) -> Result<(), Error> {
    match *deed {
        // See `Trouble`.
        Deed::Kill(..) | Deed::Launch(..) => {}
        Deed::StopPostgres => {
            if let Some(postgres) = &world.postgres {
                postgres.stop().await?;
                injected.faults += 1;
            }
        }
        Deed::StartPostgres => {
            if let Some(postgres) = &world.postgres {
                postgres.start_again().await?;
            }
        }
        Deed::Fill => {
            world.disk.fill().await;
            injected.faults += 1;
        }
        Deed::Free => world.disk.free()?,
        Deed::FailSyncs => {
            world.fail_syncs(true)?;
            injected.faults += 1;
        }
        Deed::Sync => world.fail_syncs(false)?,
        Deed::Cut(line) => {
            world.proxy(line)?.cut();
            injected.faults += 1;
        }
        Deed::Refuse(line) => {
            world.proxy(line)?.refuse();
            injected.faults += 1;
        }
        Deed::CutAnswer(line, bytes) => {
            world.proxy(line)?.cut_after(Direction::FromTarget, bytes);
            injected.faults += 1;
        }
        Deed::Stall(line) => {
            world.proxy(line)?.stall();
            injected.faults += 1;
        }
        Deed::Resume(line) => world.proxy(line)?.resume(),
    }
    Ok(())
}

impl Trouble<'_> {
    /// Does each deed at its moment, and waits for the process that is to die.
    async fn make(&mut self, mut finished: watch::Receiver<bool>) -> Result<(), Error> {
        let mut too_late = None;
        loop {
            self.look_for_the_dead()?;
            match self.deeds.front() {
                Some((at, _)) if *at <= Instant::now() => self.next_deed().await?,
                Some((at, _)) if self.armed.is_none() => sleep_until(*at).await,
                None if self.armed.is_none() => return Ok(()),
                waiting => {
                    let rest = waiting.is_none() && *finished.borrow_and_update();
                    let begun = *too_late.get_or_insert_with(Instant::now);
                    match &self.armed {
                        Some(armed) if rest && begun.elapsed() > LAST_PASSAGE => {
                            return Err(Error::Untried(format!(
                                "{} never passed {}",
                                armed.service, armed.step
                            )));
                        }
                        _ if !rest => too_late = None,
                        _ => {}
                    }
                    sleep(LOOK).await;
                }
            }
        }
    }

    /// Has the process died that is to die? Then it is started again after a while.
    fn look_for_the_dead(&mut self) -> Result<(), Error> {
        let Some(armed) = &mut self.armed else { return Ok(()) };
        let now = Instant::now();
        if !self.world.has_ended(armed.service, 0)? {
            armed.seen = now;
            return Ok(());
        }
        self.dead_from = Some(armed.seen);
        self.injected.deaths += 1;
        self.injected.faults += 1;
        let (at, launch) = (now + armed.away, Deed::Launch(armed.service, 0));
        let place = self.deeds.partition_point(|(other, _)| *other <= at);
        self.deeds.insert(place, (at, launch));
        self.armed = None;
        Ok(())
    }

    async fn next_deed(&mut self) -> Result<(), Error> {
        match self.deeds.pop_front() {
            Some((_, Deed::Kill(service, replica))) if !self.world.has_ended(service, replica)? => {
                self.dead_from = Some(Instant::now());
                self.world.kill(service, replica)?;
                self.injected.deaths += 1;
                self.injected.faults += 1;
                Ok(())
            }
            Some((_, Deed::Launch(service, replica))) if self.world.has_ended(service, replica)? => {
                self.world.launch(service, replica, None)?;
                self.note_gap(service, replica).await
            }
            Some((_, deed)) => perform(self.world, &deed, &mut self.injected).await,
            None => Ok(()),
        }
    }

    /// Waits for the end of a gap, where gaps are looked for.
    async fn note_gap(&mut self, service: &'static str, replica: usize) -> Result<(), Error> {
        if let Some(from) = self.dead_from.take().filter(|_| self.looks_for_gaps) {
            self.world.until_ready(service, replica).await?;
            self.injected.gaps.push(Gap { from, until: Instant::now() });
        }
        Ok(())
    }
}
