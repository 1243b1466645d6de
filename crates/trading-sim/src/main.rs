//! trading-sim as a program.

use std::process::ExitCode;

use clap::Parser as _;
use trading_sim::{cli::Cli, commands};

#[tokio::main]
async fn main() -> ExitCode {
    commands::run(Cli::parse()).await
}
