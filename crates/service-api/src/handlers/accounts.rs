//! Trading accounts.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use contract::problems::FieldError;
use contract::resources::{AccountList, ClientRecord};
use http_kit::caller::{AdminOnly, Caller, Staff};
use http_kit::problem::Failure;

use super::{changes, whom};
use crate::db::{accounts, changes as rows};
use crate::domain::account::Account;
use crate::domain::account_view::{AccountView, view};
use crate::domain::bodies::{self, BadBody};
use crate::domain::standing::Refusal;
use crate::error::Error;
use crate::state::State;

/// Segments before the name of an account in a path: `/api/clients/{id}/accounts/…`.
const BEFORE_ACCOUNT: usize = 4;

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
    Ok(answer(record, rows))
}

/// `POST /api/clients/{id}/accounts/{account}/move`: the account is another client's from now on.
pub(crate) async fn move_account(
    caller: Caller<Staff<AdminOnly>>,
    request: HttpRequest,
    state: Data<State>,
    body: Bytes,
) -> Result<HttpResponse, Failure> {
    let client = whom::named(&caller, &request, &state).await?.id;
    let account_id = whom::segment(request.uri().path(), BEFORE_ACCOUNT);
    let account_id = str::from_utf8(&account_id).ok().filter(|id| !id.contains('\0')).map(str::to_owned);
    let account_id = account_id.ok_or(Error::Refused(Refusal::NoAccount))?;
    let asked = bodies::account_move(&body).map_err(Error::Body)?.said;
    let to = match whom::by_id(&caller, &state, &asked.client_id).await {
        // The path names a client that is there; the body does not.
        Err(Error::NoSuchId) => {
            let unknown = FieldError::new("/clientId", "unknown_client", "no client has this id");
            return Err(Error::Body(BadBody::Members(vec![unknown])).into());
        }
        found => found?.id,
    };
    let change = changes::of(&caller, &state, client);
    let work = move |conn: &mut db::Conn| rows::move_account(conn, &change, &account_id, to, &asked);
    let (record, accounts) = changes::made(&caller, &state, state.database.write(work).await)?;
    Ok(answer(record, accounts))
}

fn answer(record: ClientRecord, accounts: Vec<Account>) -> HttpResponse {
    let AccountView { accounts, warnings } = view(accounts);
    let answer = AccountList { client_id: record.client_id, email: record.email, accounts, warnings };
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(answer)
}
