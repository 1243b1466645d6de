//! What is said to whoever started the program. Standard output belongs to what was asked for; everything else goes to standard error.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

/// What a command ends with: `Ok(true)` done, `Ok(false)` the answer is no, and was given; `Err` why there is no answer to give.
pub(crate) type Ended = Result<bool, Trouble>;

/// Why a command has nothing to print. It is told in one place, on standard error: as a line, or with `--json` as
/// `{"error":{"detail":...}}`, with all members of the problem where the system answered one.
#[derive(Debug)]
pub(crate) struct Trouble {
    line: String,
    problem: Option<Value>,
    is_no: bool,
}

impl Trouble {
    /// The answer is no, for this reason.
    pub(crate) fn no(line: impl Into<String>) -> Self {
        Self { is_no: true, ..Self::from(line.into()) }
    }

    /// The same trouble, which the system told as this problem.
    pub(crate) fn with_problem(self, problem: Value) -> Self {
        Self { problem: Some(problem), ..self }
    }

    /// Tells it.
    pub(crate) fn tell(&self, as_json: bool) {
        match (as_json, &self.problem) {
            (false, _) => complain(format_args!("crm-bridge: {}", self.line)),
            (true, Some(problem)) => complain(json!({ "error": problem })),
            (true, None) => complain(json!({ "error": { "detail": self.line } })),
        }
    }

    /// 1 if the answer is no, 2 if it could not be done.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.is_no { 1 } else { 2 })
    }
}

impl From<String> for Trouble {
    fn from(line: String) -> Self {
        Self { line, problem: None, is_no: false }
    }
}

impl From<&str> for Trouble {
    fn from(line: &str) -> Self {
        Self::from(line.to_owned())
    }
}

/// Prints a line that was asked for. A reader that went away (`| head`) is no failure of ours.
pub(crate) fn say(line: impl Display) {
    drop(writeln!(io::stdout(), "{line}"));
}

/// Prints a line for people, beside what was asked for.
pub(crate) fn complain(line: impl Display) {
    drop(writeln!(io::stderr(), "{line}"));
}

/// How a person calls this very program on that data folder, from any shell: it need not be on their path.
pub(crate) fn this_command(data: &Path) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("crm-bridge"));
    format!(
        "{} --data-dir {}",
        quoted(&program),
        quoted(&std::path::absolute(data).unwrap_or_else(|_| data.to_owned()))
    )
}

/// A path as a shell reads it: as it stands where nothing in it means anything there.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    if text.bytes().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// One line for people: the error, and what caused it where it does not say so itself.
pub(crate) fn in_words(error: impl Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let told = deeper.to_string();
        if !words.contains(&told) {
            words = format!("{words}: {told}");
        }
        cause = deeper.source();
    }
    // Some causes, PostgreSQL's among them, come in several lines.
    words.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
