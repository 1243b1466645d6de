//! Replays: staff have kept events read again by the mapping of today, one, or all that a filter lets through.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Bytes, Data, Path};
use contract::audit::{Entry, Target, Text};
use contract::ids::EventId;
use contract::inbox::{ReplayCounts, ReplayOutcome, Replayed};
use contract::problems::FieldError;
use http_kit::caller::{AdminOnly, Caller, Staff};
use http_kit::problem::Failure;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::db::listing;
use crate::db::replays::{self, Order};
use crate::domain::lanes::Queue;
use crate::domain::replay::{Obstacle, Told};
use crate::domain::search::Filter;
use crate::domain::trail;
use crate::error::Error;
use crate::state::State;

/// Events of one call for many, unless asked otherwise.
const DEFAULT_LIMIT: usize = 100;
/// Events of one call for many, at most: each is a commit of its own.
const MOST: usize = 500;

/// The body of a replay of one; none at all is as good as `{}`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct One {
    #[serde(default)]
    accept_reused_id: bool,
}

/// `POST /api/webhooks/events/{id}/replay`.
pub(crate) async fn replay_event(
    caller: Caller<Staff<AdminOnly>>,
    state: Data<Arc<State>>,
    id: Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Failure> {
    let event_id: EventId = id.parse().map_err(|_| Error::NoEvent)?;
    caller.audit().set_target("event", Text::open(event_id.to_string()));
    let One { accept_reused_id } = if body.trim_ascii().is_empty() { One::default() } else { parse(&body)? };
    if accept_reused_id {
        caller.audit().add_detail("acceptReusedId", true);
    }
    let order = Order { event_id, accept_reused_id, entry: caller.audit().take_entry() };
    let told = replay(&state, order).await?.ok_or(Error::NoEvent)?.map_err(Error::NotReplayable)?;
    if told.outcome == ReplayOutcome::Replayed {
        caller.audit().recorded();
    } else {
        caller.audit().add_detail("outcome", Text::open(told.outcome.as_str()));
    }
    let Told { outcome, state, errors, .. } = told;
    let answer = Replayed { event_id, outcome, state, errors };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(answer))
}

/// The body of a replay of many.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Many {
    filter: BTreeMap<String, String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    cursor: Option<String>,
}

/// `POST /api/webhooks/events/replay`: the oldest first, no more than a call's worth. Reused ids are never accepted here.
pub(crate) async fn replay_events(
    caller: Caller<Staff<AdminOnly>>,
    state: Data<Arc<State>>,
    body: Bytes,
) -> Result<HttpResponse, Failure> {
    let Many { filter, limit, cursor } = parse(&body)?;
    let filter = Filter::of_members(&filter).map_err(Error::Body)?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MOST).contains(&limit) {
        let wrong = FieldError::new("/limit", "out_of_range", "a whole number from 1 to 500");
        return Err(Error::Body(vec![wrong]).into());
    }
    // A list's cursor goes the other way round, so it must not be taken here.
    let mut question = filter.parts();
    question.push(("replay", String::new()));
    let after = cursor.map(|cursor| state.place_of(&cursor, &question)).transpose()?;
    let (wanted, most) = (filter.clone(), i64::try_from(limit + 1).unwrap_or(i64::MAX));
    let read = state.database.read(move |conn| listing::replayable(conn, &wanted, after, most));
    let mut ids = read.await.map_err(Error::Database)?;
    let more = ids.len() > limit;
    ids.truncate(limit);

    let mut counts = ReplayCounts { more, ..ReplayCounts::default() };
    for id in &ids {
        count(&mut counts, replay_one_of_many(&caller, &state, *id).await?);
    }
    counts.next_cursor = ids.last().filter(|_| more).map(|last| state.cursor_at(*last, &question));
    for (name, value) in filter.parts() {
        caller.audit().add_detail(name, trail::asked(name, value));
    }
    for (name, number) in [("replayed", counts.replayed), ("notReplayable", counts.not_replayable)] {
        caller.audit().add_detail(name, i64::try_from(number).unwrap_or(i64::MAX));
    }
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(counts))
}

async fn replay_one_of_many(
    caller: &Caller<Staff<AdminOnly>>,
    state: &State,
    event_id: EventId,
) -> Result<Option<Result<Told, Obstacle>>, Error> {
    let target = Some(Target { kind: "event".to_owned(), id: Text::open(event_id.to_string()) });
    let entry = Entry { target, ..caller.audit().take_entry() };
    replay(state, Order { event_id, accept_reused_id: false, entry }).await
}

fn count(counts: &mut ReplayCounts, told: Option<Result<Told, Obstacle>>) {
    let counted = match told.map(|told| told.map(|told| told.outcome)) {
        Some(Ok(ReplayOutcome::Replayed)) => &mut counts.replayed,
        Some(Ok(ReplayOutcome::AlreadyApplied | ReplayOutcome::AlreadyPending)) | None => {
            &mut counts.already_done
        }
        Some(Ok(ReplayOutcome::Unreadable)) => &mut counts.unreadable,
        Some(Ok(ReplayOutcome::Unrecognized)) => &mut counts.unrecognized,
        Some(Err(_)) => &mut counts.not_replayable,
    };
    *counted += 1;
}

/// Replays one event, and wakes those who go on from there.
async fn replay(state: &State, order: Order) -> Result<Option<Result<Told, Obstacle>>, Error> {
    let (words, random, now) = (state.kyc_words.clone(), state.random.clone(), state.clock.now());
    let replaying = state.database.write(move |conn| replays::replay(conn, &order, &words, now, &random));
    let told = replaying.await.map_err(Error::Database)?;
    if let Some(Ok(Told { lane: Some(lane), .. })) = &told {
        state.outbox.wake();
        state.signals.wake(Queue::Fresh, *lane);
    }
    Ok(told)
}

/// A body, which has to be an object, as what this route takes. serde's sentence names the place; it goes back to the caller alone.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let object: Result<Map<String, Value>, _> = serde_json::from_slice(body);
    object.and_then(|object| serde_json::from_value(Value::Object(object))).map_err(|error| {
        if error.is_data() {
            Error::Body(vec![FieldError::new("", "invalid", error.to_string())])
        } else {
            Error::NotJson(error.to_string())
        }
    })
}
