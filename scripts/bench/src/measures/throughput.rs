//! How much is done in a second: bursts, what is sustained, reads, refusals, and the hop alone.

use std::time::Instant;

use super::{Bench, CEILING, EXPRESS, EXPRESS_ONE, NGINX, applied};
use crate::error::Error;
use crate::load::{Load, Rhythm};
use crate::ours::{Place, all_in_one, gateway};
use crate::report::{Figure, say};
use crate::requests::Requests;
use crate::rivals::{self, Commits};

/// What a sustained load may leave unfinished before it waits.
pub(super) const BACKLOG: u64 = 4_000;

/// Sustained load, and how many times as long as a burst it lasts.
const SUSTAINED_LOAD: &str = "sustained, PostgreSQL";
const SUSTAINED: u32 = 6;

/// All that is still to be done for what was acknowledged: effects, and entries on their way to the trail.
const UNFINISHED: &str = "select (select count(*) from webhook_ingest.pending) + \
                          (select coalesce(sum(count), 0) from webhook_ingest.outbox) + \
                          (select coalesce(sum(count), 0) from service_api.outbox)";

/// What is finished, without a count that would itself load what is measured: each event has two entries, and the one of its effect comes
/// last. Entries that came twice count twice; the end of the run is counted exactly.
pub(super) const FINISHED: &str = "select last_value / 2 from audit_log.entries_position_seq";

/// What all our tables and indexes take.
pub(super) const DISK: &str = "select sum(pg_total_relation_size(c.oid))::bigint from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                    where c.relkind = 'r' and n.nspname in ('webhook_ingest', 'service_api', 'audit_log')";

impl Bench {
    /// A burst of webhooks, acknowledged durably, over PostgreSQL.
    pub(crate) fn burst_on_postgres(&mut self) -> Result<(), Error> {
        const MEASURE: &str = "burst, PostgreSQL";
        if self.wanted(CEILING) {
            let folder = tempfile::tempdir_in("/tmp")?;
            let ceiling = rivals::ceiling(folder.path())?;
            self.burst(MEASURE, CEILING, ceiling.address(), |_| Ok(String::new()))?;
        }
        self.express_bursts(MEASURE)?;
        for (side, service) in [("ours, direct", "webhook-ingest"), ("ours, gateway", "gateway")] {
            if self.wanted(side) {
                let ours = self.services()?;
                let address = ours.address(service)?;
                self.burst(MEASURE, side, address, |sent| {
                    applied(&ours.postgres, sent, ours.services.megabytes())
                })?;
            }
        }
        if self.wanted(NGINX) {
            let ours = self.services()?;
            let folder = tempfile::tempdir_in("/tmp")?;
            let nginx = rivals::nginx(ours.address("webhook-ingest")?.port(), folder.path())?;
            self.burst(MEASURE, NGINX, nginx.address(), |_| Ok(String::new()))?;
        }
        Ok(())
    }

    fn express_bursts(&mut self, measure: &'static str) -> Result<(), Error> {
        for (side, commits) in [(EXPRESS, Commits::Three), (EXPRESS_ONE, Commits::One)] {
            if self.wanted(side) {
                let (folder, postgres) = self.database()?;
                let express = rivals::express(&self.modules, commits, &postgres, folder.path())?;
                self.burst(measure, side, express.address(), |_| Ok(String::new()))?;
            }
        }
        Ok(())
    }

    /// The same, against the all-in-one over SQLite.
    pub(crate) fn burst_on_sqlite(&mut self) -> Result<(), Error> {
        const MEASURE: &str = "burst, SQLite";
        self.express_bursts(MEASURE)?;
        let folder = tempfile::tempdir_in("/tmp")?;
        let ours = all_in_one(&Place { programs: &self.programs, folder: folder.path() })?;
        self.burst(MEASURE, "ours, all-in-one", ours.address(), |_| Ok(format!("{} MB", ours.megabytes())))
    }

    /// Webhooks applied and on the trail, with no more than a fixed backlog, for six times the length of a burst.
    pub(crate) fn sustained(&mut self) -> Result<(), Error> {
        for (side, commits) in [(EXPRESS, Commits::Three), (EXPRESS_ONE, Commits::One)] {
            if self.wanted(side) {
                self.best_sustained(|bench, connections| {
                    bench.sustained_by_express(side, commits, connections)
                })?;
            }
        }
        self.best_sustained(Self::sustained_by_us)
    }

    /// With each number of connections, over a fresh database each time; keeps the better figure.
    fn best_sustained(
        &mut self,
        one: impl Fn(&mut Self, usize) -> Result<Figure, Error>,
    ) -> Result<(), Error> {
        let mut best: Option<Figure> = None;
        for connections in self.connections.clone() {
            let figure = one(self, connections)?;
            if best.as_ref().is_none_or(|best| best.per_second < figure.per_second) {
                best = Some(figure);
            }
        }
        self.figures.extend(best);
        Ok(())
    }

    fn sustained_by_express(
        &mut self,
        side: &'static str,
        commits: Commits,
        connections: usize,
    ) -> Result<Figure, Error> {
        let (folder, postgres) = self.database()?;
        let express = rivals::express(&self.modules, commits, &postgres, folder.path())?;
        let run = self.next_run();
        let load = self.closed(express.address(), connections, Requests::Registrations { run });
        let outcome = self.load(Load { length: self.length * SUSTAINED, ..load });
        outcome.expect_only(200).map_err(|what| Error::Answers { side: side.to_owned(), what })?;
        Ok(Figure::of(SUSTAINED_LOAD, side, connections, &outcome))
    }

    fn sustained_by_us(&mut self, connections: usize) -> Result<Figure, Error> {
        const SIDE: &str = "ours, gateway";
        let ours = self.services()?;
        let watch = ours.postgres.watch(FINISHED)?;
        let run = self.next_run();
        let load = self.closed(ours.address("gateway")?, connections, Requests::Registrations { run });
        let (rhythm, finished) = (Rhythm::Behind { most: BACKLOG, before: 0 }, watch.last.clone());
        let outcome = self.load(Load { length: self.length * SUSTAINED, rhythm, finished, ..load });
        let left: u64 = ours.postgres.ask(UNFINISHED)?.parse().unwrap_or(u64::MAX);
        outcome.expect_only(200).map_err(|what| Error::Answers { side: SIDE.to_owned(), what })?;
        let mut figure = Figure::of(SUSTAINED_LOAD, SIDE, connections, &outcome);
        let sent = outcome.answers.values().sum::<u64>();
        // What was not finished when the time was up does not count.
        #[expect(clippy::cast_precision_loss, reason = "no run sends 2^52 requests")]
        let finished = sent.saturating_sub(left) as f64 / outcome.seconds;
        figure.per_second = finished;
        applied(&ours.postgres, (Instant::now(), sent), 0)?;
        let bytes: u64 = ours.postgres.ask(DISK)?.parse().unwrap_or(0);
        let each = bytes / sent.max(1);
        let megabytes = ours.services.megabytes();
        figure.note = format!(
            "{sent} sent, {left} unfinished at the end, {each} bytes of disk an event, {megabytes} MB"
        );
        say(&format!(
            "{SUSTAINED_LOAD}: {SIDE}, {connections} connections: {finished:.0}/s; {}",
            figure.note
        ));
        Ok(figure)
    }

    /// Webhooks with wrong signatures, refused.
    pub(crate) fn forgeries(&mut self) -> Result<(), Error> {
        const MEASURE: &str = "forged, refused";
        let folder = tempfile::tempdir_in("/tmp")?;
        let ceiling = rivals::ceiling(folder.path())?;
        self.best(MEASURE, CEILING, ceiling.address(), 401, |run| Requests::Forgeries { run })?;
        drop(ceiling);
        let ours = self.services()?;
        let address = ours.address("webhook-ingest")?;
        self.best(MEASURE, "ours, direct", address, 401, |run| Requests::Forgeries { run })
    }

    /// Reads of one client, each with its durable audit entry.
    pub(crate) fn reads(&mut self) -> Result<(), Error> {
        const MEASURE: &str = "read of a client";
        let (folder, postgres) = self.database()?;
        let express = rivals::express(&self.modules, Commits::Three, &postgres, folder.path())?;
        let (run, clients) = self.filled(express.address());
        self.best(MEASURE, EXPRESS, express.address(), 200, |_| Requests::Reads { run, clients })?;
        drop((express, postgres));
        let ours = self.services()?;
        let address = ours.address("gateway")?;
        let (run, clients) = self.filled(address);
        applied(&ours.postgres, (Instant::now(), clients), 0)?;
        self.best(MEASURE, "ours, gateway", address, 200, |_| Requests::Reads { run, clients })
    }

    /// The gateway's hop and nginx's, in front of the same route that only verifies.
    pub(crate) fn hop(&mut self) -> Result<(), Error> {
        const MEASURE: &str = "hop";
        let folder = tempfile::tempdir_in("/tmp")?;
        let ceiling = rivals::ceiling(folder.path())?;
        let nginx = rivals::nginx(ceiling.address().port(), folder.path())?;
        self.best(MEASURE, NGINX, nginx.address(), 200, |run| Requests::Registrations { run })?;
        drop(nginx);
        let place = Place { programs: &self.programs, folder: folder.path() };
        let gateway = gateway(&place, ceiling.address().port())?;
        self.best(MEASURE, "ours, gateway", gateway.address(), 200, |run| Requests::Registrations { run })
    }
}
