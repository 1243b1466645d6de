//! A private PostgreSQL server, run by `scripts/postgres-cluster`.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/postgres-cluster");

/// The variable by which `scripts/test` hands its server on.
const SHARED: &str = "CRM_TEST_POSTGRES_URL";

/// A PostgreSQL server of the test's own, which it may stop and start. Gone, files and all, when this is dropped, or
/// when the process dies in whatever way: the script lives as long as our end of its input.
#[derive(Debug)]
pub struct Cluster {
    script: Child,
    url: String,
    folder: String,
}

impl Cluster {
    /// Starts one, within about a second.
    pub fn start() -> Self {
        let mut script = Command::new(SCRIPT)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A signal to our process group must not reach it: it would leave the server running.
            .process_group(0)
            .spawn()
            .expect("scripts/postgres-cluster can be run");
        let mut line = String::new();
        let stdout = script.stdout.take().expect("its output is piped");
        BufReader::new(stdout).read_line(&mut line).expect("its output can be read");
        let Some((url, folder)) = line.trim_end().split_once(' ') else {
            let mut said = String::new();
            let mut stderr = script.stderr.take().expect("its errors are piped");
            stderr.read_to_string(&mut said).expect("its errors can be read");
            panic!("no PostgreSQL to test against. {said}");
        };
        Self { url: url.to_owned(), folder: folder.to_owned(), script }
    }

    /// Where it is, as a superuser, in the database `postgres`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server as a crash would: every connection dies at once.
    pub fn stop(&self) {
        run("stop", &self.folder);
    }

    /// Starts the stopped server again, at the same address.
    pub fn start_again(&self) {
        run("start", &self.folder);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        drop(self.script.wait());
    }
}

fn run(what: &str, folder: &str) {
    let done = Command::new(SCRIPT).arg(what).arg(Path::new(folder)).output().expect("the script can be run");
    assert!(done.status.success(), "postgres-cluster {what}: {}", String::from_utf8_lossy(&done.stderr));
}

/// The server that all tests of this process share: the one `scripts/test` started, else one of the process's own.
pub(crate) fn shared() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    static OWN: OnceLock<Cluster> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of a service")]
    let handed = || std::env::var(SHARED).ok().filter(|url| !url.is_empty());
    URL.get_or_init(|| handed().unwrap_or_else(|| OWN.get_or_init(Cluster::start).url().to_owned()))
}
