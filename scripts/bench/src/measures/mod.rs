//! The measures: which sides are started for each, what is asked of them, and what counts. Every side of a measure gets a fresh database, and
//! every run fresh events.

mod growth;
mod lasting;
mod latency;
mod throughput;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::load::{self, Load, Outcome, Rhythm};
use crate::ours::{Place, Services};
use crate::postgres::Postgres;
use crate::report::Figure;
use crate::requests::Requests;

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
    fn burst(
        &mut self,
        measure: &'static str,
        side: &'static str,
        address: SocketAddr,
        after: impl Fn((Instant, u64)) -> Result<String, Error>,
    ) -> Result<(), Error> {
        let requests = |run| Requests::Registrations { run };
        self.best_settled(measure, side, address, 200, requests, after)
    }

    /// Loads a side with each number of connections, and keeps the better figure.
    fn best(
        &mut self,
        measure: &'static str,
        side: &'static str,
        address: SocketAddr,
        status: u16,
        requests: impl Fn(u32) -> Requests,
    ) -> Result<(), Error> {
        self.best_settled(measure, side, address, status, requests, |_| Ok(String::new()))
    }

    /// The same, with what is to be done between two loads, so that the second does not bear the first one's; it is told when the load
    /// began and how many requests it answered, and gives the figure's note.
    fn best_settled(
        &mut self,
        measure: &'static str,
        side: &'static str,
        address: SocketAddr,
        status: u16,
        requests: impl Fn(u32) -> Requests,
        after: impl Fn((Instant, u64)) -> Result<String, Error>,
    ) -> Result<(), Error> {
        let mut best: Option<Figure> = None;
        for connections in self.connections.clone() {
            let run = self.next_run();
            let start = Instant::now();
            let outcome = self.load(self.closed(address, connections, requests(run)));
            outcome.expect_only(status).map_err(|what| Error::Answers { side: side.to_owned(), what })?;
            let note = after((start, outcome.answers.values().sum::<u64>()))?;
            let figure = Figure { note, ..Figure::of(measure, side, connections, &outcome) };
            if best.as_ref().is_none_or(|best| best.per_second < figure.per_second) {
                best = Some(figure);
            }
        }
        self.figures.extend(best);
        Ok(())
    }

    /// As much as is answered, for the length of a run.
    fn closed(&self, address: SocketAddr, connections: usize, requests: Requests) -> Load {
        let (length, finished) = (self.length, Arc::new(AtomicU64::new(0)));
        Load { address, requests, connections, length, rhythm: Rhythm::Closed, finished }
    }

    /// So many a second.
    fn open(&self, address: SocketAddr, connections: usize, requests: Requests, rate: f64) -> Load {
        Load { rhythm: Rhythm::Open(rate), ..self.closed(address, connections, requests) }
    }

    fn load(&self, load: Load) -> Outcome {
        self.runtime.block_on(load::run(load))
    }

    /// All our services over a fresh PostgreSQL.
    fn services(&self) -> Result<Ours, Error> {
        let (folder, postgres) = self.database()?;
        let place = Place { programs: &self.programs, folder: folder.path() };
        let services = Services::start(&place, &postgres)?;
        Ok(Ours { services, postgres, _folder: folder })
    }

    /// Registers clients for a while; the run they are of, and how many.
    fn filled(&mut self, address: SocketAddr) -> (u32, u64) {
        let run = self.next_run();
        let outcome = self.load(self.closed(address, 64, Requests::Registrations { run }));
        (run, outcome.answers.get(&200).copied().unwrap_or(0))
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

/// Our services, and what they stand on; in the order in which it is to go.
struct Ours {
    services: Services,
    postgres: Postgres,
    _folder: tempfile::TempDir,
}

impl Ours {
    fn address(&self, service: &str) -> Result<SocketAddr, Error> {
        self.services.address(service).ok_or_else(|| Error::Io(std::io::ErrorKind::NotFound.into()))
    }
}

/// Waits until all that was acknowledged has taken effect; says how many did in a second, from the first on.
fn applied(postgres: &Postgres, (start, sent): (Instant, u64), megabytes: u64) -> Result<String, Error> {
    let until = Instant::now() + DRAINED;
    loop {
        let pending = postgres.ask("select count(*) from webhook_ingest.pending")?;
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

/// The folder of the programs that are measured: where this one lies.
pub(crate) fn programs() -> Result<PathBuf, Error> {
    let this = std::env::current_exe()?;
    Ok(this.parent().map(Path::to_owned).unwrap_or_default())
}
