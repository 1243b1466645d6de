//! The handlers: read the request, ask the domain and the database, answer. A file per resource.

pub(crate) mod impersonations;
pub(crate) mod passwords;
pub(crate) mod sessions;
pub(crate) mod staff;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use contract::audit::Text;
use serde::Serialize;

/// What entries about members of staff say that they are about.
const TARGET: &str = "staff";

/// How much of an address that somebody typed gets into an audit entry, in characters: any address there can be.
const LONGEST_TYPED: usize = 320;

/// An address that somebody typed, for an audit entry.
fn typed(address: &str) -> Text {
    Text::personal(address.chars().take(LONGEST_TYPED).collect::<String>())
}

/// An answer about staff, which no cache may keep.
fn private<T: Serialize>(mut response: actix_web::HttpResponseBuilder, body: T) -> HttpResponse {
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store"))).json(body)
}
