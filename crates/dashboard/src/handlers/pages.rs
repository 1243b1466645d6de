//! Pages that show nothing of their own: the door, and what is not there.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use http_kit::caller::{Anyone, Caller};

use super::visits::Visit;
use crate::domain::addresses::{AUDIT, LOGIN};
use crate::error::Error;
use crate::pages;
use crate::state::State;

/// `GET /`: to the first page, or to the log-in.
pub(crate) async fn show_home(
    caller: Caller<Anyone>,
    request: HttpRequest,
    state: web::Data<State>,
) -> HttpResponse {
    let visit = Visit { caller: &caller, request: &request, state: &state };
    let to = if visit.session().is_some() { AUDIT } else { LOGIN };
    pages::guarded(HttpResponse::SeeOther().insert_header((LOCATION, to)).finish())
}

/// `GET` below a page of ours where there is none.
pub(crate) async fn show_missing_page(
    caller: Caller<Anyone>,
    request: HttpRequest,
    state: web::Data<State>,
) -> HttpResponse {
    Visit { caller: &caller, request: &request, state: &state }.refuse(Error::NoSuchPage, None)
}
