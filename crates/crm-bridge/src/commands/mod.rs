//! The operator's commands: each reads its settings, does one thing and prints it. Standard output belongs to what was asked for;
//! everything else goes to standard error. Exit codes: 0 done, 1 the answer is no, 2 it could not be done.

mod demo;
mod events;
mod health;
mod migrate;
mod secrets;
pub(crate) mod staff;
mod webhook;

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::all_in_one;
use crate::cli::{Cli, Command};

/// What a command ends with: `Ok(true)` done, `Ok(false)` the answer is no, `Err` one line for people.
pub(crate) type Ended = Result<bool, String>;

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> ExitCode {
    let ended = match cli.command {
        None | Some(Command::Run) => all_in_one::run(&cli.data_dir),
        Some(Command::Demo(arguments)) => demo::run(&cli.data_dir, &arguments),
        Some(Command::Webhook(command)) => webhook::run(&cli.data_dir, command),
        Some(Command::Events(command)) => events::run(&cli.data_dir, command),
        Some(Command::Secrets(command)) => secrets::run(&cli.data_dir, command),
        Some(Command::Migrate(arguments)) => migrate::run(&cli.data_dir, &arguments),
        Some(Command::Health(arguments)) => health::run(&arguments),
        Some(Command::Staff(command)) => staff::run(&cli.data_dir, command),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(message) => {
            complain(format_args!("crm-bridge: {message}"));
            ExitCode::from(2)
        }
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
