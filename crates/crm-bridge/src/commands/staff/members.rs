//! Who works here, changed directly in sso-issuer's database: for the first day, and for the day on which nobody can log in. Each change
//! is on the trail like one made over HTTP, as the system's.

use std::path::Path;

use auth::random::Random;
use auth::staff::Role;
use comfy_table::{Table, presets};
use contract::audit::{Actor, ActorKind, Category, Entry, Outcome};
use contract::ids::{EntryId, StaffId};
use contract::resources::{StaffList, StaffMember, StaffStatus};
use db::Database;
use http_kit::kit::Seams;
use serde_json::json;
use sso_issuer::register::{self, Change, NewMember, OneTimePassword, Refusal};

use super::{Ended, in_words, say};
use crate::all_in_one::databases::{self, Schema};
use crate::cli::staff::{AddArgs, ListArgs, MemberArgs, StaffCommand};
use crate::commands::complain;
use crate::settings;

/// The staff table, at hand.
pub(crate) struct Desk {
    database: Database,
    seams: Seams,
}

#[tokio::main(flavor = "current_thread")]
pub(super) async fn run(data: &Path, command: StaffCommand) -> Ended {
    let desk = Desk::open(data).await?;
    match command {
        StaffCommand::Add(arguments) => desk.add(&arguments).await,
        StaffCommand::List(arguments) => desk.list(&arguments).await,
        StaffCommand::Disable(who) => desk.set_status(&who, StaffStatus::Disabled).await,
        StaffCommand::Enable(who) => desk.set_status(&who, StaffStatus::Active).await,
        StaffCommand::SetRole(arguments) => {
            let change = Change { role: Some(arguments.role.into()), ..Change::default() };
            desk.change(&arguments.who, change).await
        }
        StaffCommand::ResetPassword(who) => desk.reset_password(&who).await,
        StaffCommand::Token(_) => Err("a token needs no database".to_owned()),
    }
}

impl Desk {
    /// The staff table of these settings, whose tables must be there.
    async fn open(data: &Path) -> Result<Self, String> {
        let environment = settings::environment(data).map_err(in_words)?;
        let schemas = databases::of(&environment, data).map_err(in_words)?;
        let schema = schemas.into_iter().find(|schema| schema.service == sso_issuer::NAME);
        let schema = schema.ok_or("there is no database of sso-issuer")?;
        let current = !schema.is_missing_file()
            && schema.migrations.is_current(&schema.database).await.map_err(|error| schema.failure(error))?;
        if !current {
            return Err("the tables of sso-issuer are not up to date: crm-bridge migrate".to_owned());
        }
        Ok(Self::of(schema))
    }

    /// The staff table in a schema that is up to date.
    pub(crate) fn of(schema: Schema) -> Self {
        Self { database: schema.database, seams: Seams::system() }
    }

    /// If nobody works here yet: adds an admin with this address, and gives back their one-time password.
    pub(crate) async fn add_first_admin(&self, email: &str) -> Result<Option<OneTimePassword>, String> {
        if !register::is_empty(&self.database).await.map_err(in_words)? {
            return Ok(None);
        }
        let new = NewMember::new(email, "Administrator", Role::Admin)
            .ok_or("CRM_ADMIN_EMAIL is not an email address")?;
        let one_time = OneTimePassword::make(&Random::system()).map_err(in_words)?;
        let entry = self.entry("staff.create");
        let added = register::add_first(&self.database, &self.seams, new, &one_time, entry).await;
        Ok(added.map_err(in_words)?.then_some(one_time))
    }

    async fn add(&self, arguments: &AddArgs) -> Ended {
        let name = arguments.name.as_deref().unwrap_or(&arguments.email);
        let new = NewMember::new(&arguments.email, name, arguments.role.into())
            .ok_or("--email must be an email address, and --name 1 to 200 characters")?;
        let one_time = OneTimePassword::make(&Random::system()).map_err(in_words)?;
        let entry = self.entry("staff.create");
        let added = register::add(&self.database, &self.seams, new, &one_time, entry).await;
        told(added.map_err(in_words)?, Some(&one_time), arguments.json)
    }

    async fn list(&self, arguments: &ListArgs) -> Ended {
        let staff = register::list(&self.database).await.map_err(in_words)?;
        if arguments.json {
            say(json!(StaffList { staff }));
        } else {
            say(table(&staff));
        }
        Ok(true)
    }

    async fn set_status(&self, who: &MemberArgs, status: StaffStatus) -> Ended {
        self.change(who, Change { status: Some(status), ..Change::default() }).await
    }

    async fn change(&self, who: &MemberArgs, change: Change) -> Ended {
        let Some(id) = self.find(&who.member).await? else {
            return told(Err(Refusal::NotFound), None, who.json);
        };
        let entry = self.entry("staff.change");
        let changed = register::change(&self.database, &self.seams, id, change, entry).await;
        told(changed.map_err(in_words)?, None, who.json)
    }

    async fn reset_password(&self, who: &MemberArgs) -> Ended {
        let Some(id) = self.find(&who.member).await? else {
            return told(Err(Refusal::NotFound), None, who.json);
        };
        let one_time = OneTimePassword::make(&Random::system()).map_err(in_words)?;
        let entry = self.entry("staff.reset_password");
        let reset = register::reset_password(&self.database, &self.seams, id, &one_time, entry).await;
        told(reset.map_err(in_words)?, Some(&one_time), who.json)
    }

    async fn find(&self, member: &str) -> Result<Option<StaffId>, String> {
        match member.parse() {
            Ok(id) => Ok(Some(id)),
            Err(_) => register::find(&self.database, member).await.map_err(in_words),
        }
    }

    /// The entry of a change that is about to be made.
    fn entry(&self, action: &str) -> Entry {
        let now = self.seams.clock.now();
        Entry {
            id: EntryId::new(now, self.seams.random.bytes()),
            time: now,
            service: sso_issuer::NAME,
            category: Category::Staff,
            action: action.to_owned(),
            outcome: Outcome::Success,
            reason: None,
            actor: Actor { kind: ActorKind::System, id: None },
            target: None,
            address: None,
            request_id: None,
            method: None,
            route: None,
            count: 1,
            details: Default::default(),
        }
    }
}

/// Prints what a change led to, and a one-time password, which is shown here and nowhere else.
fn told(done: Result<StaffMember, Refusal>, one_time: Option<&OneTimePassword>, as_json: bool) -> Ended {
    let member = match done {
        Ok(member) => member,
        Err(refusal) => {
            complain(format_args!("crm-bridge: {refusal}"));
            return Ok(false);
        }
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
