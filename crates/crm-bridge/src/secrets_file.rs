//! The environment file with generated secrets: `data/secrets.env`. Reads it, and makes it once.
//! It must never print a value, and never change a line that stands.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use auth::random::Random;
use auth::secret::Secret;

/// The secrets that the system needs, in the order they are written.
pub(crate) use http_kit::config::SECRETS as NAMES;

/// Why the file can't be used. No message holds a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretsFileError {
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file in question.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A line is not `NAME=VALUE`, a comment or empty, or a shell would read its value otherwise than we do.
    #[error(
        "{path}, line {line}: expected NAME=VALUE without spaces, quotes or a comment behind it, so that a shell reads the same"
    )]
    Line {
        /// The file in question.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
}

/// Reads the file's lines; none if it does not exist. People read it into their shell too, so a value that a shell would take
/// otherwise than as it stands is refused, and not guessed at.
///
/// # Errors
/// [`SecretsFileError::Io`] if it exists and can't be read, [`SecretsFileError::Line`] for a line of another form.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, String>, SecretsFileError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(SecretsFileError::Io { path: path.to_owned(), source }),
    };
    let mut values = BTreeMap::new();
    for (index, line) in text.split_terminator('\n').enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once('=') {
            Some((name, value)) if is_name(name) && is_plain(value) => {
                values.insert(name.to_owned(), value.to_owned())
            }
            _ => return Err(SecretsFileError::Line { path: path.to_owned(), line: index + 1 }),
        };
    }
    Ok(values)
}

/// May anybody but its owner read or write the file? False where there is none.
pub(crate) fn others_may_read(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
}

/// Adds a fresh value for each of `wanted` that the file lacks, making it with mode 0600 if need be, and says which it added. What
/// stands in it stays. The file is locked from the look to the write: of two that start at once, each secret is made by one.
///
/// # Errors
/// As [`read`]; [`SecretsFileError::Io`] if something is lacking and the file or its folder can't be written.
pub(crate) fn complete(
    path: &Path,
    wanted: &[&'static str],
    random: &Random,
) -> Result<Vec<&'static str>, SecretsFileError> {
    // A file that lacks nothing may be one that cannot be written.
    if lacking(path, wanted)?.is_empty() {
        return Ok(Vec::new());
    }
    let io = |source| SecretsFileError::Io { path: path.to_owned(), source };
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(io)?;
    // A file that somebody made by hand before us may be open to all.
    file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(io)?;
    file.lock().map_err(io)?;
    let lacking = lacking(path, wanted)?;
    // A person's editor may have left the last line open, and what stands must not grow.
    let open_line = fs::read(path).map_err(io)?.last().is_some_and(|byte| *byte != b'\n');
    let added = lines(&lacking, random);
    file.write_all(if open_line { format!("\n{added}") } else { added }.as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    Ok(lacking)
}

/// Makes a file of fresh secrets, with mode 0600.
///
/// # Errors
/// [`SecretsFileError::Io`] if there is one, or it can't be written.
pub(crate) fn create(path: &Path, random: &Random) -> Result<(), SecretsFileError> {
    let io = |source| SecretsFileError::Io { path: path.to_owned(), source };
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).map_err(io)?;
    file.write_all(lines(&NAMES, random).as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)
}

/// Those of `wanted` that the file does not have, or has empty.
fn lacking(path: &Path, wanted: &[&'static str]) -> Result<Vec<&'static str>, SecretsFileError> {
    let standing = read(path)?;
    let there = |name: &str| standing.get(name).is_some_and(|value| !value.is_empty());
    Ok(wanted.iter().copied().filter(|name| !there(name)).collect())
}

/// Fresh secrets as lines of an environment file, in the order of `names`.
pub(crate) fn lines(names: &[&str], random: &Random) -> String {
    names.iter().map(|name| format!("{name}={}\n", Secret::generate(random).expose())).collect()
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Nothing in it means anything to a shell.
fn is_plain(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+/=:@%,^-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_is_never_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.env");
        assert_eq!(complete(&path, &["A"], &Random::system()).unwrap(), ["A"]);
        let before = fs::read_to_string(&path).unwrap();
        // As an editor may leave it: the last line without its end.
        fs::write(&path, before.trim_end()).unwrap();
        assert_eq!(complete(&path, &["A", "B"], &Random::system()).unwrap(), ["B"]);
        let after = fs::read_to_string(&path).unwrap();
        assert!(after.starts_with(&before), "the first line is whole, and as it was");
        let values = read(&path).unwrap();
        assert_eq!(values.keys().collect::<Vec<_>>(), ["A", "B"]);
        assert!(values.values().all(|value| value.len() == 64));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn of_many_that_start_at_once_one_makes_each_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.env");
        let made = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| complete(&path, &NAMES, &Random::system()).unwrap().len()))
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).sum::<usize>()
        });
        assert_eq!(made, NAMES.len());
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), NAMES.len());
    }

    #[test]
    fn a_file_that_is_there_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fresh.env");
        create(&path, &Random::system()).unwrap();
        let before = fs::read_to_string(&path).unwrap();
        assert!(create(&path, &Random::system()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
    }

    #[test]
    fn a_bad_line_is_named_by_number_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.env");
        // `lines()` takes a line's carriage return for its end; a shell does not.
        for bad in [
            "hunter2",
            "B=\"hunter2\"",
            "B='hunter2'",
            "B=hunter2 # note",
            "B=$hunter2",
            "B=hunter2\r",
            " B=hunter2",
        ] {
            fs::write(&path, format!("# comment\n\nA=1\n{bad}\n")).unwrap();
            let message = read(&path).unwrap_err().to_string();
            assert!(message.contains("line 4") && !message.contains("hunter2"), "{bad:?}: {message}");
        }
    }
}
