//! The URL table of webhook-ingest.

use contract::audit::Category;
use contract::internal::AWAIT_CLIENT;
use http_kit::routes::{Audit, Route, RouteTable};

use crate::handlers::{events, webhooks};

/// The largest webhook body, in bytes.
const LARGEST_WEBHOOK: usize = 256 * 1024;

/// All routes. Platforms post with any content type, or none.
#[must_use]
pub fn table() -> RouteTable {
    let receive = Audit::Action { category: Category::Webhook, action: "webhook.receive" };
    let wait = Audit::Quiet("a look-up for a call that service-api has on the trail");
    RouteTable::new([
        Route::post("/api/webhooks/{source}", receive, webhooks::receive_delivery)
            .with_payload_limit(LARGEST_WEBHOOK),
        Route::post(AWAIT_CLIENT, wait, events::await_client),
    ])
}
