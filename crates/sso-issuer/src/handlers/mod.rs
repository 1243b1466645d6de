//! The handlers: read the request, ask the domain and the database, answer. A file per resource.

pub(crate) mod impersonations;
pub(crate) mod passwords;
pub(crate) mod sessions;
pub(crate) mod staff;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use serde::Serialize;

/// An answer about staff, which no cache may keep.
fn private<T: Serialize>(mut response: actix_web::HttpResponseBuilder, body: T) -> HttpResponse {
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store"))).json(body)
}
