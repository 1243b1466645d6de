//! Deposits and withdrawals.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use contract::ids::TransactionRef;
use contract::resources::TransactionPage;
use http_kit::caller::{AdminOnly, Caller, Staff};
use http_kit::problem::Failure;

use super::lists::Asked;
use super::{changes, whom};
use crate::db::changes as rows;
use crate::db::{accounts, transactions};
use crate::domain::account_view::resolved;
use crate::domain::listing::OF_ALL;
use crate::domain::place::Page;
use crate::domain::standing::Refusal;
use crate::domain::statement::{Currencies, record, totals};
use crate::domain::transaction::Transaction;
use crate::error::Error;
use crate::state::State;

/// Segments before our id of a transaction in a path: `/api/clients/{id}/transactions/…`.
const BEFORE_TRANSACTION: usize = 4;

/// `GET /api/service/clients/{email}/transactions` and `GET /api/clients/{id}/transactions`: newest first, and what all of them come
/// to.
pub(crate) async fn list_transactions<S>(
    caller: Caller<S>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Failure> {
    let (shared, query) = (state.clone(), request.query_string().to_owned());
    // One snapshot, so that page and totals tell of the same transactions.
    let read = whom::reading(&caller, &request, &state, move |conn, record| {
        let client = record.id;
        let asked = Asked::read(&shared, "transactions", Some(client), &query, OF_ALL)?;
        let Asked { listing, after, .. } = &asked;
        let rows = transactions::newest(conn, client, after.as_ref(), listing.rows())?;
        let page = Page::of(rows, listing.limit, Transaction::place);
        Ok((asked, page, transactions::parts(conn, client)?, accounts::of_client(conn, client)?))
    });
    let (asked, page, parts, accounts) = read.await?;
    let accounts = resolved(accounts);
    let currencies = Currencies { accounts: &accounts, default: &state.default_currency };
    let next_cursor = asked.cursor(&state, page.next.as_ref());
    let answer = TransactionPage {
        transactions: page.items.iter().map(|one| record(one, &currencies)).collect(),
        totals: totals(&parts, &currencies),
        next_cursor,
    };
    Ok(asked.answer(&request, &answer, answer.next_cursor.as_deref()))
}

/// `POST /api/clients/{id}/transactions/{transaction}/accept`: of facts that contradict each other, these stand.
pub(crate) async fn accept_transaction(
    caller: Caller<Staff<AdminOnly>>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Failure> {
    let client = whom::named(&caller, &request, &state).await?.id;
    let asked = whom::segment(request.uri().path(), BEFORE_TRANSACTION);
    let id = str::from_utf8(&asked).ok().and_then(|text| text.parse::<TransactionRef>().ok());
    let id = id.ok_or(Error::Refused(Refusal::NoTransaction))?;
    let change = changes::of(&caller, &state, client);
    let work = move |conn: &mut db::Conn| rows::accept_transaction(conn, &change, id);
    let (accepted, accounts) = changes::made(&caller, &state, state.database.write(work).await)?;
    let accounts = resolved(accounts);
    let currencies = Currencies { accounts: &accounts, default: &state.default_currency };
    Ok(HttpResponse::Ok().json(record(&accepted, &currencies)))
}
