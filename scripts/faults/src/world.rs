//! A world: all services as separate processes over one database, with a proxy before each service and before the database. Between runs
//! it lives on; what died in a run is started again.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use db::fail_points::SETTING;
use tempfile::TempDir;
use test_kit::proxy::{Proxy, Target};
use tokio::time::{Instant, sleep};

use crate::disk::Disk;
use crate::error::Error;
use crate::outside::{Outside, SECRETS};
use crate::postgres::Postgres;
use crate::process::{Process, run_slowly};
use crate::scenario::{Engine, Line, MOST_REPLICAS, SERVICES};

/// How long services may take to be ready, after whatever happened.
const READY: Duration = Duration::from_secs(60);

const LOOK: Duration = Duration::from_millis(20);

/// The size of its disk in megabytes, and how much of it may be taken before a new world is made.
const DISK: [(Engine, u32); 2] = [(Engine::Postgres, 448), (Engine::Sqlite, 192)];
const TAKEN: u32 = 60;

/// While this file is in a world's folder, fsyncs fail.
const SYNC_SWITCH: &str = "fsyncs-fail";

/// Where a world finds what it needs.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The repository.
    pub(crate) root: PathBuf,
    /// The folder of the programs.
    pub(crate) programs: PathBuf,
    /// Ports that are this world's, one for each replica there can be.
    pub(crate) ports: Vec<u16>,
}

/// The measure of what waits in a spool.
const SPOOLED: &str = "crm_spool_events{service=\"webhook-ingest\"} ";

/// A running world. Its parts are dropped in this order: programs before their database, this before its disk.
pub(crate) struct World {
    pub(crate) engine: Engine,
    replicas: BTreeMap<&'static str, Vec<Option<Process>>>,
    fronts: BTreeMap<&'static str, Proxy>,
    doors: BTreeMap<&'static str, Proxy>,
    pub(crate) postgres: Option<Postgres>,
    pub(crate) disk: Disk,
    place: Place,
    /// Has webhook-ingest spools?
    spools: bool,
    /// Who ended although nobody was after them, and what they said.
    ended: Vec<String>,
    /// How much of each log was searched for panics.
    searched: BTreeMap<PathBuf, usize>,
    http: reqwest::Client,
    folder: TempDir,
}

impl World {
    /// Makes one, with one replica of each service, and waits until all are ready.
    pub(crate) async fn start(engine: Engine, place: Place) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("crm-faults.").tempdir_in("/tmp")?;
        // The server's own user must find the way to its folder inside.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))?;
        let size = DISK.iter().find(|(of, _)| *of == engine).map_or(192, |(_, size)| *size);
        let disk = Disk::mount(folder.path().join("disk"), size)?;
        let mut postgres = None;
        if engine == Engine::Postgres {
            let settings = syncs(&place, folder.path());
            postgres = Some(Postgres::start(&place.root, disk.folder().join("pg"), settings).await?);
        }
        let (mut fronts, mut doors) = (BTreeMap::new(), BTreeMap::new());
        for service in SERVICES {
            fronts.insert(service, Proxy::start(Vec::new()).await?);
            if let Some(postgres) = &postgres {
                doors.insert(service, Proxy::start(vec![Target::Unix(postgres.socket())]).await?);
            }
        }
        let replicas = SERVICES.into_iter().map(|service| (service, Vec::new())).collect();
        let http = crate::outside::client()?;
        let mut world = Self {
            engine,
            replicas,
            fronts,
            doors,
            postgres,
            disk,
            place,
            spools: false,
            ended: Vec::new(),
            searched: BTreeMap::new(),
            http,
            folder,
        };
        world.migrate().await?;
        world.scale(1, false).await?;
        Ok(world)
    }

    async fn migrate(&self) -> Result<(), Error> {
        let mut migrate = Command::new(self.place.programs.join("crm-bridge"));
        migrate.env_clear().current_dir(self.folder.path());
        migrate.env("PATH", "/usr/bin:/bin").arg("--data-dir").arg(self.disk.folder()).arg("migrate");
        if let Some(postgres) = &self.postgres {
            migrate.env("DATABASE_URL", postgres.url());
        }
        run_slowly(migrate).await.map(drop)
    }

    /// The gateway, as platforms and staff find it.
    pub(crate) fn outside(&self) -> Result<Outside, Error> {
        let gateway = self.fronts.get("gateway").ok_or_else(missing)?;
        Outside::of(gateway.address())
    }

    /// The proxy on a line.
    pub(crate) fn proxy(&self, line: Line) -> Result<&Proxy, Error> {
        match line {
            Line::To(service) => self.fronts.get(service),
            Line::Database(service) => self.doors.get(service),
        }
        .ok_or_else(missing)
    }

    /// Is there so little room left that a new world is due?
    pub(crate) fn is_full(&self) -> Result<bool, Error> {
        Ok(self.disk.taken()? > TAKEN)
    }

    /// So many replicas of each service, all of them ready; those of webhook-ingest with a spool each, or without.
    pub(crate) async fn scale(&mut self, replicas: usize, spools: bool) -> Result<(), Error> {
        let mut surplus = Vec::new();
        if spools != self.spools {
            self.spools = spools;
            surplus.extend(self.replicas.entry("webhook-ingest").or_default().drain(..).flatten());
        }
        for service in SERVICES {
            let running = self.replicas.entry(service).or_default();
            surplus.extend(running.drain(replicas.min(running.len())..).flatten());
            running.resize_with(replicas, || None);
            let addresses =
                (0..replicas).map(|replica| address(&self.place, service, replica)).map(Target::Tcp);
            self.fronts.get(service).ok_or_else(missing)?.set_targets(addresses.collect());
        }
        for process in surplus {
            process.stop().await?;
        }
        self.revive().await
    }

    /// Starts what does not run, and waits until everything is ready. Who ended by itself is noted, see [`World::oddities`].
    pub(crate) async fn revive(&mut self) -> Result<(), Error> {
        for service in SERVICES {
            for replica in 0..self.replicas.get(service).map_or(0, Vec::len) {
                if self.has_ended(service, replica)? {
                    self.note_end(service, replica)?;
                    self.launch(service, replica, None)?;
                }
            }
        }
        for service in SERVICES {
            for replica in 0..self.replicas.get(service).map_or(0, Vec::len) {
                self.until_ready(service, replica).await?;
            }
        }
        Ok(())
    }

    fn note_end(&mut self, service: &str, replica: usize) -> Result<(), Error> {
        let place = self.replicas.get_mut(service).and_then(|all| all.get_mut(replica));
        if let Some(Some(process)) = place
            && process.has_ended_by_itself()?
        {
            self.ended.push(format!("{service} {replica} ended by itself; it said:\n{}", process.said()));
        }
        Ok(())
    }

    /// What no trouble may lead to, since it was last asked: processes that ended by themselves, and panics.
    pub(crate) fn oddities(&mut self) -> Result<Vec<String>, Error> {
        let mut odd = std::mem::take(&mut self.ended);
        for entry in std::fs::read_dir(self.folder.path())? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "log") {
                let text = std::fs::read(&path)?;
                let searched = self.searched.insert(path, text.len()).unwrap_or(0);
                let new = String::from_utf8_lossy(text.get(searched..).unwrap_or_default());
                odd.extend(new.lines().filter(|line| line.contains("panicked")).map(str::to_owned));
            }
        }
        Ok(odd)
    }

    /// Do all fsyncs of the database fail from now on?
    pub(crate) fn fail_syncs(&self, fail: bool) -> Result<(), Error> {
        let switch = self.folder.path().join(SYNC_SWITCH);
        match fail {
            true => std::fs::write(switch, "")?,
            false if switch.exists() => std::fs::remove_file(switch)?,
            false => {}
        }
        Ok(())
    }

    /// Ends all trouble: lines, disk and database as they should be, everything running.
    pub(crate) async fn heal(&mut self) -> Result<(), Error> {
        self.disk.free()?;
        self.fail_syncs(false)?;
        for proxy in self.fronts.values().chain(self.doors.values()) {
            proxy.resume();
        }
        if let Some(postgres) = &self.postgres {
            postgres.recover().await?;
        }
        self.revive().await
    }

    /// Does the replica not run?
    pub(crate) fn has_ended(&mut self, service: &str, replica: usize) -> Result<bool, Error> {
        match self.replicas.get_mut(service).and_then(|all| all.get_mut(replica)) {
            Some(Some(process)) => process.has_ended(),
            _ => Ok(true),
        }
    }

    /// kill -9.
    pub(crate) fn kill(&mut self, service: &str, replica: usize) -> Result<(), Error> {
        match self.replicas.get_mut(service).and_then(|all| all.get_mut(replica)) {
            Some(Some(process)) => process.kill(),
            _ => Ok(()),
        }
    }

    /// Starts a replica in place of what was there, to die at a step if one is given.
    pub(crate) fn launch(
        &mut self,
        service: &'static str,
        replica: usize,
        point: Option<&str>,
    ) -> Result<(), Error> {
        let command = self.command(service, replica, point)?;
        let log = self.folder.path().join(format!("{service}-{replica}.log"));
        let place = self.replicas.get_mut(service).and_then(|all| all.get_mut(replica));
        let place = place.ok_or_else(missing)?;
        *place = None;
        let mut command = command;
        *place = Some(Process::start(service, &mut command, log, point.is_some())?);
        Ok(())
    }

    /// Ends a replica in good manner and starts it again.
    pub(crate) async fn restart(
        &mut self,
        service: &'static str,
        replica: usize,
        point: Option<&str>,
    ) -> Result<(), Error> {
        let running =
            self.replicas.get_mut(service).and_then(|all| all.get_mut(replica)).and_then(Option::take);
        if let Some(process) = running {
            process.stop().await?;
        }
        self.launch(service, replica, point)?;
        self.until_ready(service, replica).await
    }

    /// How many events wait in all spools together; `None` while a replica can't say.
    pub(crate) async fn spooled(&self) -> Option<u64> {
        let mut all = 0;
        for replica in 0..self.replicas.get("webhook-ingest").map_or(0, Vec::len) {
            let url = format!("http://{}/metrics", address(&self.place, "webhook-ingest", replica));
            let told = self.http.get(&url).send().await.ok()?.text().await.ok()?;
            let waiting = told.lines().find_map(|line| line.strip_prefix(SPOOLED))?;
            // Not so when it was not measured: then it is `NaN`.
            all += waiting.trim().trim_end_matches(".0").parse::<u64>().ok()?;
        }
        Some(all)
    }

    pub(crate) async fn until_ready(&mut self, service: &'static str, replica: usize) -> Result<(), Error> {
        let url = format!("http://{}/readyz", address(&self.place, service, replica));
        let until = Instant::now() + READY;
        loop {
            let answer = self.http.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if self.has_ended(service, replica)? || Instant::now() > until {
                let process = self.replicas.get(service).and_then(|all| all.get(replica)?.as_ref());
                let said = process.map(Process::said).unwrap_or_default();
                return Err(Error::NotReady { name: format!("{service} {replica}"), said });
            }
            sleep(LOOK).await;
        }
    }

    fn command(&self, service: &'static str, replica: usize, point: Option<&str>) -> Result<Command, Error> {
        let mut command = Command::new(self.place.programs.join(service));
        command
            .env_clear()
            .current_dir(self.folder.path())
            .envs(SECRETS)
            .envs(syncs(&self.place, self.folder.path()))
            .env("SERVICE_API_RATE_LIMIT", "0")
            .env("FAILED_AUTH_RATE_LIMIT", "0")
            .env("LOG_LEVEL", "warn")
            .env("DRAIN_SECONDS", "1")
            .env("LISTEN_ADDRESS", address(&self.place, service, replica).to_string())
            .env("DASHBOARD_URL", "http://127.0.0.1:9");
        command.env(
            "DATABASE_URL",
            match self.doors.get(service) {
                Some(door) => format!("postgres://postgres@{}/postgres", door.address()),
                None => format!("sqlite:{}", self.disk.folder().join(format!("{service}.sqlite")).display()),
            },
        );
        for (other, front) in &self.fronts {
            let setting = format!("{}_URL", other.replace('-', "_").to_uppercase());
            command.env(setting, format!("http://{}", front.address()));
        }
        if service == "webhook-ingest" && self.spools {
            // One to a folder.
            command.env("WEBHOOK_SPOOL_DIR", self.folder.path().join(format!("spool-{replica}")));
        }
        if let Some(point) = point {
            command.env(SETTING, point);
        }
        Ok(command)
    }

    /// The logs of all processes, copied for whoever wants to know.
    pub(crate) fn keep_logs(&self, to: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(self.folder.path())? {
            let path = entry?.path();
            if let (Some("log"), Some(name)) =
                (path.extension().and_then(|end| end.to_str()), path.file_name())
            {
                std::fs::copy(&path, to.join(name))?;
            }
        }
        if self.postgres.is_some() {
            std::fs::copy(self.disk.folder().join("pg/server.log"), to.join("postgres.log"))?;
        }
        Ok(())
    }
}

/// The settings by which fsyncs of a program can be made to fail.
fn syncs(place: &Place, folder: &Path) -> [(&'static str, PathBuf); 2] {
    [("LD_PRELOAD", place.programs.join("libsync.so")), ("CRM_FAULTS_SYNC", folder.join(SYNC_SWITCH))]
}

fn address(place: &Place, service: &str, replica: usize) -> SocketAddr {
    let of_service = SERVICES.iter().position(|one| *one == service).unwrap_or(0);
    let port = place.ports.get(of_service * MOST_REPLICAS + replica).copied().unwrap_or(0);
    (Ipv4Addr::LOCALHOST, port).into()
}

fn missing() -> Error {
    Error::Impossible("a part of the world is missing".to_owned())
}
