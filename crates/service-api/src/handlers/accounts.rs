//! Trading accounts.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use contract::resources::AccountList;
use http_kit::caller::Caller;
use http_kit::problem::Failure;

use super::whom;
use crate::db::accounts;
use crate::domain::account_view::{AccountView, view};
use crate::state::State;

/// `GET /api/service/accounts/{email}` and `GET /api/clients/{id}/accounts`: all of them, each with its subaccounts.
pub(crate) async fn list_accounts<S>(
    caller: Caller<S>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Failure> {
    let read = whom::reading(&caller, &request, &state, |conn, record| {
        Ok((record.clone(), accounts::of_client(conn, record.id)?))
    });
    let (record, rows) = read.await?;
    let AccountView { accounts, warnings } = view(rows);
    let answer = AccountList { client_id: record.client_id, email: record.email, accounts, warnings };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(answer))
}
