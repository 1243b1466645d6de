//! The programs that are measured: started with nothing but the settings they are given, waited for, killed when dropped.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::Error;

/// How long a program may take to answer its first request.
const START: Duration = Duration::from_secs(60);

/// How long it may take to end when it is asked to.
const END: Duration = Duration::from_secs(5);

/// A running program.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    address: SocketAddr,
}

impl Process {
    /// Starts `command`, which will listen on `port`, with its output in a file of `folder`, and waits until it answers `GET /livez`, with
    /// whatever status.
    pub(crate) fn start(name: &str, command: &mut Command, port: u16, folder: &Path) -> Result<Self, Error> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log)?;
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn();
        let child = child.map_err(|cause| Error::Start { name: name.to_owned(), cause })?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut process = Self { name: name.to_owned(), child, log, address };
        process.wait_for("/livez", |_| true)?;
        Ok(process)
    }

    /// Waits until `GET path` is answered with such a status.
    pub(crate) fn wait_for(&mut self, path: &str, fits: impl Fn(u16) -> bool) -> Result<(), Error> {
        let until = Instant::now() + START;
        while !ask(self.address, path).is_some_and(&fits) {
            if Instant::now() > until || self.child.try_wait()?.is_some() {
                let said = std::fs::read_to_string(&self.log).unwrap_or_default();
                return Err(Error::NotReady { name: self.name.clone(), said });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resident memory now, in megabytes; 0 where the kernel does not tell.
    pub(crate) fn megabytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        kilobytes.unwrap_or(0) / 1024
    }
}

impl Drop for Process {
    /// Asks it to end first: one that is killed leaves its workers behind, as nginx does.
    fn drop(&mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        let until = Instant::now() + END;
        while asked.is_ok() && Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            crate::report::say(&format!("{} did not end: {error}", self.name));
        }
    }
}

/// The status of the answer, if there is one.
fn ask(address: SocketAddr, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).ok()?;
    str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()
}

/// A port that is free now.
pub(crate) fn free_port() -> Result<u16, Error> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// What all cores have worked since the machine started, for others than this process, which is the load; time that the hypervisor took
/// is not in it.
pub(crate) fn busy() -> Result<Duration, Error> {
    // proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal ...; of a process user and system, behind its name.
    let all = hundredths("/proc/stat", "cpu", &[0, 1, 2, 5, 6])?;
    let own = hundredths("/proc/self/stat", ")", &[11, 12])?;
    Ok(Duration::from_millis(all.saturating_sub(own) * 10))
}

/// The sum of these of the numbers that stand behind a word; a field that is none stands for 0.
fn hundredths(file: &str, behind: &str, places: &[usize]) -> Result<u64, Error> {
    let stat = std::fs::read_to_string(file)?;
    let (_, fields) = stat.split_once(behind).unwrap_or_default();
    let fields: Vec<u64> = fields.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    Ok(places.iter().filter_map(|place| fields.get(*place)).sum())
}
