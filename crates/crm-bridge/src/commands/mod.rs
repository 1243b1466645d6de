//! The operator's commands: each reads its settings, does one thing and prints it. Exit codes: 0 done, 1 the answer is no, 2 it could
//! not be done. What stood in the way goes to standard error, as JSON for whoever asked for JSON.

mod api;
mod demo;
mod events;
mod explain;
mod health;
mod migrate;
mod remote;
mod secrets;
mod staff;
mod webhook;

use std::process::ExitCode;

use crate::all_in_one;
use crate::cli::{Cli, Command};
use crate::terminal::{Ended, Trouble, complain, in_words, say, this_command};

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> ExitCode {
    let as_json = cli.command.as_ref().is_some_and(Command::is_json);
    let ended = match cli.command {
        None | Some(Command::Run) => all_in_one::run(&cli.data_dir),
        Some(Command::Demo(arguments)) => demo::run(&cli.data_dir, &arguments),
        Some(Command::Webhook(command)) => webhook::run(&cli.data_dir, command),
        Some(Command::Events(command)) => events::run(&cli.data_dir, command),
        Some(Command::Explain(arguments)) => explain::run(&cli.data_dir, &arguments),
        Some(Command::Secrets(command)) => secrets::run(&cli.data_dir, command),
        Some(Command::Migrate(arguments)) => migrate::run(&cli.data_dir, &arguments),
        Some(Command::Health(arguments)) => health::run(&arguments),
        Some(Command::Staff(command)) => staff::run(&cli.data_dir, command),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(trouble) => {
            trouble.tell(as_json);
            trouble.exit_code()
        }
    }
}
