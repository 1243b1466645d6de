//! `crm-bridge staff`: who works here, for whoever holds the database anyway; and a staff JWT for whoever holds JWT_SECRET anyway. It
//! gives no right that those do not give.

mod members;

use std::path::Path;

use auth::jwt::Signer;
use auth::staff::Role;
use contract::clock::Clock;
use http_kit::config::Environment;
use serde_json::json;

use super::{Ended, Trouble, in_words, say};
use crate::cli::staff::{RoleArg, StaffCommand, TokenArgs};
use crate::settings;

pub(crate) fn run(data: &Path, command: StaffCommand) -> Ended {
    match command {
        StaffCommand::Token(arguments) => token(data, &arguments),
        StaffCommand::Members(command) => members::run(data, command),
    }
}

impl From<RoleArg> for Role {
    fn from(word: RoleArg) -> Self {
        match word {
            RoleArg::Admin => Self::Admin,
            RoleArg::Compliance => Self::Compliance,
            RoleArg::Support => Self::Support,
            RoleArg::Auditor => Self::Auditor,
        }
    }
}

fn token(data: &Path, arguments: &TokenArgs) -> Ended {
    let environment = settings::environment(data).map_err(in_words)?;
    let seconds = i64::from(arguments.minutes) * 60;
    let token = sign(&environment, &arguments.email, arguments.role.into(), seconds)?;
    if arguments.json {
        say(json!({"token": token, "expiresIn": seconds}));
    } else {
        say(token);
    }
    Ok(true)
}

/// A staff JWT under the environment's JWT_SECRET, valid for that many seconds.
pub(super) fn sign(
    environment: &Environment,
    email: &str,
    role: Role,
    seconds: i64,
) -> Result<String, String> {
    let ring = environment.required_key_ring("JWT_SECRET").map_err(in_words)?;
    let now = Clock::system().now().as_seconds();
    let claims = json!({
        "sub": email,
        "email": email,
        "role": role.as_str(),
        "iat": now,
        "exp": now + seconds,
    });
    Signer::new(ring).sign(&claims).map_err(in_words)
}
