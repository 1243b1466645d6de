//! One run in one world: trouble while events are sent and calls made, then the checks.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::callers::{self, Call};
use crate::check::{self, Broken, Problem};
use crate::error::Error;
use crate::found::Terms;
use crate::inject::{self, Injected};
use crate::outside::Outside;
use crate::scenario::{Kind, Scenario};
use crate::sender::{self, Ledger};
use crate::traffic::Traffic;
use crate::world::World;

/// What a run came to.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Outcome {
    pub(crate) events: u64,
    pub(crate) attempts: u64,
    /// Attempts that were answered with success.
    pub(crate) acknowledged: u64,
    /// Events that nobody had acknowledged when all trouble was over.
    pub(crate) unacknowledged: u64,
    /// Attempts that went through a spool.
    pub(crate) spooled: u64,
    pub(crate) faults: u64,
    pub(crate) deaths: u64,
    pub(crate) problems: Vec<Problem>,
}

/// Makes a run.
pub(crate) async fn run(world: &mut World, scenario: &Scenario) -> Result<Outcome, Error> {
    let plan = scenario.plan();
    let traffic = Traffic::of(scenario.seed, &plan);
    let ledger = Arc::new(Ledger::of(&traffic));
    let mut expectation = plan.expectation.clone();
    let calls = callers::due(scenario, &expectation);
    callers::expect(&calls, &mut expectation);
    world.scale(scenario.replicas, scenario.spool).await?;
    inject::prepare(world, scenario).await?;
    let (outside, since) = (world.outside()?, Outside::now());

    let calling = callers::begin(&outside, scenario, calls);
    let (finish, finished) = watch::channel(false);
    let sending = async {
        sender::send(&outside, scenario, &traffic, &ledger).await;
        finish.send_replace(true);
    };
    let (injected, ()) = tokio::join!(inject::run(world, scenario, finished), sending);
    let Injected { deaths, faults, gaps } = injected?;

    // What nobody acknowledged is there whole, or not at all; and whoever sends it again is heard.
    let unacknowledged = ledger.unacknowledged().len() as u64;
    let gaps = scenario.keeps_all().then_some(gaps.as_slice());
    let mut terms = Terms { kind: scenario.kind, spool: scenario.spool, whole: false, gaps };
    let (mut problems, found) = check::events(world, &ledger, since, &terms).await?;
    let spooled = found.spooled;
    problems.extend(world.oddities()?.into_iter().map(|what| Problem::new(Broken::Died, what)));
    problems.extend(check::effects(&outside, &expectation, &found).await?);
    if scenario.kind == Kind::Outage && spooled == 0 && problems.is_empty() {
        return Err(Error::Untried("no event went through a spool".to_owned()));
    }
    if problems.is_empty() {
        sender::send_again(&outside, scenario, &traffic, &ledger).await;
        let calls = all(calling).await;
        terms.whole = true;
        problems.extend(check::events(world, &ledger, since, &terms).await?.0);
        problems.extend(check::calls(&outside, &calls, since).await?);
        problems.extend(check::records(&outside, &expectation, &calls).await?);
    }
    let attempts = ledger.attempts();
    Ok(Outcome {
        events: ledger.events.len() as u64,
        attempts: attempts.len() as u64,
        acknowledged: attempts.iter().filter(|attempt| attempt.acknowledged().is_some()).count() as u64,
        unacknowledged,
        spooled,
        faults,
        deaths,
        problems,
    })
}

async fn all(mut calling: JoinSet<Call>) -> Vec<Call> {
    let mut calls = Vec::new();
    while let Some(ended) = calling.join_next().await {
        // A call that broke off is one that nobody can say anything of; the history shows what it did.
        calls.extend(ended.ok());
    }
    calls
}
