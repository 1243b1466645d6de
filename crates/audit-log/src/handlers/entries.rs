//! Appending entries, for our own services, and reading them, for staff who may. What staff asked for is itself put on the trail.

use actix_web::http::header::{CACHE_CONTROL, LINK};
use actix_web::{HttpResponse, web};
use contract::audit::{Sealed, Text};
use contract::ids::EntryId;
use contract::internal::{AppendEntries, AppendedEntries};
use contract::problems::FieldError;
use db::fail_points::{self, Step};
use db::{Class, SubmitError};
use futures_util::future::join_all;
use http_kit::caller::{AuditorOrAdmin, Caller, Internal, Staff};
use http_kit::problem::Failure;
use serde::Serialize;

use crate::db::entries::{self, Appended, NewRow, Row};
use crate::db::pages;
use crate::domain::entry::{self, Opened};
use crate::domain::index::Index;
use crate::domain::packing::{Unpacked, pack};
use crate::domain::search::{Filter, Search};
use crate::error::Error;
use crate::state::State;

/// Entries of one append at most.
const MOST_APPENDED: usize = 1_000;

/// The filters whose values may name a person; `action` is any text, too.
const PERSONAL: [&str; 4] = ["action", "actor", "target", "text"];

/// `POST /internal/entries`. Appends all entries or, when one is not an entry, none. Doing it again changes nothing, so a caller who
/// got no answer sends the same again. After a 5xx, or where the database itself refused an
/// entry (`unstorable`), the others may have been appended.
pub(crate) async fn append_entries(
    _: Caller<Internal>,
    body: web::Json<AppendEntries>,
    state: web::Data<State>,
) -> Result<web::Json<AppendedEntries>, Failure> {
    let rows = admit(&state, body.into_inner().entries)?;
    let ids: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
    let told = join_all(rows.into_iter().map(|row| state.writer.submit(row))).await;
    fail_points::pass(Step::AppendAfterCommit);
    Ok(web::Json(durable(&ids, told)?))
}

/// Checks all entries, and makes their rows.
fn admit(state: &State, sealed: Vec<Sealed>) -> Result<Vec<NewRow>, Error> {
    if sealed.len() > MOST_APPENDED {
        let error = FieldError::new("/entries", "too_many", "at most 1000 entries at once");
        return Err(Error::BadEntries(vec![error]));
    }
    let now = state.clock.now();
    let (mut rows, mut errors) = (Vec::with_capacity(sealed.len()), Vec::new());
    for (nth, sealed) in sealed.into_iter().enumerate() {
        match entry::admit(&sealed) {
            Ok(opened) => {
                rows.push(NewRow::new(
                    sealed.id,
                    pack(sealed.id, &sealed.payload, &sealed.disclosures),
                    Index::of(&opened),
                    now,
                ));
            }
            Err(bad) => errors.push(FieldError::new(format!("/entries/{nth}"), bad.code(), bad.to_string())),
        }
    }
    if errors.is_empty() { Ok(rows) } else { Err(Error::BadEntries(errors)) }
}

/// Counts the verdicts. Trouble with the database comes before trouble with an entry: after it nothing is known.
fn durable(ids: &[String], told: Vec<Result<Appended, SubmitError>>) -> Result<AppendedEntries, Error> {
    let mut counts = AppendedEntries::default();
    let mut unstorable = Vec::new();
    for (nth, (id, verdict)) in ids.iter().zip(told).enumerate() {
        match verdict {
            Ok(Appended::New) => counts.appended += 1,
            Ok(Appended::AlreadyThere) => counts.already_there += 1,
            Ok(Appended::Conflict) => {
                tracing::error!(entry = id, "an entry came again with other bytes; the first one stays");
                counts.already_there += 1;
                counts.conflicts += 1;
            }
            Err(SubmitError::Full) => return Err(Error::Full),
            Err(SubmitError::Refused(error)) if error.class() == Class::Data => {
                tracing::error!(entry = id, %error, "the database does not take an entry");
                let detail = "the database does not take this entry";
                unstorable.push(FieldError::new(format!("/entries/{nth}"), "unstorable", detail));
            }
            Err(error) => return Err(Error::NotAppended(error)),
        }
    }
    if unstorable.is_empty() { Ok(counts) } else { Err(Error::BadEntries(unstorable)) }
}

/// A stored entry in an answer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Shown {
    Opened(Box<Opened>),
    /// It was damaged after it was stored. It is shown as that, and hides no other.
    Unreadable {
        id: String,
        unreadable: bool,
    },
}

/// A page of entries.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    entries: Vec<Shown>,
    next_cursor: Option<String>,
}

/// `GET /api/audit/entries`: the newest entries that the filters let through.
pub(crate) async fn list_entries(
    caller: Caller<Staff<AuditorOrAdmin>>,
    parameters: web::Query<Vec<(String, String)>>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let Search { filter, limit, cursor } = Search::read(&parameters).map_err(Error::Parameters)?;
    for (name, value) in filter.parts() {
        let value = if PERSONAL.contains(&name) { Text::personal(value) } else { Text::open(value) };
        caller.audit().add_detail(name, value);
    }
    let after = match cursor {
        Some(cursor) => Some(state.cursors.read(&cursor, &filter).ok_or(Error::Cursor)?),
        None => None,
    };
    let wanted = filter.clone();
    // One more than asked for tells whether there is a next page.
    let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows = state
        .database
        .read(move |conn| pages::newest(conn, &wanted, after, most))
        .await
        .map_err(Error::Database)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more);
    let next_cursor = last.map(|last| state.cursors.write(last.place(), &filter));
    caller.audit().add_detail("returned", i64::try_from(rows.len()).unwrap_or(i64::MAX));

    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    if let Some(cursor) = &next_cursor {
        response.insert_header((LINK, next_link(&filter, limit, cursor)));
    }
    let entries = rows.iter().map(|row| shown(read(row))).collect();
    Ok(response.json(Page { entries, next_cursor }))
}

/// RFC 8288, as a reference relative to the gateway.
fn next_link(filter: &Filter, limit: usize, cursor: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(filter.parts())
        .append_pair("limit", &limit.to_string())
        .append_pair("cursor", cursor)
        .finish();
    format!("</api/audit/entries?{query}>; rel=\"next\"")
}

/// An entry with the bytes it is proved by.
#[derive(Debug, Serialize)]
struct WithBytes {
    #[serde(flatten)]
    entry: Shown,
    /// The bytes as they came, where they can still be read.
    payload: Option<String>,
    /// What opens it.
    disclosures: Vec<String>,
}

/// `GET /api/audit/entries/{id}`: one entry, with its bytes.
pub(crate) async fn read_entry(
    caller: Caller<Staff<AuditorOrAdmin>>,
    id: web::Path<String>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let id: EntryId = id.parse().map_err(|_| Error::NoEntry)?;
    caller.audit().set_target("entry", Text::open(id.to_string()));
    let row = state.database.read(move |conn| entries::find(conn, id)).await.map_err(Error::Database)?;
    let mut read = read(&row.ok_or(Error::NoEntry)?);
    let (payload, disclosures) = read.texts.take().map(|texts| (texts.payload, texts.disclosures)).unzip();
    let answer = WithBytes { entry: shown(read), payload, disclosures: disclosures.unwrap_or_default() };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(answer))
}

/// A stored entry, as far as it can be read.
pub(super) struct Read {
    id: String,
    texts: Option<Unpacked>,
    pub(super) opened: Option<Opened>,
}

/// Unpacks and opens a stored entry.
pub(super) fn read(row: &Row) -> Read {
    let id = row.id().map(|id| id.to_string()).unwrap_or_default();
    let damaged = |error: &dyn std::error::Error| {
        tracing::error!(entry = id, %error, "a stored entry is unreadable");
    };
    let texts = row.unpacked().inspect_err(|error| damaged(error)).ok();
    let opened = texts.as_ref().and_then(|texts| {
        entry::open(&texts.payload, &texts.disclosures).inspect_err(|error| damaged(error)).ok()
    });
    Read { id, texts, opened }
}

fn shown(read: Read) -> Shown {
    match read.opened {
        Some(opened) => Shown::Opened(Box::new(opened)),
        None => Shown::Unreadable { id: read.id, unreadable: true },
    }
}

#[cfg(test)]
mod tests {
    use contract::problems::Code;
    use db::DbError;

    use super::*;

    fn answer(told: Vec<Result<Appended, SubmitError>>) -> Result<(u64, u64, u64), Code> {
        let ids = vec!["aud_placeholder".to_owned(); told.len()];
        durable(&ids, told)
            .map(|counts| (counts.appended, counts.already_there, counts.conflicts))
            .map_err(|error| Failure::from(error).code())
    }

    #[test]
    fn only_what_is_durable_altogether_is_acknowledged() {
        let data = || Err(SubmitError::Refused(DbError::Data("a value".into())));
        let broken = || Err(SubmitError::Refused(DbError::broken("no such table")));
        let new = || Ok(Appended::New);
        assert_eq!(answer(vec![]), Ok((0, 0, 0)));
        assert_eq!(
            answer(vec![new(), Ok(Appended::AlreadyThere), Ok(Appended::Conflict), new()]),
            Ok((2, 2, 1))
        );
        assert_eq!(answer(vec![new(), Err(SubmitError::Full)]), Err(Code::Unavailable));
        assert_eq!(answer(vec![Err(SubmitError::Unavailable), new()]), Err(Code::Unavailable));
        assert_eq!(answer(vec![new(), data(), new()]), Err(Code::InvalidParameter));
        assert_eq!(answer(vec![data(), Err(SubmitError::Unavailable)]), Err(Code::Unavailable));
        assert_eq!(answer(vec![broken()]), Err(Code::InternalError));
    }
}
