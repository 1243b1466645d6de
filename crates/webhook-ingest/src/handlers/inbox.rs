//! The staff's view of the inbox: which events there are, and all about one.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, LINK};
use actix_web::web::{Data, Path, Query};
use contract::audit::Text;
use contract::ids::EventId;
use contract::inbox::EventPage;
use http_kit::caller::{Caller, EventReader, Staff};
use http_kit::problem::Failure;

use crate::db::listing;
use crate::domain::search::{Filter, Search};
use crate::domain::trail;
use crate::error::Error;
use crate::handlers::events::find;
use crate::state::State;

/// `GET /api/webhooks/events`: the newest events that the filters let through.
pub(crate) async fn list_events(
    caller: Caller<Staff<EventReader>>,
    state: Data<Arc<State>>,
    parameters: Query<Vec<(String, String)>>,
) -> Result<HttpResponse, Failure> {
    let Search { filter, limit, cursor } = Search::read(&parameters).map_err(Error::Parameters)?;
    for (name, value) in filter.parts() {
        caller.audit().add_detail(name, trail::asked(name, value));
    }
    let question = filter.parts();
    let after = cursor.map(|cursor| state.place_of(&cursor, &question)).transpose()?;
    let wanted = filter.clone();
    // One more than asked for tells whether there is a next page.
    let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let read = state.database.read(move |conn| listing::newest(conn, &wanted, after, most));
    let mut events = read.await.map_err(Error::Database)?;
    let more = events.len() > limit;
    events.truncate(limit);
    let last = events.last().filter(|_| more);
    let next_cursor = last.map(|last| state.cursor_at(last.event_id, &question));
    caller.audit().add_detail("returned", i64::try_from(events.len()).unwrap_or(i64::MAX));

    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    if let Some(cursor) = &next_cursor {
        response.insert_header((LINK, next_link(&filter, limit, cursor)));
    }
    Ok(response.json(EventPage { events, next_cursor }))
}

/// RFC 8288, as a reference relative to the gateway.
fn next_link(filter: &Filter, limit: usize, cursor: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(filter.parts())
        .append_pair("limit", &limit.to_string())
        .append_pair("cursor", cursor)
        .finish();
    format!("</api/webhooks/events?{query}>; rel=\"next\"")
}

/// `GET /api/webhooks/events/{id}`: all about one event, its raw body too.
pub(crate) async fn read_event(
    caller: Caller<Staff<EventReader>>,
    state: Data<Arc<State>>,
    id: Path<String>,
) -> Result<HttpResponse, Failure> {
    let id: EventId = id.parse().map_err(|_| Error::NoEvent)?;
    caller.audit().set_target("event", Text::open(id.to_string()));
    let event = find(&state, id).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(event))
}
