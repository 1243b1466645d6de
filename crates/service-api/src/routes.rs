//! The URL table of service-api.

use contract::audit::Category;
use contract::internal::APPLY_EVENTS;
use http_kit::routes::{Audit, Route, RouteTable};

use crate::handlers::{clients, events};

/// The largest batch of events, in bytes: more than a full batch of the largest bodies.
const LARGEST_BATCH: usize = 32 * 1024 * 1024;

/// All routes.
#[must_use]
pub fn table() -> RouteTable {
    let apply = Audit::Quiet("each event has an entry of its own, in the commit of its effect");
    let read = Audit::Action { category: Category::ServiceApi, action: "client.read" };
    RouteTable::new([
        Route::post(APPLY_EVENTS, apply, events::apply_events).with_payload_limit(LARGEST_BATCH),
        Route::get("/api/service/clients/{email}", read, clients::read_client),
    ])
}
