//! The URL table. The trail is appended to and read; there is no route that changes or removes an entry, for nobody.

use contract::audit::Category;
use contract::internal::{APPEND_ENTRIES, READ_ATTEMPTS};
use http_kit::routes::{Audit, Route, RouteTable};

use crate::handlers::attempts::read_attempts;
use crate::handlers::entries::{append_entries, list_entries, read_entry};

/// The largest body of an append, in bytes.
const LARGEST_APPEND: usize = 4 * 1024 * 1024;

const READ: Audit = Audit::Action { category: Category::Audit, action: "entries.read" };
const APPEND: Audit = Audit::Quiet("what is appended is the trail; an entry for each append would never end");
const ATTEMPTS: Audit =
    Audit::Quiet("the look at the event that it is for has an entry of its own, at webhook-ingest");

/// All routes but the probes.
pub fn table() -> RouteTable {
    RouteTable::new([
        Route::get("/api/audit/entries", READ, list_entries),
        Route::get("/api/audit/entries/{id}", READ, read_entry),
        Route::post(APPEND_ENTRIES, APPEND, append_entries).with_payload_limit(LARGEST_APPEND),
        Route::post(READ_ATTEMPTS, ATTEMPTS, read_attempts),
    ])
}
