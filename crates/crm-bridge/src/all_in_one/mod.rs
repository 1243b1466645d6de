//! Everything in one process: the services as they are elsewhere, each on a port of loopback, behind the gateway. It makes what is
//! missing (folder, secrets, tables) and tells a person what to try; it must not do anything that a service does.

pub(crate) mod first_admin;
mod greeting;
mod services;

use std::fs;
use std::path::Path;

use auth::random::Random;
use http_kit::config::Environment;
use http_kit::server::stop_signal;

use crate::terminal::{Ended, complain, in_words};
use crate::{databases, secrets_file, settings};

pub(crate) use services::Services;

/// Runs until the operating system asks the process to stop.
pub(crate) fn run(data: &Path) -> Ended {
    make_folder(data)?;
    let made = make_missing_secrets(data)?;
    let environment = settings::environment(data).map_err(in_words)?;
    telemetry::start(&environment.logging().map_err(in_words)?).map_err(in_words)?;
    serve(&environment, data, &made)
}

#[tokio::main(worker_threads = 2)]
async fn serve(environment: &Environment, data: &Path, made: &[&str]) -> Ended {
    let running = start(environment, data).await?;
    match first_admin::make(environment, data).await {
        Ok(admin) => greeting::print(&running, environment, data, made, &admin),
        // What is up must not end without draining.
        Err(message) => return stop(running).await.and(Err(message.into())),
    }
    until_asked(&running).await?;
    stop(running).await
}

/// Migrates, and starts all services. Must be called inside a tokio runtime.
pub(crate) async fn start(environment: &Environment, data: &Path) -> Result<Services, String> {
    let databases = databases::of(environment, data).map_err(in_words)?;
    let configs = services::Configs::read(environment, &databases)?;
    for schema in &databases {
        schema.migrations.run(&schema.database).await.map_err(|error| schema.failure(error))?;
    }
    configs.start()
}

/// Completes when the operating system asks the process to stop, and when one of the services has ended.
pub(crate) async fn until_asked(running: &Services) -> Result<(), String> {
    tokio::select! {
        signal = stop_signal() => signal.map_err(in_words),
        // One part that broke off must not leave the others acknowledging what it should go on with.
        () = running.one_ended() => Ok(()),
    }
}

/// Drains and stops all services.
pub(crate) async fn stop(running: Services) -> Ended {
    tracing::info!("stopping");
    // It was up, so this is no failure to start: exit code 1.
    Ok(running.stop().await.inspect_err(|message| complain(format_args!("crm-bridge: {message}"))).is_ok())
}

/// Makes the data folder if it is not there.
pub(crate) fn make_folder(data: &Path) -> Result<(), String> {
    fs::create_dir_all(data).map_err(|error| format!("{}: {error}", data.display()))
}

/// Makes the secrets that neither the environment nor the secrets file has; says which.
fn make_missing_secrets(data: &Path) -> Result<Vec<&'static str>, String> {
    let given = Environment::from_process();
    let wanted: Vec<_> = secrets_file::NAMES.into_iter().filter(|name| !given.is_set(name)).collect();
    secrets_file::complete(&settings::secrets_path(data), &wanted, &Random::system()).map_err(in_words)
}
