//! The fault campaign: runs of the services as separate processes, each with a trouble of its own, each checked from the outside. Every
//! 2xx was applied exactly once, nothing unacknowledged was half applied, and the trail has every attempt. It knows the services as
//! strangers do, by their settings and their HTTP; only the names of the steps at which they can be made to die it shares with them.

mod callers;
mod campaign;
mod check;
mod disk;
mod error;
mod found;
mod inject;
mod outside;
mod postgres;
mod process;
mod report;
mod run;
mod scenario;
mod sender;
mod traffic;
mod world;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use test_kit::ports::free_port;

use crate::campaign::Orders;
use crate::error::Error;
use crate::report::{Report, say};
use crate::scenario::{Choice, Engine, Kind, MOST_REPLICAS, SERVICES};

/// Kills, stops, fills and cuts the services in many runs, and checks from the outside that nothing was lost or done twice.
#[derive(Parser)]
struct Arguments {
    /// The kinds of trouble; all of them when none is named.
    #[arg(value_enum)]
    kinds: Vec<Kind>,
    /// The seed of the first run; each further run has the next one. Chosen by chance, and told, when it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// How many runs.
    #[arg(long)]
    runs: Option<u64>,
    /// For how long runs begin, in place of their number, or as a bound beside it.
    #[arg(long)]
    minutes: Option<f64>,
    /// On which database.
    #[arg(long, value_enum, default_value_t = Databases::Both)]
    database: Databases,
    /// How many worlds run side by side: each is a database and a process or more for each service.
    #[arg(long, default_value_t = 6)]
    worlds: usize,
    /// How many seconds PostgreSQL is away in an outage, in place of some that the seed says.
    #[arg(long)]
    seconds: Option<u64>,
    /// JSON in place of the table.
    #[arg(long)]
    json: bool,
    /// The folder with the sources.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// The folder with the services, built with fail points.
    #[arg(long)]
    programs: PathBuf,
}

/// More runs than any campaign by the clock has.
const LONGEST: u64 = 20_000;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Databases {
    Postgres,
    Sqlite,
    Both,
}

fn main() -> ExitCode {
    match start(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("faults: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs the campaign and prints its report; was everything good?
fn start(arguments: Arguments) -> Result<bool, Error> {
    let engines = match arguments.database {
        Databases::Postgres => vec![Engine::Postgres],
        Databases::Sqlite => vec![Engine::Sqlite],
        Databases::Both => vec![Engine::Postgres, Engine::Sqlite],
    };
    let kinds = if arguments.kinds.is_empty() { Kind::value_variants().to_vec() } else { arguments.kinds };
    if !engines.iter().any(|engine| Kind::on(*engine).iter().any(|kind| kinds.contains(kind))) {
        return Err(Error::Impossible(
            "none of these kinds of trouble can happen on that database".to_owned(),
        ));
    }
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1 << 40));
    let runs = arguments.runs.unwrap_or(if arguments.minutes.is_some() { LONGEST } else { 200 });
    let worlds = arguments.worlds.clamp(1, usize::try_from(runs).unwrap_or(usize::MAX).max(1));
    let time = arguments.minutes.map(|minutes| Duration::from_secs_f64(minutes.max(0.0) * 60.0));
    let root = arguments.root.canonicalize()?;
    let programs = arguments.programs.canonicalize()?;
    check_programs(&programs)?;
    let words: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
    say(&format!("From seed {seed} on, {worlds} worlds side by side: {}", words.join(", ")));
    let kept = programs.join("failed");
    let outage = arguments.seconds.map(Duration::from_secs);
    let choice = Choice { engines: engines.clone(), kinds, outage };
    let orders = Orders { seed, runs, time, choice, root, programs, kept };
    let worlds = engines.into_iter().cycle().take(worlds).map(|engine| {
        let ports = (0..SERVICES.len() * MOST_REPLICAS).map(|_| free_port()).collect();
        (engine, ports)
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begun = Instant::now();
    let mut report: Report = runtime.block_on(campaign::all(orders, worlds.collect()))?;
    report.took(begun.elapsed().as_secs_f64());
    report.print(arguments.json)?;
    Ok(report.is_good())
}

/// Fails unless the services can be made to die at their steps: without that, half of the runs would try nothing.
fn check_programs(folder: &std::path::Path) -> Result<(), Error> {
    for (_, step, service) in db::fail_points::ALL {
        let mut grep = Command::new("grep");
        grep.args(["--text", "--quiet", "--fixed-strings", step])
            .env("LC_ALL", "C")
            .arg(folder.join(service));
        if process::run(&mut grep).is_err() {
            return Err(Error::Impossible(format!(
                "{service} was built without fail points: it has no step {step}"
            )));
        }
    }
    Ok(())
}
