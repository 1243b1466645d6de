//! `crm-bridge staff` on who works here: says what is to be done to the staff table, and prints what came of it.

use std::path::Path;

use comfy_table::{Table, presets};
use contract::resources::{StaffList, StaffMember, StaffStatus};
use serde_json::json;
use sso_issuer::register::{Change, NewMember, OneTimePassword};

use super::{Ended, Trouble, in_words, say};
use crate::cli::staff::{AddArgs, ListArgs, MemberArgs, MembersCommand};
use crate::settings;
use crate::staff_table::{Changed, StaffTable};

#[tokio::main(flavor = "current_thread")]
pub(super) async fn run(data: &Path, command: MembersCommand) -> Ended {
    let environment = settings::environment(data).map_err(in_words)?;
    let staff = StaffTable::open(&environment, data).await?;
    match command {
        MembersCommand::Add(arguments) => add(&staff, &arguments).await,
        MembersCommand::List(arguments) => list(&staff, &arguments).await,
        MembersCommand::Disable(who) => set_status(&staff, &who, StaffStatus::Disabled).await,
        MembersCommand::Enable(who) => set_status(&staff, &who, StaffStatus::Active).await,
        MembersCommand::SetRole(arguments) => {
            let change = Change { role: Some(arguments.role.into()), ..Change::default() };
            let changed = staff.change(&arguments.who.member, change).await?;
            told(changed, None, arguments.who.json)
        }
        MembersCommand::ResetPassword(who) => {
            let (reset, one_time) = staff.reset_password(&who.member).await?;
            told(reset, Some(&one_time), who.json)
        }
    }
}

async fn add(staff: &StaffTable, arguments: &AddArgs) -> Ended {
    let name = arguments.name.as_deref().unwrap_or(&arguments.email);
    let new = NewMember::new(&arguments.email, name, arguments.role.into())
        .ok_or("--email must be an email address, and --name 1 to 200 characters")?;
    let (added, one_time) = staff.add(new).await?;
    told(added, Some(&one_time), arguments.json)
}

async fn list(staff: &StaffTable, arguments: &ListArgs) -> Ended {
    let staff = staff.list().await?;
    if arguments.json {
        say(json!(StaffList { staff }));
    } else {
        say(table(&staff));
    }
    Ok(true)
}

async fn set_status(staff: &StaffTable, who: &MemberArgs, status: StaffStatus) -> Ended {
    let changed = staff.change(&who.member, Change { status: Some(status), ..Change::default() }).await?;
    told(changed, None, who.json)
}

/// Prints what a change led to, and a one-time password, which is shown here and nowhere else.
fn told(done: Changed, one_time: Option<&OneTimePassword>, as_json: bool) -> Ended {
    let member = match done {
        Ok(member) => member,
        Err(refusal) => return Err(Trouble::no(refusal.to_string())),
    };
    match (one_time, as_json) {
        (Some(one_time), true) => {
            say(json!({ "staff": member, "oneTimePassword": one_time.password.expose() }));
        }
        (None, true) => say(json!({ "staff": member })),
        (one_time, false) => {
            say(table(std::slice::from_ref(&member)));
            if let Some(one_time) = one_time {
                say(format_args!(
                    "\none-time password, for one log-in together with a new one: {}",
                    one_time.password.expose()
                ));
            }
        }
    }
    Ok(true)
}

fn table(staff: &[StaffMember]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ID", "EMAIL", "NAME", "ROLE", "STATUS", "PASSWORD"]);
    for member in staff {
        let password = if member.one_time_password { "one-time" } else { "chosen" };
        table.add_row([
            member.id.to_string(),
            member.email.clone(),
            member.name.clone(),
            member.role.clone(),
            member.status.as_str().to_owned(),
            password.to_owned(),
        ]);
    }
    table
}
