//! A small disk under the databases, which can be filled to the last byte: a file system in memory, mounted for one world.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::process::{run, run_slowly};

/// The file that takes all room.
const FILLER: &str = "filler";

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

    /// Takes all room that is left.
    pub(crate) async fn fill(&self) {
        let mut filling = Command::new("dd");
        filling.arg("if=/dev/zero").arg(format!("of={}", self.folder.join(FILLER).display())).arg("bs=1M");
        // It ends with the failure that is wanted: no space left.
        drop(run_slowly(filling).await);
    }

    /// Gives it back.
    pub(crate) fn free(&self) -> Result<(), Error> {
        match fs::remove_file(self.folder.join(FILLER)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
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
