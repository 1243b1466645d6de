//! The handlers: read the request, ask the domain and the database, answer. A file per resource.

pub(crate) mod impersonations;
pub(crate) mod passwords;
pub(crate) mod sessions;
pub(crate) mod staff;

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::Query;
use contract::audit::Text;
use contract::json::pointer_token;
use contract::problems::FieldError;
use serde::Serialize;

use crate::error::Error;

/// What entries about members of staff say that they are about.
const TARGET: &str = "staff";

/// All parameters of a query, by name.
pub(crate) type Parameters = Query<BTreeMap<String, String>>;

/// Parameters that a list does not know are refused, all of them named: whoever mistypes one must not take the whole list for an answer.
fn known(parameters: &Parameters, known: &[&str]) -> Result<(), Error> {
    let unknown = parameters.keys().filter(|name| !known.contains(&name.as_str()));
    let detail = if known.is_empty() {
        "there are none".to_owned()
    } else {
        format!("known are {}", known.join(", "))
    };
    let error =
        |name: &String| FieldError::new(format!("/{}", pointer_token(name)), "unknown_parameter", &*detail);
    let errors: Vec<FieldError> = unknown.map(error).collect();
    if errors.is_empty() { Ok(()) } else { Err(Error::Parameters(errors)) }
}

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
