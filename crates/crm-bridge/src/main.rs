//! crm-bridge: everything in one process, and the operator's commands.

mod all_in_one;
mod cli;
mod commands;
mod databases;
mod secrets_file;
mod settings;
mod staff_table;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    commands::run(cli::Cli::parse())
}
