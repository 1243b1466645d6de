//! A private PostgreSQL whose commits are durable, and questions to it by psql.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;

/// What a server of two cores and some gigabytes is given; all sides share it. The cluster's own settings are for tests, without fsync.
const SETTINGS: &str = "
fsync = on
full_page_writes = on
synchronous_commit = on
autovacuum = on
shared_buffers = 512MB
min_wal_size = 3GB
max_wal_size = 8GB
checkpoint_timeout = 15min
";

/// Goes through 160 segments of the log, and leaves them to be used again, as those of a server are that has run for an hour. In a
/// fresh one every 16 MB stop all commits for as long as the disk takes to fill them with zeros.
const USED: &str = "select count(pg_logical_emit_message(false, '', '')), count(pg_switch_wal()) from generate_series(1, 160)";

/// A running server; stopped when dropped.
pub(crate) struct Postgres {
    script: PathBuf,
    folder: PathBuf,
}

impl Postgres {
    /// Makes a cluster in `folder` with the script of the tests, and turns on what makes it durable.
    pub(crate) fn start(root: &Path, folder: PathBuf) -> Result<Self, Error> {
        let postgres = Self { script: root.join("scripts/postgres-cluster"), folder };
        postgres.cluster("start")?;
        postgres.cluster("stop")?;
        let conf = postgres.folder.join("data/postgresql.conf");
        let told = std::fs::read_to_string(&conf)? + SETTINGS;
        std::fs::write(&conf, told)?;
        postgres.cluster("start")?;
        postgres.ask(USED)?;
        postgres.ask("checkpoint")?;
        Ok(postgres)
    }

    fn cluster(&self, action: &str) -> Result<(), Error> {
        run(Command::new(&self.script).arg(action).arg(&self.folder)).map(drop)
    }

    /// The address of the server, for our programs.
    pub(crate) fn url(&self) -> String {
        format!("postgres:///postgres?host={}&user=postgres", self.folder.display())
    }

    /// The folder of its socket, for others.
    pub(crate) fn host(&self) -> &Path {
        &self.folder
    }

    /// What a query answers, unadorned.
    pub(crate) fn ask(&self, query: &str) -> Result<String, Error> {
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--username=postgres", "--host"]);
        run(psql.arg(&self.folder).args(["--command", query])).map(|answer| answer.trim().to_owned())
    }
}

/// Asks a query again and again, and keeps its last answer.
pub(crate) struct Watch {
    psql: Child,
    pub(crate) last: Arc<AtomicU64>,
}

impl Postgres {
    /// Asks a query for one number five times a second, until the watch is dropped.
    pub(crate) fn watch(&self, query: &str) -> Result<Watch, Error> {
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--username=postgres", "--host"]);
        psql.arg(&self.folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut psql = psql.spawn().map_err(|cause| Error::Start { name: "psql".to_owned(), cause })?;
        if let Some(mut stdin) = psql.stdin.take() {
            writeln!(stdin, "{query} \\watch 0.2")?;
        }
        let last = Arc::new(AtomicU64::new(0));
        let (output, told) = (psql.stdout.take(), Arc::clone(&last));
        std::thread::spawn(move || {
            // Other lines say when it was asked.
            for line in
                output.into_iter().flat_map(|output| BufReader::new(output).lines()).map_while(Result::ok)
            {
                if let Ok(number) = line.trim().parse() {
                    told.store(number, Ordering::Relaxed);
                }
            }
        });
        Ok(Watch { psql, last })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Err(error) = self.psql.kill().and_then(|()| self.psql.wait()) {
            crate::report::say(&format!("psql did not end: {error}"));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(error) = self.cluster("stop") {
            crate::report::say(&format!("PostgreSQL did not stop: {error}"));
        }
    }
}

/// Runs a command to its end; its output.
pub(crate) fn run(command: &mut Command) -> Result<String, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|cause| Error::Start { name: name.clone(), cause })?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            Err(Error::Command { command: name, said: String::from_utf8_lossy(&output.stderr).into_owned() })
        }
    }
}
