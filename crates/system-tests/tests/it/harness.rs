//! Starts the real programs and talks to them as strangers do: child processes, real HTTP, real databases.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use tempfile::TempDir;
use test_kit::database::{Backend, TestDatabase};
pub(crate) use test_kit::waiting::{PATIENCE, wait_for};

use crate::calls::Caller;

/// Secrets of the tests: obvious, and different from each other. The first is hex too, so that it can be mistaken for bytes.
pub(crate) const WEBHOOK_SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub(crate) const SERVICE_API_TOKEN: &str = "test-service-token-test-service-token-test-service-token-000002";
pub(crate) const JWT_SECRET: &str = "test-jwt-secret-test-jwt-secret-test-jwt-secret-test-jwt-0000003";
pub(crate) const SSO_SECRET: &str = "test-sso-secret-test-sso-secret-test-sso-secret-test-sso-0000004";
pub(crate) const INTERNAL_SECRET: &str = "test-internal-secret-test-internal-secret-test-internal-00000005";

/// The secrets by their settings' names.
pub(crate) const SECRETS: [(&str, &str); 5] = [
    ("WEBHOOK_SECRET", WEBHOOK_SECRET),
    ("SERVICE_API_TOKEN", SERVICE_API_TOKEN),
    ("JWT_SECRET", JWT_SECRET),
    ("SSO_SECRET", SSO_SECRET),
    ("INTERNAL_SECRET", INTERNAL_SECRET),
];

#[expect(clippy::disallowed_methods, reason = "no setting of ours, but where this test runs")]
pub(crate) fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The path of one of our programs, built by scripts/test or, for a lone `cargo test`, now.
pub(crate) fn program(name: &str) -> PathBuf {
    let folder = environment("CRM_TEST_BIN_DIR").map(PathBuf::from).unwrap_or_else(|| {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--workspace", "--bins", "--locked", "--quiet"])
            .current_dir(root)
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the programs do not build");
        // target/<profile>/deps/<this test>
        let here = std::env::current_exe().expect("this test's own path");
        here.ancestors().nth(2).expect("the target folder").to_owned()
    });
    let path = folder.join(name);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// A command of one of our programs in an empty environment.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(program(name));
    command.env_clear().env("PATH", environment("PATH").unwrap_or_default()).stdin(Stdio::null());
    command
}

/// A running program of ours; killed when dropped.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
    _folder: TempDir,
}

impl Running {
    /// Starts the command; its standard error goes to a file.
    pub(crate) fn start(command: &mut Command) -> (Self, mpsc::Receiver<String>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log).expect("a log file"))
            .spawn()
            .expect("the program starts");
        let (lines, received) = mpsc::channel();
        let output = child.stdout.take().expect("a pipe");
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        (Self { child, log, _folder: folder }, received)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a readable log")
    }

    /// How much memory it has in use, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a living process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kilobytes * 1024
    }

    /// Has it ended by itself?
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_some()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a living process");
        self.child.wait().expect("an ended process");
    }

    /// SIGTERM, and the exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.child.id())])
            .status()
            .expect("kill");
        assert!(sent.success());
        self.child.wait().expect("an ended process").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _killed = self.child.kill();
            let _ended = self.child.wait();
        }
    }
}

/// The all-in-one, as `cargo run` starts it.
pub(crate) struct AllInOne {
    pub(crate) process: Running,
    pub(crate) gateway: String,
    pub(crate) data: TempDir,
    pub(crate) database: TestDatabase,
}

impl AllInOne {
    /// Starts it on the database, with the tests' secrets, and waits until it is ready. Tests ask more of it in a minute than
    /// platforms may, so the service API has no limit here.
    pub(crate) async fn start(database: TestDatabase) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        Self::start_in(database, data).await
    }

    /// The same with the limits that it has by default.
    pub(crate) async fn start_limited(database: TestDatabase) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        Self::launch(command("crm-bridge"), database, data).await
    }

    /// The same on a data folder that an earlier one left.
    pub(crate) async fn start_in(database: TestDatabase, data: TempDir) -> Self {
        Self::start_with(database, data, &[]).await
    }

    /// The same with further settings.
    pub(crate) async fn start_with(database: TestDatabase, data: TempDir, settings: &[(&str, &str)]) -> Self {
        let mut command = command("crm-bridge");
        command
            .env("SERVICE_API_RATE_LIMIT", "0")
            .env("FAILED_AUTH_RATE_LIMIT", "0")
            .envs(settings.iter().copied());
        Self::launch(command, database, data).await
    }

    async fn launch(mut command: Command, database: TestDatabase, data: TempDir) -> Self {
        command.arg("--data-dir").arg(data.path()).env("LISTEN_ADDRESS", "127.0.0.1:0").envs(SECRETS);
        if database.backend() == Backend::Postgres {
            command.env("DATABASE_URL", database.url_text("whole"));
        }
        let (process, lines) = Running::start(&mut command);
        let (gateway, _) = address_line(&lines, &process);
        let started = Self { process, gateway, data, database };
        wait_until_ready(&started.gateway).await;
        started
    }

    /// Somebody who calls it.
    pub(crate) fn caller(&self) -> Caller {
        Caller::of(self.gateway.clone())
    }
}

/// The gateway's address, from the lines that `crm-bridge` prints for people, and those lines so far.
pub(crate) fn address_line(lines: &mpsc::Receiver<String>, process: &Running) -> (String, Vec<String>) {
    let until = Instant::now() + PATIENCE;
    let mut printed = Vec::new();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(line) => {
                printed.push(line.clone());
                if let Some(at) = line.find("http://127.0.0.1:") {
                    let address = line[at..].split_whitespace().next().expect("an address").to_owned();
                    printed.extend(lines.try_iter());
                    return (address, printed);
                }
            }
            Err(error) => panic!("no address was printed ({error}); the log:\n{}", process.log()),
        }
    }
}

/// Waits until `/readyz` answers 200.
pub(crate) async fn wait_until_ready(base: &str) {
    wait_for(&format!("{base} to be ready"), async || is_ready(base).await).await;
}

/// Does `/readyz` answer 200?
pub(crate) async fn is_ready(base: &str) -> bool {
    client().get(format!("{base}/readyz")).send().await.is_ok_and(|answer| answer.status().is_success())
}

/// An HTTP client that follows nothing and knows no proxy.
pub(crate) fn client() -> reqwest::Client {
    let _first = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .expect("a client")
}

/// Sends bytes as they are and reads the whole answer.
pub(crate) fn raw(base: &str, request: &[u8]) -> String {
    let address: SocketAddr = base.trim_start_matches("http://").parse().expect("an address");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request).expect("sent");
    let mut answer = Vec::new();
    let _until_closed = std::io::Read::read_to_end(&mut stream, &mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Hex HMAC-SHA256 of the body by `openssl dgst`, as platforms sign in shell.
pub(crate) fn openssl_signature(secret: &str, body: &[u8]) -> String {
    openssl(&["-hmac", secret], body)
}

/// The same under the bytes that the secret's hex characters stand for.
pub(crate) fn openssl_signature_of_decoded(secret: &str, body: &[u8]) -> String {
    openssl(&["-mac", "HMAC", "-macopt", &format!("hexkey:{secret}")], body)
}

fn openssl(key: &[&str], body: &[u8]) -> String {
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256"])
        .args(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl");
    child.stdin.take().expect("a pipe").write_all(body).expect("written");
    let output = child.wait_with_output().expect("openssl ends");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.trim().rsplit("= ").next().expect("a digest").to_owned()
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command.output().expect("the program runs")
}

/// What a file of the repository holds.
pub(crate) fn repository_file(path: &str) -> String {
    fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)).expect("a file")
}
