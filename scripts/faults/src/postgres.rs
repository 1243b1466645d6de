//! A private PostgreSQL whose commits are durable: what an immediate stop takes from it may not have been acknowledged.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use db::{Database, Options};
use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::process::run_slowly;

/// Over the settings of the cluster for tests, which is made for speed alone. The log of writes stays small, since the disk is.
const SETTINGS: &str = "
fsync = on
full_page_writes = on
synchronous_commit = on
autovacuum = on
shared_buffers = 16MB
max_wal_size = 96MB
min_wal_size = 32MB
restart_after_crash = on
";

/// How long it may take to recover.
const RECOVERY: Duration = Duration::from_secs(60);

const LOOK: Duration = Duration::from_millis(100);

/// A server; stopped when dropped.
pub(crate) struct Postgres {
    script: PathBuf,
    folder: PathBuf,
    /// What is in its environment.
    settings: [(&'static str, PathBuf); 2],
}

impl Postgres {
    /// Makes and starts one in `folder`.
    pub(crate) async fn start(
        root: &Path,
        folder: PathBuf,
        settings: [(&'static str, PathBuf); 2],
    ) -> Result<Self, Error> {
        let postgres = Self { script: root.join("scripts/postgres-cluster"), folder, settings };
        postgres.cluster("start").await?;
        postgres.cluster("stop").await?;
        let conf = postgres.folder.join("data/postgresql.conf");
        let told = std::fs::read_to_string(&conf)? + SETTINGS;
        std::fs::write(&conf, told)?;
        postgres.cluster("start").await?;
        Ok(postgres)
    }

    /// `pg_ctl stop -m immediate`: every process of it dies at once, nothing is written down.
    pub(crate) async fn stop(&self) -> Result<(), Error> {
        self.cluster("stop").await
    }

    /// Starts it if it does not run; it recovers first.
    pub(crate) async fn start_again(&self) -> Result<(), Error> {
        self.cluster("start").await
    }

    /// Starts it, if it does not run, until it serves: one that is just failing may still be there when it is looked for, and then be
    /// gone.
    pub(crate) async fn recover(&self) -> Result<(), Error> {
        let until = Instant::now() + RECOVERY;
        loop {
            let started = self.start_again().await;
            if self.serves().await {
                return Ok(());
            }
            if Instant::now() > until {
                started?;
                return Err(Error::NotReady { name: "PostgreSQL".to_owned(), said: self.said() });
            }
            sleep(LOOK).await;
        }
    }

    async fn serves(&self) -> bool {
        let Ok(url) = self.url().parse() else { return false };
        match Database::open(url, "faults", &Options::default()) {
            Ok(database) => database.ping().await.is_ok(),
            Err(_) => false,
        }
    }

    /// The end of what it said.
    fn said(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }

    /// The address for whoever may reach its socket.
    pub(crate) fn url(&self) -> String {
        format!("postgres:///postgres?host={}&user=postgres", self.folder.display())
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    async fn cluster(&self, action: &str) -> Result<(), Error> {
        let mut command = Command::new(&self.script);
        command.envs(self.settings.clone()).arg(action).arg(&self.folder);
        run_slowly(command).await.map(drop)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stopped = crate::process::run(Command::new(&self.script).arg("stop").arg(&self.folder));
        if let Err(error) = stopped {
            crate::report::say(&format!("PostgreSQL did not stop: {error}"));
        }
    }
}
