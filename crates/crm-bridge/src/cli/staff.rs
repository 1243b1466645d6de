//! `crm-bridge staff …` as data.

use clap::{Args, Subcommand, ValueEnum};

/// `crm-bridge staff …`
#[derive(Debug, Subcommand)]
pub(crate) enum StaffCommand {
    /// Sign a short staff JWT under JWT_SECRET
    Token(TokenArgs),
    /// Whoever works here
    #[command(flatten)]
    Members(MembersCommand),
}

impl StaffCommand {
    /// Whether JSON was asked for.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Self::Token(arguments) => arguments.json,
            Self::Members(MembersCommand::Add(arguments)) => arguments.json,
            Self::Members(MembersCommand::List(arguments)) => arguments.json,
            Self::Members(MembersCommand::SetRole(arguments)) => arguments.who.json,
            Self::Members(
                MembersCommand::Disable(who)
                | MembersCommand::Enable(who)
                | MembersCommand::ResetPassword(who),
            ) => who.json,
        }
    }
}

/// The commands of `crm-bridge staff` that look into the staff table.
#[derive(Debug, Subcommand)]
pub(crate) enum MembersCommand {
    /// Add somebody, and print the one-time password of their first log-in
    Add(AddArgs),
    /// List who works here
    List(ListArgs),
    /// Log somebody out everywhere, and let them in no more
    Disable(MemberArgs),
    /// Let somebody in again
    Enable(MemberArgs),
    /// Give somebody another role
    SetRole(SetRoleArgs),
    /// Log somebody out everywhere, and print the one-time password of their next log-in
    ResetPassword(MemberArgs),
}

/// `crm-bridge staff add`
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Their address: what they log in with
    #[arg(long)]
    pub(crate) email: String,
    /// What people call them; their address when left out
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What they may do
    #[arg(long, value_enum)]
    pub(crate) role: RoleArg,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// `crm-bridge staff list`
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which member.
#[derive(Debug, Args)]
pub(crate) struct MemberArgs {
    /// Their address, or their id (st_…)
    pub(crate) member: String,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// `crm-bridge staff set-role`
#[derive(Debug, Args)]
pub(crate) struct SetRoleArgs {
    /// Which member
    #[command(flatten)]
    pub(crate) who: MemberArgs,
    /// What they may do from now on
    #[arg(long, value_enum)]
    pub(crate) role: RoleArg,
}

/// `crm-bridge staff token`
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Whom the token names
    #[arg(long)]
    pub(crate) email: String,
    /// What the token allows
    #[arg(long, value_enum)]
    pub(crate) role: RoleArg,
    /// How long it is valid, in minutes (1 to 720)
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=720))]
    pub(crate) minutes: u16,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// The staff roles as words of the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleArg {
    /// Everything
    Admin,
    /// Clients, KYC, client status
    Compliance,
    /// Clients, notes, events
    Support,
    /// The audit trail only
    Auditor,
}
