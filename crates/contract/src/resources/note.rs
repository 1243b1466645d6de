//! A remark on a client.

use serde::{Deserialize, Serialize};

use super::Actor;
use crate::clock::Timestamp;
use crate::ids::NoteId;

/// The answer to `POST /clients/:email/notes`, and one of those that `GET` lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// Its id.
    pub note_id: NoteId,
    /// The platform's id of the client.
    pub client_id: Option<String>,
    /// What it says, as it was written. It may hold anything: whoever shows it must escape it.
    pub comment: String,
    /// Who wrote it.
    pub author: Actor,
    /// When.
    pub created_at: Timestamp,
    /// Members of the body that mean nothing here. Absent when there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored_fields: Vec<String>,
}

/// The answer to `GET /clients/:email/notes`: newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotePage {
    /// The notes.
    pub notes: Vec<Note>,
    /// Where the next page begins; `null` on the last.
    pub next_cursor: Option<String>,
}
