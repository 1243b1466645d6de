//! `crm-bridge demo`: everything in one process, and beside it a simulated trading platform that lives on until Ctrl-C. Its data and its
//! secrets are its own, in a folder of its own: it must not touch what a real system has, nor be opened by a real system's secrets.

use std::net::TcpListener;
use std::path::Path;

use auth::random::Random;
use contract::clock::Clock;
use http_kit::config::Environment;
use http_kit::server::Shutdown;
use trading_sim::commands::live;
use trading_sim::config::Settings;
use trading_sim::page::Page;
use trading_sim::platform::Platform;
use trading_sim::traffic::Sending;

use super::{Ended, Trouble, in_words, say, this_command};
use crate::all_in_one::first_admin::{self, FirstAdmin};
use crate::cli::DemoArgs;
use crate::{all_in_one, secrets_file, settings};

/// How often the platform tries a call.
const TRIES: u32 = 10;

/// All that it takes from the shell, which may be set up for a real system: its secrets, former ones too, and its database are no
/// business of a demonstration, and it is not in production.
const TAKEN: [&str; 6] =
    ["LISTEN_ADDRESS", "WORKERS", "DRAIN_SECONDS", "LOG_FORMAT", "LOG_LEVEL", first_admin::SETTING];

pub(crate) fn run(data: &Path, arguments: &DemoArgs) -> Ended {
    let data = data.join("demo");
    all_in_one::make_folder(&data)?;
    let path = settings::secrets_path(&data);
    secrets_file::complete(&path, &secrets_file::NAMES, &Random::system()).map_err(in_words)?;
    let mut environment = Environment::from_process().only(&TAKEN);
    for (name, value) in secrets_file::read(&path).map_err(in_words)? {
        environment.set(&name, value);
    }
    environment.set_default("LOG_LEVEL", "warn,actix_http=off");
    telemetry::start(&environment.logging().map_err(in_words)?).map_err(in_words)?;
    serve(environment, &data, f64::from(arguments.rate))
}

#[tokio::main(worker_threads = 2)]
async fn serve(mut environment: Environment, data: &Path, rate: f64) -> Ended {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(in_words)?;
    let page_url = format!("http://{}", listener.local_addr().map_err(in_words)?);
    environment.set("TRADING_PLATFORM_URL", &page_url);
    let running = all_in_one::start(&environment, data).await?;
    let admin = match first_admin::make(&environment, data).await {
        Ok(admin) => admin,
        Err(message) => return all_in_one::stop(running).await.and(Err(message.into())),
    };

    let platform = platform(&environment, running.url())?;
    let page = Page::start(listener, platform.sso().map_err(in_words)?, Clock::system()).map_err(in_words)?;
    let sending = Sending::by(platform.webhooks(TRIES).map_err(in_words)?);
    let crm = platform.service_api(TRIES).map_err(in_words)?;
    greet(running.url(), &page_url, data, rate, &admin);

    let (stop, stopping) = Shutdown::channel();
    let clock = Clock::system();
    let life = Platform::new(clock.now().as_seconds().unsigned_abs());
    let life = tokio::spawn(live(sending, crm, life, rate, clock, stopping));
    let asked = all_in_one::until_asked(&running).await;
    stop.now();
    let tally = life.await.map_err(in_words)?;
    page.stop().await;
    say(format_args!("{} events were sent, {} of them accepted.", tally.sent, tally.accepted));
    let stopped = all_in_one::stop(running).await;
    asked.map_err(Trouble::from).and(stopped)
}

/// The platform's side of the settings: its own names for the same secrets.
fn platform(environment: &Environment, crm: &str) -> Result<Settings, String> {
    let mut names = vec![("CRM_BASE_URL", crm.to_owned())];
    for (theirs, ours) in [
        ("WEBHOOK_SECRET", "WEBHOOK_SECRET"),
        ("CRM_SERVICE_TOKEN", "SERVICE_API_TOKEN"),
        ("CRM_SSO_SECRET", "SSO_SECRET"),
    ] {
        names.push((theirs, environment.required(ours).map_err(in_words)?));
    }
    Ok(Settings::new(names.into_iter().collect()))
}

fn greet(crm: &str, platform: &str, data: &Path, rate: f64, admin: &FirstAdmin) {
    let crm_bridge = this_command(data);
    say(format_args!(
        "crm-bridge {version}: a demonstration, with everything in {data}.

  CRM        {crm}
  platform   {platform}, simulated: people register, pay in and out, trade, pass KYC; {rate} events a second
{admin}
Look on in a second terminal, at the trail and as one of the clients:

  token=$({crm_bridge} staff token --email you@example.com --role admin)
  curl -s \"{crm}/api/audit/entries?limit=5\" -H \"Authorization: Bearer $token\"
  client=$(curl -s \"{crm}/api/clients?limit=1\" -H \"Authorization: Bearer $token\" | grep -o 'cl_[0-9a-z-]*' | head -n 1)
  curl -s -X POST \"{crm}/api/clients/$client/impersonate\" -H \"Authorization: Bearer $token\"    # open its ssoUrl

Ctrl-C ends it. To begin afresh, remove {data}.",
        admin = first_admin::lines(admin, crm, &crm_bridge),
        version = env!("CARGO_PKG_VERSION"),
        data = data.display(),
    ));
}
