//! The measures: which sides are started for each, what is asked of them, and what counts. Every side of a measure gets a fresh database, and
//! every run fresh events.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::load::{self, Load, Outcome};
use crate::ours::{Place, Services, all_in_one};
use crate::postgres::Postgres;
use crate::report::{Figure, say};
use crate::requests::Requests;
use crate::rivals::{self, Commits};

/// For the backlog of a burst to be worked off.
const DRAINED: Duration = Duration::from_secs(300);

pub(crate) const CEILING: &str = "ceiling";
pub(crate) const EXPRESS: &str = "Express, 3 commits";
pub(crate) const EXPRESS_ONE: &str = "Express, 1 statement";
pub(crate) const NGINX: &str = "nginx";

/// Where everything is, and how long each load lasts.
pub(crate) struct Bench {
    pub(crate) root: PathBuf,
    pub(crate) programs: PathBuf,
    /// Where Express's modules are installed.
    pub(crate) modules: PathBuf,
    pub(crate) length: Duration,
    pub(crate) connections: Vec<usize>,
    /// Only sides whose names contain this.
    pub(crate) side: Option<String>,
    pub(crate) runtime: tokio::runtime::Runtime,
    /// Numbers the runs: no two have an event in common.
    pub(crate) runs: u32,
    pub(crate) figures: Vec<Figure>,
}

impl Bench {
    /// A burst of webhooks, acknowledged durably, over PostgreSQL.
    pub(crate) fn burst_on_postgres(&mut self) -> Result<(), Error> {
        const MEASURE: &str = "burst, PostgreSQL";
        let folder = tempfile::tempdir_in("/tmp")?;
        if self.wanted(CEILING) {
            let ceiling = rivals::ceiling(folder.path())?;
            self.burst(MEASURE, CEILING, ceiling.address(), |_| Ok(String::new()))?;
        }
        for (side, commits) in [(EXPRESS, Commits::Three), (EXPRESS_ONE, Commits::One)] {
            if !self.wanted(side) {
                continue;
            }
            let (folder, postgres) = self.database()?;
            let express = rivals::express(&self.modules, commits, &postgres, folder.path())?;
            self.burst(MEASURE, side, express.address(), |_| Ok(String::new()))?;
        }
        for (side, service) in [("ours, direct", "webhook-ingest"), ("ours, gateway", "gateway")] {
            if !self.wanted(side) {
                continue;
            }
            let (folder, postgres) = self.database()?;
            let services =
                Services::start(&Place { programs: &self.programs, folder: folder.path() }, &postgres)?;
            let address = services.address(service).ok_or_else(missing)?;
            self.burst(MEASURE, side, address, |sent| applied(&postgres, sent, services.megabytes()))?;
        }
        if !self.wanted(NGINX) {
            return Ok(());
        }
        let (folder, postgres) = self.database()?;
        let services =
            Services::start(&Place { programs: &self.programs, folder: folder.path() }, &postgres)?;
        let behind = services.address("webhook-ingest").ok_or_else(missing)?;
        let nginx = rivals::nginx(behind.port(), folder.path())?;
        self.burst(MEASURE, NGINX, nginx.address(), |_| Ok(String::new()))
    }

    /// The same, against the all-in-one over SQLite.
    pub(crate) fn burst_on_sqlite(&mut self) -> Result<(), Error> {
        const MEASURE: &str = "burst, SQLite";
        for (side, commits) in [(EXPRESS, Commits::Three), (EXPRESS_ONE, Commits::One)] {
            let (folder, postgres) = self.database()?;
            let express = rivals::express(&self.modules, commits, &postgres, folder.path())?;
            self.burst(MEASURE, side, express.address(), |_| Ok(String::new()))?;
        }
        let folder = tempfile::tempdir_in("/tmp")?;
        let ours = all_in_one(&Place { programs: &self.programs, folder: folder.path() })?;
        self.burst(MEASURE, "ours, all-in-one", ours.address(), |_| Ok(format!("{} MB", ours.megabytes())))
    }

    /// Webhooks with wrong signatures, refused.
    pub(crate) fn forgeries(&mut self) -> Result<(), Error> {
        const MEASURE: &str = "forged, refused";
        let folder = tempfile::tempdir_in("/tmp")?;
        let ceiling = rivals::ceiling(folder.path())?;
        self.best(MEASURE, CEILING, ceiling.address(), 401, |run| Requests::Forgeries { run })?;
        drop(ceiling);
        let (folder, postgres) = self.database()?;
        let services =
            Services::start(&Place { programs: &self.programs, folder: folder.path() }, &postgres)?;
        let address = services.address("webhook-ingest").ok_or_else(missing)?;
        self.best(MEASURE, "ours, direct", address, 401, |run| Requests::Forgeries { run }).map(drop)
    }

    /// Reads of one client, each with its durable audit entry.
    pub(crate) fn reads(&mut self) -> Result<(), Error> {
        const MEASURE: &str = "read of a client";
        let (folder, postgres) = self.database()?;
        let express = rivals::express(&self.modules, Commits::Three, &postgres, folder.path())?;
        let (run, clients) = self.filled(express.address())?;
        self.best(MEASURE, EXPRESS, express.address(), 200, |_| Requests::Reads { run, clients })?;
        drop((express, postgres));
        let (folder, postgres) = self.database()?;
        let services =
            Services::start(&Place { programs: &self.programs, folder: folder.path() }, &postgres)?;
        let address = services.address("gateway").ok_or_else(missing)?;
        let (run, clients) = self.filled(address)?;
        applied(&postgres, (Instant::now(), clients), 0)?;
        self.best(MEASURE, "ours, gateway", address, 200, |_| Requests::Reads { run, clients }).map(drop)
    }

    /// Registers clients for a while; the run they are of, and how many.
    fn filled(&mut self, address: SocketAddr) -> Result<(u32, u64), Error> {
        let run = self.next_run();
        let outcome = self.load(address, 64, Requests::Registrations { run }, None);
        let clients = outcome.answers.get(&200).copied().unwrap_or(0);
        Ok((run, clients))
    }

    fn burst(
        &mut self,
        measure: &'static str,
        side: &'static str,
        address: SocketAddr,
        after: impl Fn((Instant, u64)) -> Result<String, Error>,
    ) -> Result<(), Error> {
        let start = Instant::now();
        let sent = self.best(measure, side, address, 200, |run| Requests::Registrations { run })?;
        let note = after((start, sent))?;
        if let Some(figure) = self.figures.last_mut() {
            figure.note = note;
        }
        Ok(())
    }

    /// Loads a side with each number of connections, and keeps the better figure; how many requests were answered in all.
    fn best(
        &mut self,
        measure: &'static str,
        side: &'static str,
        address: SocketAddr,
        status: u16,
        requests: impl Fn(u32) -> Requests,
    ) -> Result<u64, Error> {
        let mut best: Option<Figure> = None;
        let mut answered = 0;
        for connections in self.connections.clone() {
            let run = self.next_run();
            let outcome = self.load(address, connections, requests(run), None);
            outcome.expect_only(status).map_err(|what| Error::Answers { side: side.to_owned(), what })?;
            answered += outcome.answers.values().sum::<u64>();
            let figure = Figure {
                measure,
                side,
                connections,
                per_second: outcome.per_second(status),
                p50_ms: outcome.percentile(0.5),
                p99_ms: outcome.percentile(0.99),
                note: String::new(),
            };
            say(&format!("{measure}: {side}, {connections} connections: {:.0}/s", figure.per_second));
            if best.as_ref().is_none_or(|best| best.per_second < figure.per_second) {
                best = Some(figure);
            }
        }
        self.figures.extend(best);
        Ok(answered)
    }

    fn load(
        &self,
        address: SocketAddr,
        connections: usize,
        requests: Requests,
        rate: Option<f64>,
    ) -> Outcome {
        let load = Load { address, requests, connections, length: self.length, rate };
        self.runtime.block_on(load::run(load))
    }

    /// Is this side to be measured?
    fn wanted(&self, side: &str) -> bool {
        self.side.as_ref().is_none_or(|part| side.contains(part.as_str()))
    }

    fn next_run(&mut self) -> u32 {
        self.runs += 1;
        self.runs
    }

    fn database(&self) -> Result<(tempfile::TempDir, Postgres), Error> {
        let folder = tempfile::Builder::new().prefix("crm-bench.").tempdir_in("/tmp")?;
        // The server's own user must find the way to its folder inside.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let postgres = Postgres::start(&self.root, folder.path().join("pg"))?;
        Ok((folder, postgres))
    }
}

/// Waits until all that was acknowledged has taken effect; says how many did in a second, from the first on.
fn applied(postgres: &Postgres, (start, sent): (Instant, u64), megabytes: u64) -> Result<String, Error> {
    let until = Instant::now() + DRAINED;
    loop {
        let pending = postgres.ask("select count(*) from webhook_ingest.inbox where state = 'pending'")?;
        if pending == "0" {
            break;
        }
        if Instant::now() > until {
            return Ok(format!("{pending} of {sent} still pending"));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let clients = postgres.ask("select count(*) from service_api.clients")?;
    #[expect(clippy::cast_precision_loss, reason = "no run sends 2^52 requests")]
    let rate = sent as f64 / start.elapsed().as_secs_f64();
    Ok(format!("{sent} sent, {clients} clients, applied {rate:.0}/s, {megabytes} MB"))
}

fn missing() -> Error {
    Error::Io(std::io::ErrorKind::NotFound.into())
}

/// The folder of the programs that are measured: where this one lies.
pub(crate) fn programs() -> Result<PathBuf, Error> {
    let this = std::env::current_exe()?;
    Ok(this.parent().map(Path::to_owned).unwrap_or_default())
}
