//! Trouble, made while a run goes on: each fault at its moment, and everything as it should be at the end.

use std::time::Duration;

use test_kit::proxy::Direction;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::error::Error;
use crate::scenario::{Fault, Line, Scenario};
use crate::world::World;

/// How long a process that is to die at a step is waited for, once everything is sent.
const LAST_PASSAGE: Duration = Duration::from_secs(3);

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
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Injected {
    /// Processes of ours that died.
    pub(crate) deaths: u64,
    /// Things that were done: kills, passages, stops, cuts, stalls, disks filled.
    pub(crate) faults: u64,
}

/// What must be done before the first event.
pub(crate) async fn prepare(world: &mut World, scenario: &Scenario) -> Result<(), Error> {
    for fault in &scenario.faults {
        match fault {
            Fault::Point { step, service, passage, .. } => {
                world.restart(service, 0, Some(&format!("{step}:{passage}"))).await?;
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
    let mut injected = Injected::default();
    let start = Instant::now();
    for (at, deed) in deeds(&scenario.faults) {
        sleep_until(start + at).await;
        perform(world, &deed, &mut injected).await?;
    }
    for fault in &scenario.faults {
        if let Fault::Point { service, away, .. } = fault {
            await_death(world, service, *away, finished.clone(), &mut injected).await?;
        }
    }
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
        Deed::Kill(service, replica) => {
            if !world.has_ended(service, replica)? {
                world.kill(service, replica)?;
                injected.deaths += 1;
                injected.faults += 1;
            }
        }
        Deed::Launch(service, replica) => {
            if world.has_ended(service, replica)? {
                world.launch(service, replica, None)?;
            }
        }
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

/// Waits until the service has died at its step, and starts it again after a while. One that does not pass it is started anew too, since
/// the next run must not find it armed.
async fn await_death(
    world: &mut World,
    service: &'static str,
    away: Duration,
    mut finished: watch::Receiver<bool>,
    injected: &mut Injected,
) -> Result<(), Error> {
    let too_late = async {
        // The sender of events says so once, or is gone: either way there is nothing more to come.
        drop(finished.wait_for(|finished| *finished).await);
        sleep(LAST_PASSAGE).await;
    };
    tokio::pin!(too_late);
    while !world.has_ended(service, 0)? {
        if timeout(LOOK, &mut too_late).await.is_ok() {
            return world.restart(service, 0, None).await;
        }
    }
    injected.deaths += 1;
    injected.faults += 1;
    sleep(away).await;
    world.launch(service, 0, None)
}
