//! `crm-bridge events`: lists, shows and replays webhook events by the staff's own API, through the gateway. It touches no
//! database, and gives no right that its token, or JWT_SECRET, does not give.

use std::path::Path;
use std::time::Duration;

use comfy_table::{Table, presets};
use contract::inbox::{EventDetails, EventPage, EventSummary, ReplayCounts, ReplayOutcome, Replayed};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::api::{Api, EVENTS, one, plain, understood};
use super::{Ended, Trouble, complain, in_words, say};
use crate::cli::events::{EventsCommand, ListArgs, ReplayArgs, ShowArgs};

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
    let body = api.get(EVENTS, &query).await??;
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
    let body = api.get(&one(&arguments.event_id), &[]).await??;
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
        return Err("name events or give a filter, not both".into());
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
        return Err("name events, or say which: --state held".into());
    }
    let filter: Map<String, Value> =
        filter.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let progress = spinner();
    let (sum, ended) = replay_pages(api, &filter, &progress).await;
    progress.finish_and_clear();
    // What was done before it came to an end is told in any case.
    if arguments.api.json {
        say(serde_json::to_value(&sum).map_err(in_words)?);
    } else {
        say(in_numbers(&sum));
    }
    ended?;
    Ok(sum.unreadable + sum.unrecognized + sum.not_replayable == 0)
}

/// Goes on until all are done, or something stands in the way. What came of them, and what that is.
async fn replay_pages(
    api: &Api,
    filter: &Map<String, Value>,
    progress: &ProgressBar,
) -> (ReplayCounts, Result<(), Trouble>) {
    let (mut sum, mut cursor) = (ReplayCounts::default(), None::<String>);
    loop {
        let counts = match replay_page(api, filter, cursor.as_deref()).await {
            Ok(counts) => counts,
            Err(trouble) => return (sum, Err(trouble)),
        };
        sum.replayed += counts.replayed;
        sum.already_done += counts.already_done;
        sum.unreadable += counts.unreadable;
        sum.unrecognized += counts.unrecognized;
        sum.not_replayable += counts.not_replayable;
        progress.set_message(in_numbers(&sum));
        cursor = counts.next_cursor;
        if cursor.is_none() {
            return (sum, Ok(()));
        }
    }
}

async fn replay_page(
    api: &Api,
    filter: &Map<String, Value>,
    cursor: Option<&str>,
) -> Result<ReplayCounts, Trouble> {
    let body = json!({ "filter": filter, "cursor": cursor });
    Ok(understood(api.post(&format!("{EVENTS}/replay"), &body).await??)?)
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
}
