//! The staff table of sso-issuer's own database, at hand of whoever holds that database anyway: for the first day, and for the day on
//! which nobody can log in. Each change is on the trail like one made over HTTP, as the system's.

use std::path::Path;

use auth::random::Random;
use auth::staff::Role;
use contract::audit::{Actor, ActorKind, Category, Entry, Outcome};
use contract::ids::{EntryId, StaffId};
use contract::resources::StaffMember;
use db::Database;
use http_kit::config::Environment;
use http_kit::kit::Seams;
use sso_issuer::register::{self, Change, NewMember, OneTimePassword, Refusal};

use crate::databases;
use crate::terminal::in_words;

/// What a change led to.
pub(crate) type Changed = Result<StaffMember, Refusal>;

/// The staff table.
pub(crate) struct StaffTable {
    database: Database,
    seams: Seams,
}

impl StaffTable {
    /// The staff table of these settings, which must be there.
    pub(crate) async fn open(environment: &Environment, data: &Path) -> Result<Self, String> {
        let schemas = databases::of(environment, data).map_err(in_words)?;
        let schema = schemas.into_iter().find(|schema| schema.service == sso_issuer::NAME);
        let schema = schema.ok_or("there is no database of sso-issuer")?;
        let current = !schema.is_missing_file()
            && schema.migrations.is_current(&schema.database).await.map_err(|error| schema.failure(error))?;
        if !current {
            return Err("the tables of sso-issuer are not up to date: crm-bridge migrate".to_owned());
        }
        Ok(Self { database: schema.database, seams: Seams::system() })
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

    /// Adds somebody, who logs in first with the one-time password given back.
    pub(crate) async fn add(&self, new: NewMember) -> Result<(Changed, OneTimePassword), String> {
        let one_time = OneTimePassword::make(&Random::system()).map_err(in_words)?;
        let entry = self.entry("staff.create");
        let added = register::add(&self.database, &self.seams, new, &one_time, entry).await;
        Ok((added.map_err(in_words)?, one_time))
    }

    /// Everybody.
    pub(crate) async fn list(&self) -> Result<Vec<StaffMember>, String> {
        register::list(&self.database).await.map_err(in_words)
    }

    /// Changes whoever has this id or address.
    pub(crate) async fn change(&self, member: &str, change: Change) -> Result<Changed, String> {
        let Some(id) = self.find(member).await? else { return Ok(Err(Refusal::NotFound)) };
        let entry = self.entry("staff.change");
        register::change(&self.database, &self.seams, id, change, entry).await.map_err(in_words)
    }

    /// Gives whoever has this id or address a one-time password, and ends all their log-ins.
    pub(crate) async fn reset_password(&self, member: &str) -> Result<(Changed, OneTimePassword), String> {
        let one_time = OneTimePassword::make(&Random::system()).map_err(in_words)?;
        let Some(id) = self.find(member).await? else { return Ok((Err(Refusal::NotFound), one_time)) };
        let entry = self.entry("staff.reset_password");
        let reset = register::reset_password(&self.database, &self.seams, id, &one_time, entry).await;
        Ok((reset.map_err(in_words)?, one_time))
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
