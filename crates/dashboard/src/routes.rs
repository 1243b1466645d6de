//! The URL table of the dashboard. All of it is public: a page is shown to whoever the services answer, and to nobody else.

use http_kit::routes::{Audit, Route, RouteTable};

use crate::handlers::assets::read_asset;
use crate::handlers::entries::{list_entries, show_entry};
use crate::handlers::pages::{show_home, show_missing_page};
use crate::handlers::sessions::{create_session, end_session, show_login};

/// The largest form, in bytes.
const LARGEST_FORM: usize = 16 * 1024;

const READS_THE_TRAIL: Audit = Audit::Quiet("audit-log records each reading of the trail itself");
const LOGS_IN: Audit = Audit::Quiet("sso-issuer records each log-in and each refusal of one itself");
const LOGS_OUT: Audit = Audit::Quiet("sso-issuer records each log-out by itself");
const SHOWS_NOTHING: Audit = Audit::Quiet("it shows no data, the same page to everyone");

/// All routes but the probes.
#[must_use]
pub fn table() -> RouteTable {
    RouteTable::new([
        Route::get("/", SHOWS_NOTHING, show_home),
        Route::get("/login", SHOWS_NOTHING, show_login),
        Route::post("/login", LOGS_IN, create_session).with_payload_limit(LARGEST_FORM),
        Route::post("/logout", LOGS_OUT, end_session).with_payload_limit(LARGEST_FORM),
        Route::get("/audit", READS_THE_TRAIL, list_entries),
        Route::get("/audit/{id}", READS_THE_TRAIL, show_entry),
        Route::get("/audit/{rest:.*}", SHOWS_NOTHING, show_missing_page),
        Route::get("/assets/{name}", SHOWS_NOTHING, read_asset),
    ])
}
