//! Remarks on clients.

use contract::clock::Timestamp;
use contract::ids::{ClientRef, NoteId};
use contract::resources::{Actor, ActorKind, Note};
use db::types::{Uid, UtcTime};
use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;

use super::schema::notes;
use super::{end_of_page, stored, word};
use crate::domain::place::Place;

#[derive(Queryable, Insertable)]
#[diesel(table_name = notes, treat_none_as_default_value = false)]
struct Row {
    id: Uid,
    client: Uid,
    comment: String,
    author_type: String,
    author_id: String,
    created_at: UtcTime,
}

/// Adds a note to a client whose row is locked.
pub(crate) fn add(conn: &mut Conn, client: ClientRef, note: &Note) -> DbResult<()> {
    let row = Row {
        id: Uid::of(note.note_id),
        client: Uid::of(client),
        comment: note.comment.clone(),
        author_type: note.author.kind.as_str().to_owned(),
        author_id: note.author.id.clone().unwrap_or_default(),
        created_at: UtcTime::of(note.created_at),
    };
    on_backend!(conn, |c| diesel::insert_into(notes::table).values(&row).execute(c))?;
    Ok(())
}

/// A client's notes, newest first, from behind a place on; `client_id` is the platform's, for the answers.
pub(crate) fn newest(
    conn: &mut Conn,
    client: ClientRef,
    client_id: Option<&str>,
    after: Option<&Place>,
    rows: i64,
) -> DbResult<Vec<Note>> {
    let after = after.map(end_of_page::<NoteId>).transpose()?;
    let rows: Vec<Row> = on_backend!(conn, |c| {
        let mut query = notes::table
            .filter(notes::client.eq(Uid::of(client)))
            .order((notes::created_at.desc(), notes::id.desc()))
            .limit(rows)
            .into_boxed();
        if let Some((time, id)) = after {
            let behind = notes::created_at.lt(time).or(notes::created_at.eq(time).and(notes::id.lt(id)));
            query = query.filter(behind);
        }
        query.load(c)
    })?;
    rows.into_iter().map(|row| row.into_note(client_id)).collect()
}

/// Where a note stands in its list.
pub(crate) fn place(note: &Note) -> Place {
    Place { time: note.created_at, id: note.note_id.to_string() }
}

impl Row {
    fn into_note(self, client_id: Option<&str>) -> DbResult<Note> {
        Ok(Note {
            note_id: stored(NoteId::from_uuid(self.id.0))?,
            client_id: client_id.map(str::to_owned),
            comment: self.comment,
            author: Actor { kind: word(ActorKind::parse(&self.author_type))?, id: Some(self.author_id) },
            created_at: Timestamp::from(self.created_at.0),
            ignored_fields: Vec::new(),
        })
    }
}
