//! `crm-bridge events …` as data.

use clap::{Args, Subcommand};

/// `crm-bridge events …`
#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// List webhook events, newest first
    List(ListArgs),
    /// Show all about one event, its raw body too
    Show(ShowArgs),
    /// Have events read again by the mapping of today, and applied
    Replay(ReplayArgs),
}

impl EventsCommand {
    /// Where the events are, and who asks.
    pub(crate) fn api(&self) -> &ApiArgs {
        match self {
            Self::List(arguments) => &arguments.api,
            Self::Show(arguments) => &arguments.api,
            Self::Replay(arguments) => &arguments.api,
        }
    }
}

/// Where the events are, and who asks.
#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    /// Base address of the gateway
    #[arg(long, env = "CRM_BASE_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// A staff JWT; without it one is signed under JWT_SECRET, where that is at hand
    #[arg(long, env = "CRM_STAFF_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Whom a token signed here names: the address of a member of staff
    #[arg(long, env = "CRM_STAFF_EMAIL", required_unless_present = "token")]
    pub(crate) email: Option<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which events; each part that is there must hold.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// pending, applied, superseded, conflict, held, unrecognized or dead_lettered
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// The event type: kyc.updated
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) event_type: Option<String>,
    /// The platform they came from
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// The platform's id of the client
    #[arg(long)]
    pub(crate) client_id: Option<String>,
    /// Received at this time or later (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Received before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
}

impl FilterArgs {
    /// The parts that are there, by their names in the API.
    pub(crate) fn parts(&self) -> Vec<(&'static str, &str)> {
        let parts = [
            ("state", &self.state),
            ("eventType", &self.event_type),
            ("source", &self.source),
            ("clientId", &self.client_id),
            ("from", &self.from),
            ("to", &self.to),
        ];
        parts.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

/// `crm-bridge events list`
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Which events
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// How many at most (1 to 200)
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(crate) limit: u16,
    /// Go on where a list ended
    #[arg(long)]
    pub(crate) cursor: Option<String>,
    /// Where and who
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// `crm-bridge events show`, and `crm-bridge explain`
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Our id: evt_...
    pub(crate) event_id: String,
    /// Where and who
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// `crm-bridge events replay`: those named, or all that a filter lets through.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Our ids: evt_...; without any, all that the filter lets through
    pub(crate) event_ids: Vec<String>,
    /// Which events, where none is named
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Apply an event although its sender's id was first used for another one
    #[arg(long, requires = "event_ids")]
    pub(crate) accept_reused_id: bool,
    /// Where and who
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}
