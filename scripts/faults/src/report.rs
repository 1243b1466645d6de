//! What came of all runs: counted by kind and engine for people and machines, and in full where something is wrong.

use std::collections::BTreeMap;
use std::io::Write as _;

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde::Serialize;

use crate::check::{Broken, Problem};
use crate::error::Error;
use crate::run::Outcome;
use crate::scenario::Scenario;

/// Problems of one run that are shown; the rest is counted.
const SHOWN: usize = 10;

/// Counts of some runs.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    runs: u64,
    faults: u64,
    /// Processes of ours that died.
    deaths: u64,
    events: u64,
    attempts: u64,
    acknowledged: u64,
    /// Events that nobody had acknowledged when all trouble was over.
    unacknowledged: u64,
    /// Attempts that went through a spool.
    spooled: u64,
    lost: u64,
    doubled: u64,
    /// Other broken promises.
    other: u64,
}

/// A run in which something is wrong.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    seed: u64,
    again: String,
    logs: Option<String>,
    problems: Vec<Problem>,
    /// Why the run could not be made.
    error: Option<String>,
}

/// All runs.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    seed: u64,
    seconds: f64,
    total: Counts,
    kinds: BTreeMap<String, Counts>,
    /// How often a process died at each step.
    points: BTreeMap<&'static str, u64>,
    failed: Vec<Failed>,
}

impl Report {
    pub(crate) fn of(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Counts a run; the lines that are to be said about it at once.
    pub(crate) fn note(
        &mut self,
        scenario: &Scenario,
        told: Result<Outcome, Error>,
        again: String,
        logs: Option<String>,
    ) -> Vec<String> {
        let (outcome, error) = match told {
            Ok(outcome) => (outcome, None),
            Err(error) => (Outcome::default(), Some(error.to_string())),
        };
        self.total.add(&outcome);
        self.kinds.entry(row(scenario)).or_default().add(&outcome);
        if let Some(step) = scenario.step() {
            *self.points.entry(step).or_default() += outcome.deaths;
        }
        if outcome.problems.is_empty() && error.is_none() {
            return Vec::new();
        }
        let mut lines = vec![format!(
            "Seed {}, {} on {}: {again}",
            scenario.seed,
            scenario.kind.word(),
            scenario.engine.word()
        )];
        let spool = if scenario.spool { " with spools" } else { "" };
        lines.push(format!("  {} replicas{spool}, {:?}", scenario.replicas, scenario.faults));
        lines.extend(
            outcome
                .problems
                .iter()
                .take(SHOWN)
                .map(|problem| format!("  {:?}: {}", problem.broken, problem.what)),
        );
        lines.extend(
            outcome.problems.len().checked_sub(SHOWN + 1).map(|more| format!("  and {} more", more + 1)),
        );
        lines.extend(error.iter().map(|error| format!("  {error}")));
        lines.extend(logs.iter().map(|logs| format!("  logs: {logs}")));
        self.failed.push(Failed { seed: scenario.seed, again, logs, problems: outcome.problems, error });
        lines
    }

    pub(crate) fn took(&mut self, seconds: f64) {
        self.seconds = seconds;
    }

    /// Was nothing wrong, and was anything tried?
    pub(crate) fn is_good(&self) -> bool {
        self.failed.is_empty() && self.total.runs > 0
    }

    /// Prints it, as JSON or as a table.
    pub(crate) fn print(&self, json: bool) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if json {
            serde_json::to_writer_pretty(&mut out, self)?;
            return writeln!(out);
        }
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        let heads = [
            "trouble",
            "runs",
            "faults",
            "deaths",
            "events",
            "attempts",
            "2xx",
            "unacknowledged",
            "spooled",
            "lost",
            "doubled",
            "other",
        ];
        table.set_header(heads);
        for (name, counts) in
            self.kinds.iter().map(|(name, counts)| (name.as_str(), counts)).chain([("all", &self.total)])
        {
            table.add_row(std::iter::once(name.to_owned()).chain(counts.cells()));
        }
        writeln!(out, "{table}")?;
        if !self.points.is_empty() {
            let died: Vec<String> =
                self.points.iter().map(|(step, times)| format!("{step} {times}")).collect();
            writeln!(out, "Deaths at steps: {}.", died.join(", "))?;
        }
        let verdict = match self.failed.len() {
            0 => "Nothing lost, nothing twice".to_owned(),
            failed => format!("{failed} runs went wrong"),
        };
        writeln!(
            out,
            "{verdict}: {} runs from seed {} on, in {:.0} s.",
            self.total.runs, self.seed, self.seconds
        )
    }
}

impl Counts {
    fn add(&mut self, outcome: &Outcome) {
        let broken = |which: &[Broken]| {
            outcome.problems.iter().filter(|problem| which.contains(&problem.broken)).count() as u64
        };
        self.runs += 1;
        self.faults += outcome.faults;
        self.deaths += outcome.deaths;
        self.events += outcome.events;
        self.attempts += outcome.attempts;
        self.acknowledged += outcome.acknowledged;
        self.unacknowledged += outcome.unacknowledged;
        self.spooled += outcome.spooled;
        self.lost += broken(&[Broken::Lost]);
        self.doubled += broken(&[Broken::Doubled]);
        self.other += outcome.problems.len() as u64 - broken(&[Broken::Lost, Broken::Doubled]);
    }

    fn cells(&self) -> [String; 11] {
        [
            self.runs,
            self.faults,
            self.deaths,
            self.events,
            self.attempts,
            self.acknowledged,
            self.unacknowledged,
            self.spooled,
            self.lost,
            self.doubled,
            self.other,
        ]
        .map(|count| count.to_string())
    }
}

fn row(scenario: &Scenario) -> String {
    let spool = if scenario.spool { ", spools" } else { "" };
    format!("{}, {}{spool}", scenario.kind.word(), scenario.engine.word())
}

/// Tells whoever waits.
pub(crate) fn say(line: &str) {
    // Nobody reads it where this fails, and the report is on another stream.
    drop(writeln!(std::io::stderr(), "{line}"));
}
