//! The URL table of webhook-ingest.

use contract::audit::Category;
use contract::internal::{AWAIT_CLIENT, READ_EVENT};
use http_kit::routes::{Audit, Route, RouteTable};

use crate::handlers::events::{await_client, read_event_status};
use crate::handlers::history::read_event_history;
use crate::handlers::inbox::{list_events, read_event};
use crate::handlers::replays::{replay_event, replay_events};
use crate::handlers::webhooks::receive_delivery;

/// The largest webhook body, in bytes.
const LARGEST_WEBHOOK: usize = 256 * 1024;

/// All routes. Platforms post with any content type, or none.
#[must_use]
pub fn table() -> RouteTable {
    let receive = Audit::Action { category: Category::Webhook, action: "webhook.receive" };
    let read = Audit::Action { category: Category::Webhook, action: "events.read" };
    let replay = Audit::Action { category: Category::Webhook, action: "event.replay" };
    let ask = Audit::Quiet("a look-up for a call that service-api has on the trail");
    RouteTable::new([
        // Before the sources: none of them is called `events`.
        Route::get("/api/webhooks/events", read, list_events),
        Route::post("/api/webhooks/events/replay", replay, replay_events),
        Route::get("/api/webhooks/events/{id}", read, read_event),
        Route::get("/api/webhooks/events/{id}/history", read, read_event_history),
        Route::post("/api/webhooks/events/{id}/replay", replay, replay_event),
        Route::post("/api/webhooks/{source}", receive, receive_delivery).with_payload_limit(LARGEST_WEBHOOK),
        Route::post(AWAIT_CLIENT, ask, await_client),
        Route::post(READ_EVENT, ask, read_event_status),
    ])
}
