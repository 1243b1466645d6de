//! `crm-bridge migrate`: brings every service's schema up to date, or says which is not. The services themselves never migrate.

use std::path::Path;

use serde_json::json;

use super::{Ended, in_words, say};
use crate::cli::MigrateArgs;
use crate::databases::{self, Schema};
use crate::{all_in_one, settings};

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(data: &Path, arguments: &MigrateArgs) -> Ended {
    let environment = settings::environment(data).map_err(in_words)?;
    let mut done = Vec::new();
    if !arguments.check {
        all_in_one::make_folder(data)?;
    }
    for schema in databases::of(&environment, data).map_err(in_words)? {
        let (current, ran) = one(&schema, arguments.check).await?;
        if !arguments.json {
            let state = match (current, ran.len()) {
                (false, _) => "not up to date".to_owned(),
                (true, 0) => "up to date".to_owned(),
                (true, count) => format!("up to date, {count} migration(s) ran"),
            };
            say(format_args!("{:<16} {state}", schema.service));
        }
        done.push(json!({"service": schema.service, "current": current, "ran": ran}));
    }
    let current = done.iter().all(|one| one.get("current") == Some(&true.into()));
    if arguments.json {
        say(json!({"current": current, "services": done}));
    }
    Ok(current)
}

/// Whether a schema is up to date in the end, and which migrations ran for it.
async fn one(schema: &Schema, only_look: bool) -> Result<(bool, Vec<String>), String> {
    if only_look && schema.is_missing_file() {
        return Ok((false, Vec::new()));
    }
    let ran = if only_look {
        Vec::new()
    } else {
        schema.migrations.run(&schema.database).await.map_err(|error| schema.failure(error))?
    };
    Ok((schema.migrations.is_current(&schema.database).await.map_err(|error| schema.failure(error))?, ran))
}
