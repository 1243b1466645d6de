//! How long things take at a rate that does not heed the answers.

use std::time::Duration;

use super::Bench;
use crate::error::Error;
use crate::load::{self, Load};
use crate::report::{Figure, say};
use crate::requests::Requests;

/// Webhooks a second while it is measured when their effect is seen.
const SEEN_AT: f64 = 1_000.0;

/// Legitimate webhooks a second, with and without a flood beside them.
const LEGITIMATE: f64 = 500.0;

/// Forged webhooks a second.
const FLOOD: f64 = 10_000.0;

const CONNECTIONS: usize = 64;

impl Bench {
    /// From sending a webhook to the answer in which the service API shows its effect.
    pub(crate) fn sightings(&mut self) -> Result<(), Error> {
        let ours = self.services()?;
        let address = ours.address("gateway")?;
        let run = self.next_run();
        let outcome = self.load(self.open(address, CONNECTIONS, Requests::Sightings { run }, SEEN_AT));
        let figure = Figure {
            p50_ms: outcome.sighted(0.5),
            p99_ms: outcome.sighted(0.99),
            note: format!("{} looked for", outcome.sightings.len()),
            ..self.checked("receipt to visible, 1000/s", "ours, gateway", &outcome)?
        };
        self.told(figure);
        Ok(())
    }

    /// Acknowledgements at half of what a burst of the same run reaches, by each number of connections; the lower p99 counts.
    pub(crate) fn acknowledgements(&mut self) -> Result<(), Error> {
        let ours = self.services()?;
        let address = ours.address("gateway")?;
        let run = self.next_run();
        let most = self.load(self.closed(address, 256, Requests::Registrations { run })).per_second(200);
        super::applied(&ours.postgres, (std::time::Instant::now(), 0), 0)?;
        let mut figures = Vec::new();
        for connections in self.connections.clone() {
            let run = self.next_run();
            let load = self.open(address, connections, Requests::Registrations { run }, most / 2.0);
            let figure =
                self.checked("acknowledged at half the maximum", "ours, gateway", &self.load(load))?;
            figures.push(Figure { connections, note: format!("the maximum was {most:.0}/s"), ..figure });
            super::applied(&ours.postgres, (std::time::Instant::now(), 0), 0)?;
        }
        let best = figures.into_iter().min_by(|one, other| one.p99_ms.total_cmp(&other.p99_ms));
        best.into_iter().for_each(|figure| self.told(figure));
        Ok(())
    }

    /// Legitimate webhooks alone, and beside a flood of forged ones.
    pub(crate) fn flood(&mut self) -> Result<(), Error> {
        const MEASURE: &str = "legitimate, 500/s";
        let ours = self.services()?;
        let address = ours.address("gateway")?;
        // A fresh database is slow, and would make what comes later look good.
        let run = self.next_run();
        self.load(self.open(address, CONNECTIONS, Requests::Registrations { run }, LEGITIMATE));
        let run = self.next_run();
        let alone = self.load(self.open(address, CONNECTIONS, Requests::Registrations { run }, LEGITIMATE));
        let figure = self.checked(MEASURE, "undisturbed", &alone)?;
        self.told(figure);
        let (run, forged) = (self.next_run(), self.next_run());
        let legitimate = self.open(address, CONNECTIONS, Requests::Registrations { run }, LEGITIMATE);
        let forged = self.open(address, CONNECTIONS, Requests::Forgeries { run: forged }, FLOOD);
        let forged = Load { length: forged.length + Duration::from_millis(500), ..forged };
        let (flooded, refused) =
            self.runtime.block_on(async { tokio::join!(load::run(legitimate), load::run(forged)) });
        refused.expect_only(401).map_err(|what| Error::Answers { side: "forgeries".to_owned(), what })?;
        let refused = refused.per_second(401);
        let figure = self.checked(MEASURE, "in a flood", &flooded)?;
        self.told(Figure { note: format!("beside {refused:.0} forged a second"), ..figure });
        Ok(())
    }

    fn checked(
        &self,
        measure: &'static str,
        side: &'static str,
        outcome: &load::Outcome,
    ) -> Result<Figure, Error> {
        outcome.expect_only(200).map_err(|what| Error::Answers { side: side.to_owned(), what })?;
        Ok(Figure::of(measure, side, CONNECTIONS, outcome))
    }

    fn told(&mut self, figure: Figure) {
        let Figure { measure, side, p50_ms, p99_ms, note, .. } = &figure;
        say(&format!("{measure}: {side}: p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms {note}"));
        self.figures.push(figure);
    }
}
