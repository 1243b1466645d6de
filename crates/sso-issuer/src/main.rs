//! sso-issuer as a process of its own.

use std::process::ExitCode;

use sso_issuer::{Config, NAME, Seams, StartError, start};

#[actix_web::main]
async fn main() -> ExitCode {
    http_kit::service::process(NAME, |environment| -> Result<_, StartError> {
        start(Config::from_environment(environment)?, Seams::system())
    })
    .await
}
