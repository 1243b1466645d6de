//! What people see: progress on standard error, and one table, or JSON, on standard output.

use std::io::Write as _;

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde::Serialize;

use crate::load::Outcome;

/// One side's figures for one measure, at the number of connections that served it better.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) measure: &'static str,
    pub(crate) side: &'static str,
    pub(crate) connections: usize,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// What else there is to know.
    pub(crate) note: String,
}

impl Figure {
    /// The figures of one load; what is counted are all its answers.
    pub(crate) fn of(
        measure: &'static str,
        side: &'static str,
        connections: usize,
        outcome: &Outcome,
    ) -> Self {
        Self {
            measure,
            side,
            connections,
            per_second: outcome.answers.keys().map(|status| outcome.per_second(*status)).sum(),
            p50_ms: outcome.percentile(0.5),
            p99_ms: outcome.percentile(0.99),
            note: String::new(),
        }
    }
}

/// Prints them: as JSON, or as a table with each side's ratio to the sides named in `against`, within its measure.
pub(crate) fn print(figures: &[Figure], against: &[&str], json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, figures)?;
        return writeln!(out);
    }
    let mut table = Table::new();
    let heads = ["measure", "side", "connections", "per second", "p50 ms", "p99 ms"].map(str::to_owned);
    let ratios = against.iter().map(|side| format!("x {side}"));
    table.load_style(ASCII_MARKDOWN);
    table.set_header(heads.into_iter().chain(ratios).chain(["note".to_owned()]));
    for figure in figures {
        let ratio = |side: &&str| {
            let other = figures.iter().find(|other| other.measure == figure.measure && other.side == *side);
            other.map_or_else(String::new, |other| format!("{:.2}", figure.per_second / other.per_second))
        };
        let mut row = vec![
            figure.measure.to_owned(),
            figure.side.to_owned(),
            figure.connections.to_string(),
            format!("{:.0}", figure.per_second),
            format!("{:.1}", figure.p50_ms),
            format!("{:.1}", figure.p99_ms),
        ];
        row.extend(against.iter().map(ratio));
        row.push(figure.note.clone());
        table.add_row(row);
    }
    writeln!(out, "{table}")
}

/// Tells whoever waits.
pub(crate) fn say(line: &str) {
    // Nobody reads it where this fails, and the figures are on another stream.
    drop(writeln!(std::io::stderr(), "{line}"));
}
