//! Measures crm-bridge against the usual way, side by side in one run: figures are ratios, for absolute times are the machine's. It knows our
//! programs as strangers do, by their settings and their HTTP.

mod error;
mod load;
mod measures;
mod ours;
mod postgres;
mod process;
mod report;
mod requests;
mod rivals;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::error::Error;
use crate::measures::{Bench, CEILING, EXPRESS, EXPRESS_ONE, NGINX};

/// Measures crm-bridge against the usual way, side by side.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the measures, and prints one table of ratios.
    Run(Run),
    /// Serves the route that only verifies signatures.
    #[command(hide = true)]
    Ceiling {
        #[arg(long)]
        port: u16,
    },
}

#[derive(clap::Args)]
struct Run {
    /// The measures to run; all of them but `growth` when none is named.
    #[arg(value_enum)]
    measures: Vec<Measure>,
    /// Seconds of each load.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Numbers of connections to try; the better counts for each side.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256])]
    connections: Vec<usize>,
    /// Stored events to which `growth` goes.
    #[arg(long, default_value_t = 5_000_000)]
    events: u64,
    /// Only the sides whose names contain this.
    #[arg(long)]
    side: Option<String>,
    /// The folder with the sources.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// The folder with Express's server and its installed modules.
    #[arg(long)]
    modules: PathBuf,
    /// JSON in place of the table.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// Webhooks acknowledged over PostgreSQL.
    Burst,
    /// The same over SQLite.
    Sqlite,
    /// Webhooks applied and on the trail, without a growing backlog.
    Sustained,
    /// Forged webhooks refused.
    Forged,
    /// Reads of a client.
    Reads,
    /// The gateway's hop against nginx's.
    Hop,
    /// From receipt to visible.
    Visible,
    /// Acknowledgements at half the maximum.
    Acknowledged,
    /// Legitimate webhooks in a flood of forged ones.
    Flood,
    /// Memory over a long time.
    Memory,
    /// What an event costs when many are stored. Only when it is named: it takes most of an hour, and 20 GB.
    Growth,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Ceiling { port } => rivals::serve_ceiling(port).map_err(Error::from),
        Command::Run(run) => measure(run),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::say(&format!("bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(run: Run) -> Result<(), Error> {
    let mut bench = Bench {
        root: run.root.canonicalize()?,
        programs: measures::programs()?,
        modules: run.modules,
        length: Duration::from_secs(run.seconds),
        connections: run.connections,
        side: run.side,
        runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        runs: 0,
        figures: Vec::new(),
    };
    let all = <Measure as ValueEnum>::value_variants();
    let usual = |one: &&Measure| run.measures.is_empty() && **one != Measure::Growth;
    for measure in all.iter().filter(|one| usual(one) || run.measures.contains(one)) {
        match measure {
            Measure::Burst => bench.burst_on_postgres()?,
            Measure::Sqlite => bench.burst_on_sqlite()?,
            Measure::Sustained => bench.sustained()?,
            Measure::Forged => bench.forgeries()?,
            Measure::Reads => bench.reads()?,
            Measure::Hop => bench.hop()?,
            Measure::Visible => bench.sightings()?,
            Measure::Acknowledged => bench.acknowledgements()?,
            Measure::Flood => bench.flood()?,
            Measure::Memory => bench.memory()?,
            Measure::Growth => bench.growth(run.events)?,
        }
    }
    report::print(&bench.figures, &[CEILING, EXPRESS, EXPRESS_ONE, NGINX], run.json)?;
    Ok(())
}
