//! The command line as data: what can be said, and nothing of what it does.

pub(crate) mod events;
pub(crate) mod staff;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The CRM's side of the link to a trading platform. Without a command: everything in one process.
#[derive(Debug, Parser)]
#[command(name = "crm-bridge", version, max_term_width = 110)]
pub(crate) struct Cli {
    /// Folder of the databases and of the generated secrets
    #[arg(long, global = true, env = "CRM_DATA_DIR", default_value = "data", value_name = "FOLDER")]
    pub(crate) data_dir: PathBuf,

    /// What to do; starts everything when left out
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What crm-bridge can be told to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything in one process (the same as no command)
    Run,
    /// Everything in one process, with a simulated trading platform; in a folder of its own, `demo` under the data folder
    Demo(DemoArgs),
    /// Sign, send and diagnose webhooks
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// List, show and replay webhook events
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// Say in plain lines what happened to a webhook event, when and why
    Explain(events::ShowArgs),
    /// Make and check secrets
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Bring the databases' schemas up to date
    Migrate(MigrateArgs),
    /// Staff of the CRM
    #[command(subcommand)]
    Staff(staff::StaffCommand),
    /// Ask a program whether it is ready; exit code 1 when it is not, or does not answer
    Health(HealthArgs),
}

impl Command {
    /// Whether JSON was asked for, so that what goes wrong is told so too.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Self::Run | Self::Demo(_) => false,
            Self::Webhook(
                WebhookCommand::Sign(SignArgs { body }) | WebhookCommand::Send(SendArgs { body, .. }),
            ) => body.json,
            Self::Webhook(WebhookCommand::Diagnose(DiagnoseArgs { body, .. })) => body.json,
            Self::Events(command) => command.api().json,
            Self::Explain(arguments) => arguments.api.json,
            Self::Secrets(SecretsCommand::Generate(arguments)) => arguments.json,
            Self::Secrets(SecretsCommand::Check(arguments)) => arguments.json,
            Self::Migrate(arguments) => arguments.json,
            Self::Staff(command) => command.is_json(),
            Self::Health(arguments) => arguments.json,
        }
    }
}

/// `crm-bridge demo`
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Events a second
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) rate: u8,
}

/// `crm-bridge health`
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Base address of the program
    #[arg(default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// `crm-bridge webhook …`
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Print the signature of a body
    Sign(SignArgs),
    /// Sign a body, send it, print the answer
    Send(SendArgs),
    /// Say what a refused signature looks like
    Diagnose(DiagnoseArgs),
}

/// Which body, and for which source.
#[derive(Debug, Args)]
pub(crate) struct BodyArgs {
    /// File with the raw body, byte for byte; `-` reads standard input
    pub(crate) file: PathBuf,
    /// The platform the webhook comes from; its key is WEBHOOK_SECRET (site) or WEBHOOK_SECRET_<SOURCE>
    #[arg(long, default_value = "site")]
    pub(crate) source: String,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// `crm-bridge webhook sign`
#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// Which body
    #[command(flatten)]
    pub(crate) body: BodyArgs,
}

/// `crm-bridge webhook send`
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// Which body
    #[command(flatten)]
    pub(crate) body: BodyArgs,
    /// Base address of the gateway
    #[arg(long, env = "CRM_BASE_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
}

/// `crm-bridge webhook diagnose`
#[derive(Debug, Args)]
pub(crate) struct DiagnoseArgs {
    /// Which body
    #[command(flatten)]
    pub(crate) body: BodyArgs,
    /// The value of x-webhook-signature that was refused
    #[arg(long)]
    pub(crate) signature: String,
}

/// `crm-bridge secrets …`
#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Print fresh secrets as lines for an environment file
    Generate(GenerateArgs),
    /// Say what is wrong with the secrets of the environment, never their values
    Check(CheckArgs),
}

/// `crm-bridge secrets generate`
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// Write to this file (mode 0600; refuses to touch one that exists) instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// `crm-bridge secrets check`
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// `crm-bridge migrate`
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Only say what is missing; exit code 1 when something is
    #[arg(long)]
    pub(crate) check: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}
