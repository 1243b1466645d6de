//! The commands: each reads its settings, does one thing and prints what came of it. Exit codes: 0 done, 1 the answer is no, 2 it
//! could not be done.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use contract::clock::Clock;
use http_kit::config::Environment;
use http_kit::server::{Shutdown, stop_signal};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tokio::task::JoinSet;

use crate::check;
use crate::cli::{CallArgs, Cli, Command, RunArgs, SendArgs, ServeArgs};
use crate::config::Settings;
use crate::crm::ServiceApi;
use crate::page::Page;
use crate::platform::{Plan, PlanOptions, Platform};
use crate::traffic::{Pace, Sending, Tally, visit};

/// How often a call of the service API is tried.
const TRIES: u32 = 10;
/// How many events lie between two visits to the service API.
const EVENTS_A_VISIT: u64 = 20;

/// `Ok(true)` done, `Ok(false)` the answer is no, `Err` one line for people.
type Ended = Result<bool, String>;

/// Does what the command line says.
pub async fn run(cli: Cli) -> ExitCode {
    let settings = Settings::new(Environment::from_process());
    let ended = match start_logs(&settings) {
        Err(error) => Err(error),
        Ok(()) => match cli.command {
            Command::Send(arguments) => send(&settings, &arguments, cli.json).await,
            Command::Call(arguments) => call(&settings, &arguments, cli.json).await,
            Command::Serve(arguments) => serve(&settings, &arguments, cli.json).await,
            Command::Run(arguments) => run_all(&settings, &arguments, cli.json).await,
        },
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(message) => {
            drop(writeln!(io::stderr(), "trading-sim: {message}"));
            ExitCode::from(2)
        }
    }
}

fn start_logs(settings: &Settings) -> Result<(), String> {
    telemetry::start(&settings.logging().map_err(in_words)?).map_err(in_words)
}

async fn send(settings: &Settings, arguments: &SendArgs, as_json: bool) -> Ended {
    let webhooks = settings.webhooks(arguments.tries).map_err(in_words)?;
    let crm = if arguments.verify { Some(settings.service_api(TRIES).map_err(in_words)?) } else { None };
    let plan = Plan::new(&PlanOptions {
        seed: arguments.seed,
        events: arguments.events,
        beginning: arguments.since,
        duplicates: arguments.duplicates,
        shuffle: arguments.shuffle,
        old: arguments.old,
    });
    let to_send = plan.deliveries.len();
    let about =
        format!("{} events in {to_send} sendings to {}", plan.events(), settings.base().map_err(in_words)?);
    let bar = progress(about, to_send as u64);
    let mut pace = Pace::of(arguments.rate);
    let mut sending = Sending::by(webhooks);
    for delivery in &plan.deliveries {
        pace.next().await;
        sending.send(delivery.event.body.clone()).await;
        bar.set_position(sending.so_far().sent);
    }
    let tally = sending.end().await;
    bar.finish_and_clear();
    let differences = match crm {
        Some(crm) => Some(check::compare(&plan.expectation, &crm).await.map_err(in_words)?),
        None => None,
    };
    report(&tally, differences.as_deref(), as_json);
    Ok(tally.is_good() && differences.is_none_or(|differences| differences.is_empty()))
}

async fn call(settings: &Settings, arguments: &CallArgs, as_json: bool) -> Ended {
    let crm = settings.service_api(TRIES).map_err(in_words)?;
    let calls = visit(&crm, &arguments.email).await.map_err(in_words)?;
    let good = calls.iter().all(|(_, status)| (200..300).contains(status));
    if as_json {
        say(json!(calls.iter().copied().collect::<std::collections::BTreeMap<_, _>>()));
    } else {
        calls.iter().for_each(|(name, status)| say(format_args!("{name:<10} {status}")));
    }
    Ok(good)
}

async fn serve(settings: &Settings, arguments: &ServeArgs, as_json: bool) -> Ended {
    let page = open_page(settings, arguments, as_json)?;
    stop_signal().await.map_err(in_words)?;
    page.stop().await;
    Ok(true)
}

async fn run_all(settings: &Settings, arguments: &RunArgs, as_json: bool) -> Ended {
    let webhooks = settings.webhooks(TRIES).map_err(in_words)?;
    let crm = settings.service_api(TRIES).map_err(in_words)?;
    let page = open_page(settings, &arguments.page, as_json)?;
    let (stop, stopping) = Shutdown::channel();
    let clock = Clock::system();
    let seed = arguments.seed.unwrap_or_else(|| clock.now().as_seconds().unsigned_abs());
    let life =
        tokio::spawn(live(Sending::by(webhooks), crm, Platform::new(seed), arguments.rate, clock, stopping));
    stop_signal().await.map_err(in_words)?;
    stop.now();
    let tally = life.await.map_err(in_words)?;
    page.stop().await;
    report(&tally, None, as_json);
    Ok(tally.is_good())
}

/// Life on the platform as it happens: `rate` events a second, above 0, and now and then a visit to the service API about whoever came
/// last. Until `stopping`; then it waits for what is on its way.
pub async fn live(
    mut sending: Sending,
    crm: ServiceApi,
    mut platform: Platform,
    rate: f64,
    clock: Clock,
    stopping: Shutdown,
) -> Tally {
    let mut pace = Pace::of(rate);
    let mut last = clock.now();
    // Given up when this ends.
    let mut visits = JoinSet::new();
    for number in 1_u64.. {
        tokio::select! {
            () = pace.next() => {}
            () = stopping.requested() => break,
        }
        // The platform writes milliseconds, and no two statements are of one time.
        last = clock.now().max(last.plus(Duration::from_millis(1)));
        sending.send(platform.happens(last).body).await;
        // One visit at a time: events do not wait for it.
        while visits.try_join_next().is_some() {}
        let due = number % EVENTS_A_VISIT == 0 && visits.is_empty();
        if let (true, Some(client)) = (due, platform.expectation().clients.values().next_back()) {
            visits.spawn(ask(crm.clone(), client.email().to_owned()));
        }
    }
    sending.end().await
}

/// A visit about one of the clients.
async fn ask(crm: ServiceApi, email: String) {
    match visit(&crm, &email).await {
        Ok(calls) => tracing::info!(?calls, "asked the CRM about a client"),
        Err(error) => tracing::warn!(%error, "asked the CRM about a client"),
    }
}

/// Opens the page and tells where it is: for people, so beside the JSON of those who asked for that.
fn open_page(settings: &Settings, arguments: &ServeArgs, as_json: bool) -> Result<Page, String> {
    let sso = settings.sso().map_err(in_words)?;
    let listener =
        TcpListener::bind(&arguments.listen).map_err(|error| format!("{}: {error}", arguments.listen))?;
    let page = Page::start(listener, sso, Clock::system()).map_err(in_words)?;
    let told = format!("staff arrive at {}/sso/impersonate (Ctrl-C stops it)", page.url());
    if as_json {
        drop(writeln!(io::stderr(), "{told}"));
    } else {
        say(told);
    }
    Ok(page)
}

/// A bar for a person who watches, and for others one plain line.
fn progress(about: String, of: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        drop(writeln!(io::stderr(), "{about}"));
        return ProgressBar::with_draw_target(Some(of), ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{msg}\n{wide_bar} {pos}/{len} {per_sec} {eta}");
    let bar = ProgressBar::new(of).with_message(about);
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

fn report(tally: &Tally, differences: Option<&[String]>, as_json: bool) {
    if as_json {
        return say(json!({"tally": tally, "differences": differences}));
    }
    tally.lines().into_iter().for_each(|(name, count)| say(format_args!("{name:<13}{count:>8}")));
    match differences {
        None => {}
        Some([]) => say("The CRM's record is what it must be."),
        Some(differences) => differences.iter().for_each(say),
    }
}

fn say(line: impl Display) {
    // A reader that went away (`| head`) is no failure of ours.
    drop(writeln!(io::stdout(), "{line}"));
}

fn in_words(error: impl Display) -> String {
    error.to_string()
}
