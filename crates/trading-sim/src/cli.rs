//! The command line as data.

use clap::{Args, Parser, Subcommand};
use contract::clock::Timestamp;

/// A simulated trading platform. It reads CRM_BASE_URL, WEBHOOK_SECRET, CRM_SERVICE_TOKEN and CRM_SSO_SECRET, as platforms do.
#[derive(Debug, Parser)]
#[command(name = "trading-sim", version, max_term_width = 110)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    pub json: bool,
}

/// What trading-sim can be told to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send signed events, and say what came of them
    Send(SendArgs),
    /// Make every call of the service API about one client, those that write too: it sets the identity check to in_review and adds a note
    Call(CallArgs),
    /// Serve the page where impersonating staff arrive
    Serve(ServeArgs),
    /// All together: the page, events without end, calls now and then; until Ctrl-C
    Run(RunArgs),
}

/// `trading-sim send`
#[derive(Debug, Args)]
pub struct SendArgs {
    /// How many different events
    #[arg(long, default_value_t = 100)]
    pub events: usize,
    /// Events a second; 0 sends as fast as the CRM takes them
    #[arg(long, default_value_t = 10.0, value_parser = rate)]
    pub rate: f64,
    /// What everything follows from: the same seed sends the same bodies
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// When the first event happens, in RFC 3339
    #[arg(long, default_value = "2025-10-13T19:00:00Z", value_name = "TIME")]
    pub since: Timestamp,
    /// How probable it is that an event is sent once more
    #[arg(long, default_value_t = 0.0, value_parser = probability)]
    pub duplicates: f64,
    /// How probable it is that an event is sent after later ones
    #[arg(long, default_value_t = 0.0, value_parser = probability)]
    pub shuffle: f64,
    /// How probable it is that an event tells of a time long gone
    #[arg(long, default_value_t = 0.0, value_parser = probability)]
    pub old: f64,
    /// How often an event is tried
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub tries: u32,
    /// Read every client back afterwards, with accounts and payments, and compare; exit code 1 when the record is not what it must be
    #[arg(long)]
    pub verify: bool,
}

/// `trading-sim call`
#[derive(Debug, Args)]
pub struct CallArgs {
    /// Whom the calls are about
    #[arg(long)]
    pub email: String,
}

/// `trading-sim serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address and port of the page
    #[arg(long, default_value = "127.0.0.1:9090")]
    pub listen: String,
}

/// `trading-sim run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The page
    #[command(flatten)]
    pub page: ServeArgs,
    /// Events a second
    #[arg(long, default_value_t = 2.0, value_parser = rate_above_zero)]
    pub rate: f64,
    /// What everything follows from; taken from the clock when left out
    #[arg(long)]
    pub seed: Option<u64>,
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate >= 0.0)
        .ok_or("a number from 0 on".to_owned())
}

fn rate_above_zero(text: &str) -> Result<f64, String> {
    rate(text).ok().filter(|rate| *rate > 0.0).ok_or("a number above 0".to_owned())
}

fn probability(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|chance| (0.0..=1.0).contains(chance)).ok_or("a number from 0 to 1".to_owned())
}
