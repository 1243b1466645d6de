//! A private PostgreSQL whose commits are durable: what an immediate stop takes from it may not have been acknowledged.

use std::path::{Path, PathBuf};
use std::process::Command;

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

/// A server; stopped when dropped.
pub(crate) struct Postgres {
    script: PathBuf,
    folder: PathBuf,
}

impl Postgres {
    /// Makes and starts one in `folder`.
    pub(crate) async fn start(root: &Path, folder: PathBuf) -> Result<Self, Error> {
        let postgres = Self { script: root.join("scripts/postgres-cluster"), folder };
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
        command.arg(action).arg(&self.folder);
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
