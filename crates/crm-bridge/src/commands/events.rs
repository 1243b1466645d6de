//! `crm-bridge events`: lists, shows and replays webhook events by the staff's own API, through the gateway. It touches no
//! database, and gives no right that its token, or JWT_SECRET, does not give.

use std::path::Path;
use std::time::Duration;

use auth::staff::Role;
use comfy_table::{Table, presets};
use contract::inbox::{EventDetails, EventPage, EventSummary, ReplayCounts, ReplayOutcome, Replayed};
use indicatif::{ProgressBar, ProgressStyle};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Ended, complain, in_words, remote, say, staff};
use crate::cli::events::{ApiArgs, EventsCommand, ListArgs, ReplayArgs, ShowArgs};
use crate::settings;

/// How long the gateway may take to answer; a replay of many takes a commit for each.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a token signed here is valid, in seconds.
const TOKEN_SECONDS: i64 = 15 * 60;

/// Where events are.
const EVENTS: &str = "/api/webhooks/events";

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(data: &Path, command: EventsCommand) -> Ended {
    match command {
        EventsCommand::List(arguments) => list(&Api::of(data, &arguments.api)?, &arguments).await,
        EventsCommand::Show(arguments) => show(&Api::of(data, &arguments.api)?, &arguments).await,
        EventsCommand::Replay(arguments) if arguments.event_ids.is_empty() => {
            replay_many(&Api::of(data, &arguments.api)?, &arguments).await
        }
        EventsCommand::Replay(arguments) => replay_named(&Api::of(data, &arguments.api)?, &arguments).await,
    }
}

async fn list(api: &Api, arguments: &ListArgs) -> Ended {
    let limit = arguments.limit.to_string();
    let mut query = arguments.filter.parts();
    query.push(("limit", &limit));
    query.extend(arguments.cursor.as_deref().map(|cursor| ("cursor", cursor)));
    let answer = api.get(EVENTS, &query).await?;
    let Ok(body) = answer else { return refused(answer) };
    if arguments.api.json {
        say(body);
        return Ok(true);
    }
    let page: EventPage = understood(body)?;
    say(table(&page.events).trim_fmt());
    if let Some(cursor) = page.next_cursor {
        complain(format_args!("There are more: --cursor {cursor}"));
    }
    Ok(true)
}

fn table(events: &[EventSummary]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["EVENT", "RECEIVED", "STATE", "TYPE", "REASON", "CLIENT", "SOURCE"]);
    for event in events {
        table.add_row([
            event.event_id.to_string(),
            event.received_at.to_string(),
            event.state.as_str().to_owned(),
            plain(event.event_type.as_deref().unwrap_or("-")),
            plain(event.reason.as_deref().unwrap_or("-")),
            plain(event.client_id.as_deref().unwrap_or("-")),
            plain(&event.source),
        ]);
    }
    table
}

async fn show(api: &Api, arguments: &ShowArgs) -> Ended {
    let answer = api.get(&one(&arguments.event_id), &[]).await?;
    let Ok(body) = answer else { return refused(answer) };
    if arguments.api.json {
        say(body);
    } else {
        tell(&understood(body)?);
    }
    Ok(true)
}

fn tell(event: &EventDetails) {
    let EventDetails { summary, problem, warnings, .. } = event;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let times = |time: Option<contract::clock::Timestamp>| time.map(|time| time.to_string());
    let lines = [
        ("event", Some(summary.event_id.to_string())),
        ("state", Some(summary.state.as_str().to_owned())),
        ("reason", summary.reason.clone()),
        ("type", summary.event_type.clone()),
        ("source", Some(summary.source.clone())),
        ("client", summary.client_id.clone()),
        ("received", Some(summary.received_at.to_string())),
        ("effective", Some(summary.effective_at.to_string())),
        ("resolved", times(summary.resolved_at)),
        ("attempts", Some(summary.attempts.to_string())),
        ("next attempt", times(event.next_attempt_at)),
        ("replays", Some(summary.replays.to_string())),
        ("last replay", times(summary.replayed_at)),
        ("intake", Some(event.intake.to_string())),
        ("sequence", event.sequence.map(|sequence| sequence.to_string())),
    ];
    for (name, value) in lines.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        table.add_row([name.to_owned(), plain(&value)]);
    }
    let errors = problem.iter().flat_map(|because| &because.errors).map(|error| ("problem", error));
    for (name, error) in errors.chain(warnings.iter().map(|warning| ("warning", warning))) {
        let told = format!("{} {}: {}", error.pointer, error.code, error.detail);
        table.add_row([name.to_owned(), plain(&told)]);
    }
    say(table.trim_fmt());
    let exact = if event.body_is_exact { "" } else { " (not UTF-8; what could not be read is U+FFFD)" };
    say(format_args!("\nbody{exact}:\n{}", plain_lines(&event.body)));
}

async fn replay_named(api: &Api, arguments: &ReplayArgs) -> Ended {
    if !arguments.filter.parts().is_empty() {
        return Err("name events or give a filter, not both".to_owned());
    }
    let body = json!({ "acceptReusedId": arguments.accept_reused_id });
    let progress = bar(arguments.event_ids.len());
    let (mut all, mut done) = (Vec::new(), true);
    for id in &arguments.event_ids {
        let answer = api.post(&format!("{}/replay", one(id)), &body).await?;
        progress.inc(1);
        let told = match &answer {
            Ok(body) => {
                let told: Replayed = understood(body.clone())?;
                done &= is_done(told.outcome);
                let why = told.errors.iter().map(|error| format!("; {} {}", error.pointer, error.code));
                let why = why.collect::<String>();
                format!("{id} {}, now {}{why}", told.outcome.as_str(), told.state.as_str())
            }
            Err(problem) => {
                done = false;
                format!("{id} {problem}")
            }
        };
        if !arguments.api.json {
            progress.suspend(|| say(plain(&told)));
        }
        all.push(answer.unwrap_or_else(|problem| problem.body));
    }
    progress.finish_and_clear();
    if arguments.api.json {
        say(json!({ "answers": all }));
    }
    Ok(done)
}

/// Is there nothing left to do about an event?
fn is_done(outcome: ReplayOutcome) -> bool {
    match outcome {
        ReplayOutcome::Replayed | ReplayOutcome::AlreadyApplied | ReplayOutcome::AlreadyPending => true,
        ReplayOutcome::Unreadable | ReplayOutcome::Unrecognized => false,
    }
}

async fn replay_many(api: &Api, arguments: &ReplayArgs) -> Ended {
    let filter = arguments.filter.parts();
    if filter.is_empty() {
        return Err("name events, or say which: --state held".to_owned());
    }
    let filter: Map<String, Value> =
        filter.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let (mut sum, mut cursor) = (ReplayCounts::default(), None::<String>);
    let progress = spinner();
    loop {
        let body = json!({ "filter": filter, "cursor": cursor });
        let answer = api.post(&format!("{EVENTS}/replay"), &body).await?;
        let Ok(body) = answer else {
            progress.finish_and_clear();
            complain(in_numbers(&sum));
            return refused(answer);
        };
        let counts: ReplayCounts = understood(body)?;
        sum.replayed += counts.replayed;
        sum.already_done += counts.already_done;
        sum.unreadable += counts.unreadable;
        sum.unrecognized += counts.unrecognized;
        sum.not_replayable += counts.not_replayable;
        progress.set_message(in_numbers(&sum));
        cursor = counts.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    progress.finish_and_clear();
    if arguments.api.json {
        say(serde_json::to_value(&sum).map_err(in_words)?);
    } else {
        say(in_numbers(&sum));
    }
    Ok(sum.unreadable + sum.unrecognized + sum.not_replayable == 0)
}

fn in_numbers(counts: &ReplayCounts) -> String {
    let ReplayCounts { replayed, already_done, unreadable, unrecognized, not_replayable, .. } = counts;
    format!(
        "{replayed} replayed, {already_done} done before, {unreadable} still unreadable, {unrecognized} still unrecognized, \
         {not_replayable} not replayable"
    )
}

/// A bar on standard error, if a person watches there.
fn bar(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    match ProgressStyle::with_template("{bar:40} {pos}/{len}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The same where nobody knows how many there will be.
fn spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

fn one(id: &str) -> String {
    let id: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    format!("{EVENTS}/{id}")
}

/// The gateway, as a member of staff calls it.
struct Api {
    client: reqwest::Client,
    base: String,
    token: String,
}

/// An answer that is no success.
struct Problem {
    status: u16,
    body: Value,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let member = |name: &str| self.body.get(name).and_then(Value::as_str).unwrap_or("-");
        write!(f, "{} {}: {}", self.status, member("code"), member("detail"))
    }
}

type Answer = Result<Value, Problem>;

impl Api {
    fn of(data: &Path, arguments: &ApiArgs) -> Result<Self, String> {
        let token = match (&arguments.token, &arguments.email) {
            (Some(token), _) => token.clone(),
            (None, Some(email)) => {
                let environment = settings::environment(data).map_err(in_words)?;
                staff::sign(&environment, email, Role::Admin, TOKEN_SECONDS)?
            }
            (None, None) => return Err("--token or --email is needed".to_owned()),
        };
        let client = remote::client(&arguments.url, PATIENCE)?;
        Ok(Self { client, base: arguments.url.trim_end_matches('/').to_owned(), token })
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, String> {
        let url = reqwest::Url::parse_with_params(&format!("{}{path}", self.base), query);
        self.answer(self.client.get(url.map_err(in_words)?)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Answer, String> {
        self.answer(self.client.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// The answer, where there is one: of trouble on our side nothing is to be made but an error.
    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Answer, String> {
        let failed = remote::unanswered(&self.base);
        let answer = request.bearer_auth(&self.token).send().await.map_err(&failed)?;
        let status = answer.status();
        let text = answer.text().await.map_err(failed)?;
        let body = serde_json::from_str(&text)
            .map_err(|_| format!("{} answered {status}, and no JSON", self.base))?;
        if status.is_success() {
            return Ok(Ok(body));
        }
        let problem = Problem { status: status.as_u16(), body };
        match problem.status {
            404 | 409 | 422 | 400 => Ok(Err(problem)),
            _ => Err(plain(&problem.to_string())),
        }
    }
}

fn understood<T: DeserializeOwned>(body: Value) -> Result<T, String> {
    serde_json::from_value(body).map_err(|error| format!("the answer is of another version: {error}"))
}

/// Ends with "no", and says why.
fn refused(answer: Answer) -> Ended {
    if let Err(problem) = answer {
        complain(plain(&problem.to_string()));
    }
    Ok(false)
}

/// Text of a sender's, made harmless to a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// [`plain`], with its lines kept.
fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_senders_wrote_does_nothing_to_a_terminal() {
        assert_eq!(plain("kyc\u{1b}[2J.updated\r\n"), "kyc\u{fffd}[2J.updated\u{fffd}\u{fffd}");
        assert_eq!(plain_lines("{\n\t\"a\": 1\n}"), "{\n\u{fffd}\"a\": 1\n}");
    }

    #[test]
    fn an_id_is_no_way_to_another_path() {
        assert_eq!(one("evt_01jb/../../clients?x#y"), "/api/webhooks/events/evt_01jbclientsxy");
    }
}
