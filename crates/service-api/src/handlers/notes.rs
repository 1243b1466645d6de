//! Remarks on clients.

use actix_web::http::header::{ContentType, HeaderName};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use contract::resources::{ActorKind, NotePage};
use db::DbError;
use http_kit::caller::Caller;
use http_kit::problem::Failure;

use super::lists::Asked;
use super::whom::Whom;
use super::{changes, whom};
use crate::db::changes::{self as rows, Change, Changed, Noted};
use crate::db::notes;
use crate::domain::bodies::{self, Body};
use crate::domain::idempotency::{self, Keyed};
use crate::domain::listing::OF_ALL;
use crate::domain::place::Page;
use crate::error::Error;
use crate::state::State;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// `POST /api/service/clients/{email}/notes` and `POST /api/clients/{id}/notes`.
pub(crate) async fn add_note<S>(
    caller: Caller<S>,
    request: HttpRequest,
    state: Data<State>,
    body: Bytes,
) -> Result<HttpResponse, Failure> {
    let record = whom::named(&caller, &request, &state).await?;
    // What the caller said: which record that means may change between a call and its retry.
    let asked = Whom::of(&caller, &request)?;
    let lines = request.headers().get_all(IDEMPOTENCY_KEY).map(|line| line.as_bytes());
    let key = idempotency::key(lines).map_err(|error| Error::Parameters(vec![error]))?;
    let body = bodies::comment(&body).map_err(Error::Body)?;
    let change = changes::of(&caller, &state, record.id);
    let keyed = key.map(|key| {
        let whose = format!("{}:{}", kind(&change), change.actor.id.as_deref().unwrap_or_default());
        Keyed::new(whose, key, &["note.add", asked.as_str()], &body.canonical)
    });
    match changes::made(&caller, &state, write(&state, change, body, keyed).await)? {
        Noted::New(note) => Ok(HttpResponse::Created().json(note)),
        Noted::Replayed(answer) => Ok(HttpResponse::Created()
            .content_type(ContentType::json())
            .insert_header((REPLAYED, "true"))
            .body(answer)),
    }
}

fn kind(change: &Change) -> &'static str {
    ActorKind::as_str(change.actor.kind)
}

/// Writes the note. Where another replica took the same key at the same time, that one's answer is there the second time.
async fn write(state: &State, change: Change, body: Body<String>, keyed: Option<Keyed>) -> Changed<Noted> {
    let once = || {
        let (change, body, keyed) = (change.clone(), body.clone(), keyed.clone());
        state
            .database
            .write(move |conn| rows::add_note(conn, &change, &body.said, &body.ignored, keyed.as_ref()))
    };
    match once().await {
        Err(DbError::Conflict { .. }) => once().await,
        done => done,
    }
}

/// `GET /api/service/clients/{email}/notes` and `GET /api/clients/{id}/notes`: newest first.
pub(crate) async fn list_notes<S>(
    caller: Caller<S>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Failure> {
    let (shared, query) = (state.clone(), request.query_string().to_owned());
    let read = whom::reading(&caller, &request, &state, move |conn, record| {
        let asked = Asked::read(&shared, "notes", Some(record.id), &query, OF_ALL)?;
        let Asked { listing, after, .. } = &asked;
        let rows =
            notes::newest(conn, record.id, record.client_id.as_deref(), after.as_ref(), listing.rows())?;
        let page = Page::of(rows, listing.limit, notes::place);
        Ok((asked, page))
    });
    let (asked, page) = read.await?;
    let next_cursor = asked.cursor(&state, page.next.as_ref());
    let answer = NotePage { notes: page.items, next_cursor };
    Ok(asked.answer(&request, &answer, answer.next_cursor.as_deref()))
}
