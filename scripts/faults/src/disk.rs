//! A small disk under the databases, which can be filled to the last byte: a file system in memory, mounted for one world.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::process::{run, run_slowly};

/// The files that take all room: most of it, and the rest.
const FILLERS: [&str; 2] = ["filler", "last-filler"];

/// A mounted disk; unmounted when dropped.
pub(crate) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts one of so many megabytes on `folder`, which is made.
    pub(crate) fn mount(folder: PathBuf, megabytes: u32) -> Result<Self, Error> {
        fs::create_dir_all(&folder)?;
        let size = format!("size={megabytes}m,mode=755");
        let mounted =
            run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "crm-faults"]).arg(&folder));
        mounted.map_err(|error| {
            Error::Impossible(format!(
                "the small disk under the databases can't be made here, it takes root and the right to mount ({error})"
            ))
        })?;
        Ok(Self { folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes all room that is left but so many megabytes.
    pub(crate) async fn fill_all_but(&self, megabytes: u64) -> Result<(), Error> {
        let left = run(Command::new("df").args(["--block-size=1M", "--output=avail"]).arg(&self.folder))?;
        let left: u64 = left.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or(0);
        self.write(FILLERS[0], &format!("count={}", left.saturating_sub(megabytes))).await
    }

    /// Takes all room that is left.
    pub(crate) async fn fill(&self) {
        // It ends with the failure that is wanted: no space left.
        drop(self.write(FILLERS[1], "count=1000000").await);
    }

    async fn write(&self, filler: &str, count: &str) -> Result<(), Error> {
        let mut writing = Command::new("dd");
        writing
            .arg("if=/dev/zero")
            .arg(format!("of={}", self.folder.join(filler).display()))
            .args(["bs=1M", count]);
        run_slowly(writing).await.map(drop)
    }

    /// Gives it back.
    pub(crate) fn free(&self) -> Result<(), Error> {
        for filler in FILLERS {
            match fs::remove_file(self.folder.join(filler)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Hundredths of the room that are taken.
    pub(crate) fn taken(&self) -> Result<u32, Error> {
        let told = run(Command::new("df").args(["--output=pcent"]).arg(&self.folder))?;
        let taken = told.lines().last().and_then(|line| line.trim().strip_suffix('%')?.parse().ok());
        taken.ok_or_else(|| Error::Impossible(format!("df said {told}")))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that is just ending may still have a file open.
        if let Err(error) = run(Command::new("umount").arg("--lazy").arg(&self.folder)) {
            crate::report::say(&format!("{} stays mounted: {error}", self.folder.display()));
        }
    }
}
