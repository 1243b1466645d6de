//! What an event costs as events pile up: the curve from ten thousand stored ones to millions.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::throughput::{BACKLOG, DISK, FINISHED};
use super::{Bench, DRAINED, EXPRESS_ONE};
use crate::error::Error;
use crate::load::{Load, Rhythm};
use crate::postgres::{Postgres, Watch};
use crate::process::busy;
use crate::report::{Figure, say};
use crate::requests::Requests;
use crate::rivals::{self, Commits};

const MEASURE: &str = "growth, PostgreSQL";
const OURS: &str = "ours, gateway";

/// Numbers of stored events at which the cost is taken, up to the number asked for.
const MARKS: [u64; 7] = [10_000, 30_000, 100_000, 300_000, 1_000_000, 2_500_000, 5_000_000];

/// What Express's tables take.
const DISK_OF_EXPRESS: &str = "select sum(pg_total_relation_size(c.oid))::bigint from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                               where c.relkind = 'r' and n.nspname = 'express'";

/// What one load came to.
struct Slice {
    figure: Figure,
    events: u64,
    /// What the machine's cores worked from its first request until all was done.
    work: Duration,
}

impl Bench {
    /// The cost of an event at each mark, for Express and for ours.
    pub(crate) fn growth(&mut self, events: u64) -> Result<(), Error> {
        let marks: Vec<u64> = MARKS.into_iter().filter(|mark| *mark <= events).collect();
        if self.wanted(EXPRESS_ONE) {
            self.growth_of_express(&marks)?;
        }
        if self.wanted(OURS) {
            self.growth_of_ours(&marks)?;
        }
        Ok(())
    }

    /// Real webhooks all the way, each applied and on the trail.
    fn growth_of_ours(&mut self, marks: &[u64]) -> Result<(), Error> {
        let ours = self.services()?;
        let watch = ours.postgres.watch(FINISHED)?;
        let (address, mut stored) = (ours.address("gateway")?, 0);
        let mut costs = Vec::new();
        for mark in marks {
            while stored < *mark {
                stored += self.slice(address, 256, OURS, Some(&watch))?.events;
            }
            // What is measured begins with so many.
            let slice = self.slice(address, 256, OURS, Some(&watch))?;
            stored += slice.events;
            let megabytes = ours.services.megabytes();
            costs.push(self.mark(&slice, stored, &ours.postgres.ask(DISK)?, &format!(", {megabytes} MB")));
        }
        grown(OURS, &costs);
        Ok(())
    }

    /// Between the marks Express's tables are filled by SQL, with rows like its own: the whole way would take it most of an hour.
    fn growth_of_express(&mut self, marks: &[u64]) -> Result<(), Error> {
        let (folder, postgres) = self.database()?;
        let express = rivals::express(&self.modules, Commits::One, &postgres, folder.path())?;
        let (mut stored, mut costs) = (0, Vec::new());
        for mark in marks {
            let slice = self.slice(express.address(), 64, EXPRESS_ONE, None)?;
            stored += slice.events;
            if stored < *mark {
                fill_express(&postgres, stored, *mark)?;
                stored = *mark;
            }
            let slice = self.slice(express.address(), 64, EXPRESS_ONE, None)?;
            stored += slice.events;
            costs.push(self.mark(&slice, stored, &postgres.ask(DISK_OF_EXPRESS)?, ""));
        }
        grown(EXPRESS_ONE, &costs);
        Ok(())
    }

    /// One load; with a watch it waits until all of it is finished, and never leaves more than a fixed backlog.
    fn slice(
        &mut self,
        address: SocketAddr,
        connections: usize,
        side: &'static str,
        watch: Option<&Watch>,
    ) -> Result<Slice, Error> {
        let run = self.next_run();
        let load = self.closed(address, connections, Requests::Registrations { run });
        let (load, before) = match watch {
            None => (load, 0),
            Some(watch) => {
                let finished = watch.last.clone();
                let before = finished.load(Ordering::Relaxed);
                (Load { rhythm: Rhythm::Behind { most: BACKLOG, before }, finished, ..load }, before)
            }
        };
        let (start, worked) = (Instant::now(), busy()?);
        let outcome = self.load(load);
        outcome.expect_only(200).map_err(|what| Error::Answers { side: side.to_owned(), what })?;
        let events = outcome.answers.values().sum::<u64>();
        while watch.is_some_and(|watch| watch.last.load(Ordering::Relaxed) < before + events) {
            if start.elapsed() > DRAINED {
                return Err(Error::Answers {
                    side: side.to_owned(),
                    what: "events that are never finished".to_owned(),
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut figure = Figure::of(MEASURE, side, connections, &outcome);
        #[expect(clippy::cast_precision_loss, reason = "no run sends 2^52 requests")]
        if watch.is_some() {
            figure.per_second = events as f64 / start.elapsed().as_secs_f64();
        }
        Ok(Slice { figure, events, work: busy()?.saturating_sub(worked) })
    }

    /// Tells what was measured; the microseconds of work for an event.
    fn mark(&mut self, slice: &Slice, stored: u64, disk: &str, besides: &str) -> u128 {
        let each = disk.parse::<u64>().unwrap_or(0) / stored.max(1);
        let cost = slice.work.as_micros() / u128::from(slice.events.max(1));
        let note = format!("{stored} stored: {cost} us of work and {each} bytes of disk an event{besides}");
        say(&format!("{MEASURE}: {}: {:.0}/s; {note}", slice.figure.side, slice.figure.per_second));
        self.figures.push(Figure { note, ..slice.figure.clone() });
        cost
    }
}

/// Tells how much dearer an event is at the last mark than at the first.
fn grown(side: &str, costs: &[u128]) {
    if let (Some(first), Some(last)) = (costs.first(), costs.last()) {
        say(&format!(
            "{MEASURE}: {side}: {} % of the first mark's work at the last",
            last * 100 / (*first).max(1)
        ));
    }
}

/// Rows as Express's own statements make them, with keys as random as its.
fn fill_express(postgres: &Postgres, from: u64, to: u64) -> Result<(), Error> {
    postgres.ask(&format!(
        "with number as (select n, encode(sha256(n::text::bytea), 'hex') as key from generate_series({from}, {to} - 1) as n), \
         stored as (insert into express.inbox (key, body) select key, '{{\"event\":\"client.registered\",\"data\":{{\"clientId\":\"0-' || n || \
         '\",\"email\":\"client.' || n || '.0@bench.example\",\"firstName\":\"Ada\",\"lastName\":\"Number ' || n || \
         '\",\"phone\":\"+44 20 7946 ' || n || '\",\"country\":\"GB\"}},\"timestamp\":\"2026-01-02T03:04:05Z\"}}' from number), \
         client as (insert into express.clients (client_id, email, first_name, last_name, phone) select '0-' || n, \
         'client.' || n || '.0@bench.example', 'Ada', 'Number ' || n, '+44 20 7946 ' || n from number) \
         insert into express.audit (action, resource, outcome) select 'webhook.receive', key, 'accepted' from number"
    ))
    .map(drop)
}
