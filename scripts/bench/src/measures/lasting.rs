//! What stays the same while a load goes on: memory.

use super::Bench;
use crate::error::Error;
use crate::ours::{Place, all_in_one};
use crate::report::{Figure, say};
use crate::requests::Requests;

/// Webhooks a second.
const RATE: f64 = 1_000.0;

/// Parts of the time, after each of which memory is looked at. The whole lasts so many times as long as a burst.
const PARTS: u32 = 60;

impl Bench {
    /// Memory of the all-in-one under an even load, a minute for each second of a burst.
    pub(crate) fn memory(&mut self) -> Result<(), Error> {
        const MEASURE: &str = "memory, 1000/s";
        let folder = tempfile::tempdir_in("/tmp")?;
        let ours = all_in_one(&Place { programs: &self.programs, folder: folder.path() })?;
        let mut seen = Vec::new();
        let mut last = None;
        for part in 1..=PARTS {
            let run = self.next_run();
            let outcome = self.load(self.open(ours.address(), 64, Requests::Registrations { run }, RATE));
            outcome.expect_only(200).map_err(|what| Error::Answers { side: "ours".to_owned(), what })?;
            seen.push(ours.megabytes());
            if part % 6 == 0 {
                say(&format!("{MEASURE}: {part} of {PARTS}: {} MB", ours.megabytes()));
            }
            last = Some(outcome);
        }
        if let Some(outcome) = last {
            let (first, end) = (seen.first().copied().unwrap_or(0), seen.last().copied().unwrap_or(0));
            let (middle, most) = (seen.get(seen.len() / 2).copied().unwrap_or(0), seen.iter().max().copied());
            let note = format!(
                "{first} MB at first, {middle} half-way, {end} in the end, {} at most",
                most.unwrap_or(0)
            );
            self.figures.push(Figure { note, ..Figure::of(MEASURE, "ours, all-in-one", 64, &outcome) });
        }
        Ok(())
    }
}
