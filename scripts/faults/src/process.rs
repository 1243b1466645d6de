//! The services' processes: started with nothing but the settings they are given, killed when dropped.

use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::Error;

/// How long a program may take to end by itself when it is asked to.
const END: Duration = Duration::from_secs(15);

const LOOK: Duration = Duration::from_millis(10);

/// How much of a log is shown, in bytes.
const SHOWN: usize = 4_000;

/// A running program.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// Is it to die: was it killed, or started to die at a step?
    doomed: bool,
}

impl Process {
    /// Starts a command, perhaps one that is to die; what it says is added to the log.
    pub(crate) fn start(
        name: &str,
        command: &mut Command,
        log: PathBuf,
        doomed: bool,
    ) -> Result<Self, Error> {
        let file: File = OpenOptions::new().create(true).append(true).open(&log)?;
        // A group of its own: a Ctrl-C is ours, and we end them.
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).process_group(0);
        let child = command.spawn().map_err(|cause| Error::Start { name: name.to_owned(), cause })?;
        Ok(Self { name: name.to_owned(), child, log, doomed })
    }

    /// Has it ended?
    pub(crate) fn has_ended(&mut self) -> Result<bool, Error> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Has it ended although nobody was after it?
    pub(crate) fn has_ended_by_itself(&mut self) -> Result<bool, Error> {
        Ok(!self.doomed && self.has_ended()?)
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) -> Result<(), Error> {
        self.doomed |= !self.has_ended()?;
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        let pid = self.child.id().to_string();
        run(Command::new("kill").args(["-TERM", &pid]))?;
        let until = Instant::now() + END;
        while !self.has_ended()? {
            if Instant::now() > until {
                return Err(Error::NotReady {
                    name: format!("{} that was told to end", self.name),
                    said: self.said(),
                });
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// The end of what it said.
    pub(crate) fn said(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let from = text.len().saturating_sub(SHOWN);
        String::from_utf8_lossy(text.get(from..).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended can't be killed, and need not be.
        drop(self.child.kill());
        drop(self.child.wait());
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

/// As [`run`], for commands that take their time.
pub(crate) async fn run_slowly(command: Command) -> Result<String, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = tokio::process::Command::from(command).output().await;
    let output = output.map_err(|cause| Error::Start { name: name.clone(), cause })?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            Err(Error::Command { command: name, said: String::from_utf8_lossy(&output.stderr).into_owned() })
        }
    }
}
