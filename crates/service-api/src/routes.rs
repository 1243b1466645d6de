//! The URL table of service-api.

use contract::audit::Category;
use contract::internal::{APPLY_EVENTS, FIND_CLIENTS, RECORD_IMPERSONATIONS, TRACE_EVENT};
use http_kit::caller::{ClientReader, KycEditor, NoteWriter, Service, Staff};
use http_kit::routes::{Audit, Route, RouteTable};

use crate::handlers::{accounts, activities, clients, events, kyc, notes, transactions};

/// The largest batch of events, in bytes: more than a full batch of the largest bodies.
const LARGEST_BATCH: usize = 32 * 1024 * 1024;
/// The largest body with one event in it, in bytes: 256 KiB as they came, each byte an escape of six.
const LARGEST_EVENT: usize = 2 * 1024 * 1024;
/// The largest body with a text in it, in bytes: 10,000 characters that are two escapes of six bytes each, and some room.
const LARGEST_TEXT: usize = 128 * 1024;

/// All routes. Of two patterns that fit a path the first is taken.
#[must_use]
pub fn table() -> RouteTable {
    RouteTable::new(internal().into_iter().chain(platform()).chain(staff()))
}

/// For our own services.
fn internal() -> [Route; 4] {
    let apply = Audit::Quiet("each event has an entry of its own, in the commit of its effect");
    let trace =
        Audit::Quiet("the look at the event that it is for has an entry of its own, at webhook-ingest");
    let find = Audit::Quiet("the impersonation that it is for has an entry of its own, at sso-issuer");
    let record = Audit::Quiet("each token has an entry of its own, at sso-issuer");
    [
        Route::post(APPLY_EVENTS, apply, events::apply_events).with_payload_limit(LARGEST_BATCH),
        Route::post(TRACE_EVENT, trace, events::trace_event).with_payload_limit(LARGEST_EVENT),
        Route::post(FIND_CLIENTS, find, clients::find_clients),
        Route::post(RECORD_IMPERSONATIONS, record, activities::record_impersonations)
            .with_payload_limit(LARGEST_TEXT),
    ]
}

/// For trading platforms, by address.
fn platform() -> Vec<Route> {
    let audit = |action| Audit::Action { category: Category::ServiceApi, action };
    let path = "/api/service/clients/{email}/notes";
    vec![
        Route::get("/api/service/clients", audit("client.list"), clients::list_clients::<Service>),
        // 200 addresses of 320 characters, escaped.
        Route::post("/api/service/clients/lookup", audit("client.look_up"), clients::lookup_clients)
            .with_payload_limit(8 * LARGEST_TEXT),
        Route::get("/api/service/clients/{email}", audit("client.read"), clients::read_client::<Service>),
        Route::patch("/api/service/clients/{email}/kyc", audit("kyc.change"), kyc::change_kyc::<Service>)
            .with_payload_limit(LARGEST_TEXT),
        Route::post(path, audit("note.add"), notes::add_note::<Service>).with_payload_limit(LARGEST_TEXT),
        Route::get(path, audit("note.list"), notes::list_notes::<Service>),
        Route::get(
            "/api/service/clients/{email}/activity",
            audit("activity.list"),
            activities::list_activities::<Service>,
        ),
        Route::get(
            "/api/service/clients/{email}/transactions",
            audit("transaction.list"),
            transactions::list_transactions::<Service>,
        ),
        Route::get(
            "/api/service/accounts/{email}",
            audit("account.list"),
            accounts::list_accounts::<Service>,
        ),
        Route::get("/api/service/events/{event_id}", audit("event.read"), events::read_event),
    ]
}

/// For staff, by id.
fn staff() -> Vec<Route> {
    let audit = |action| Audit::Action { category: Category::Staff, action };
    let path = "/api/clients/{id}/notes";
    vec![
        Route::get("/api/clients", audit("client.list"), clients::list_clients::<Staff<ClientReader>>),
        Route::get("/api/clients/{id}", audit("client.read"), clients::read_client::<Staff<ClientReader>>),
        Route::patch("/api/clients/{id}/kyc", audit("kyc.change"), kyc::change_kyc::<Staff<KycEditor>>)
            .with_payload_limit(LARGEST_TEXT),
        Route::patch(
            "/api/clients/{id}/status",
            audit("client.status_change"),
            clients::change_client_status,
        ),
        Route::post(path, audit("note.add"), notes::add_note::<Staff<NoteWriter>>)
            .with_payload_limit(LARGEST_TEXT),
        Route::get(path, audit("note.list"), notes::list_notes::<Staff<ClientReader>>),
        Route::get(
            "/api/clients/{id}/activity",
            audit("activity.list"),
            activities::list_activities::<Staff<ClientReader>>,
        ),
        Route::get(
            "/api/clients/{id}/transactions",
            audit("transaction.list"),
            transactions::list_transactions::<Staff<ClientReader>>,
        ),
        Route::post(
            "/api/clients/{id}/transactions/{transaction}/accept",
            audit("transaction.accept"),
            transactions::accept_transaction,
        ),
        Route::get(
            "/api/clients/{id}/accounts",
            audit("account.list"),
            accounts::list_accounts::<Staff<ClientReader>>,
        ),
        Route::post(
            "/api/clients/{id}/accounts/{account}/move",
            audit("account.move"),
            accounts::move_account,
        ),
    ]
}
