//! Pages of the trail, newest first, as a filter asks for them.
//!
//! They are in order of time and position. The indexes end with the time: entries of one microsecond are few, and are put in order when
//! they are read. `entries_by_category` holds all categories but the one that most of a trail is about: its newest are never far.

use db::types::UtcTime;
use db::{Conn, DbResult, on_backend};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::entries::Row;
use super::kinds;
use super::schema::entries;
use crate::domain::cursor::Place;
use crate::domain::kind::{self, Kind, Word};
use crate::domain::search::Filter;
use crate::domain::{index, pieces};

/// What an entry says beside its kind and its own id, a line each.
const SAID: &str = "(coalesce(actor_id, '') || '\n' || coalesce(target_id, '') || '\n' || search)";

/// The condition under which an entry is in `entries_by_category`. The databases must see it as it stands there.
const RARE: &str = "category > 1";

/// The newest entries that the filter lets through, at most `limit`, all of them beyond `after` if that is given.
pub(crate) fn newest(
    conn: &mut Conn,
    filter: &Filter,
    after: Option<Place>,
    limit: i64,
) -> DbResult<Vec<Row>> {
    let kinds = match filter.action.is_some() || filter.outcome.is_some() || filter.text.is_some() {
        true => kinds::all(conn)?,
        false => Vec::new(),
    };
    let text = filter.text.as_deref().map(|text| Looked::for_text(conn, &kinds, text));
    Ok(on_backend!(conn, |c| {
        let mut query = entries::table
            .select(Row::as_select())
            .order((entries::time.desc(), entries::position.desc()))
            .limit(limit)
            .into_boxed();
        if let Some(place) = after {
            let time = UtcTime::of(place.time);
            // The first half is implied by the second; the databases find their way into the index by it.
            query = query
                .filter(entries::time.le(time))
                .filter(entries::time.lt(time).or(entries::position.lt(place.position)));
        }
        if let Some(category) = filter.category.map(kind::number) {
            query = query.filter(entries::category.eq(category));
            if category != kind::FREQUENT {
                query = query.filter(sql::<Bool>(RARE));
            }
        }
        if filter.action.is_some() || filter.outcome.is_some() {
            query = query.filter(entries::kind.eq_any(kinds::numbers(&kinds, |kind| fits(kind, filter))));
        }
        if let Some(actor) = &filter.actor {
            query = query.filter(entries::actor_id.eq(index::key(actor)));
        }
        if let Some(target) = &filter.target {
            query = query.filter(entries::target_id.eq(index::key(target)));
        }
        if let Some(from) = filter.from {
            query = query.filter(entries::time.ge(UtcTime::of(from)));
        }
        if let Some(to) = filter.to {
            query = query.filter(entries::time.lt(UtcTime::of(to)));
        }
        if let Some(Looked { kinds, said, id: [before, between, behind], parts, patterns }) = text {
            let says = sql::<Bool>(SAID).sql(" like ").bind::<Text, _>(said).sql(" escape '\\'");
            let is_piece = sql::<Bool>(before).bind::<Text, _>(parts).sql(between);
            let is_piece = is_piece.bind::<Text, _>(patterns).sql(behind);
            query = query.filter(entries::kind.eq_any(kinds).or(says).or(is_piece));
        }
        query.load(c)
    })?)
}

/// Are its words those that are asked for?
fn fits(kind: &Kind, filter: &Filter) -> bool {
    let outcome = filter.outcome.is_none_or(|outcome| kind.has(Word::Outcome, outcome.as_str()));
    outcome && filter.action.as_deref().is_none_or(|action| kind.has(Word::Action, action))
}

/// What finds a text anywhere in an entry: in the words of these kinds, in what the entry alone says, in its id.
struct Looked {
    kinds: Vec<i32>,
    /// A pattern of `like`.
    said: String,
    /// The condition on the id, before, between and behind the next two. It looks for the parts first, which takes next to nothing.
    id: [&'static str; 3],
    parts: String,
    patterns: String,
}

impl Looked {
    fn for_text(conn: &Conn, kinds: &[(i32, Kind)], text: &str) -> Self {
        let folded = index::folded(text);
        let kinds = kinds::numbers(kinds, |kind| kind.says(&folded));
        let said = format!("%{}%", folded.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        let patterns = pieces::patterns(&folded);
        let parts = pieces::parts(&patterns);
        let (id, parts, patterns) = match conn {
            Conn::Postgres(_) => {
                let parts: Vec<String> = parts.iter().map(|part| format!("%{part}%")).collect();
                let any = format!("^({})$", patterns.join("|").replace('?', "."));
                (ID_ON_POSTGRES, format!("{{{}}}", parts.join(",")), any)
            }
            Conn::Sqlite(_) => {
                (ID_ON_SQLITE, serde_json::json!(parts).to_string(), serde_json::json!(patterns).to_string())
            }
        };
        Self { kinds, said, id, parts, patterns }
    }
}

/// With a `case`, for the order of an `and` is the database's to choose.
const ID_ON_POSTGRES: [&str; 3] = [
    "case when replace(entry_id::text, '-', '') like any (",
    "::text[]) then replace(entry_id::text, '-', '') ~ ",
    " else false end",
];

const ID_ON_SQLITE: [&str; 3] = [
    "case when exists (select 1 from json_each(",
    ") where instr(lower(hex(entry_id)), value)) then exists (select 1 from json_each(",
    ") where lower(hex(entry_id)) glob value) else false end",
];
