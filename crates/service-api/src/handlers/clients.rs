//! The client record: by name, in pages, and many at once.

use std::collections::BTreeSet;

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_MATCH};
use actix_web::web::{Bytes, Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use contract::audit::{Text, Value};
use contract::ids::ClientRef;
use contract::internal::{ClientName, FindClients, FoundClients, SSO_ISSUER};
use contract::resources::{ChangedClient, ClientPage, FoundByEmail, LookedUp};
use futures_util::{StreamExt as _, stream};
use http_kit::caller::{Caller, Internal, KycEditor, Service, Staff};
use http_kit::problem::Failure;

use super::lists::Asked;
use super::{changes, internal, whom};
use crate::db::{changes as rows, find, search};
use crate::domain::bodies::{self, Body};
use crate::domain::identity;
use crate::domain::listing::OF_CLIENTS;
use crate::domain::lookup;
use crate::domain::place::Page;
use crate::domain::precondition::{IfMatch, tag};
use crate::error::Error;
use crate::state::State;

/// How many questions of one look-up are asked at once.
const AT_ONCE: usize = 16;

/// `GET /api/service/clients/{email}` and `GET /api/clients/{id}`: the record, with an `ETag`.
pub(crate) async fn read_client<S>(
    caller: Caller<S>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Failure> {
    let record = whom::named(&caller, &request, &state).await?;
    Ok(HttpResponse::Ok().insert_header((ETAG, tag(&record))).json(record))
}

/// `GET /api/service/clients` and `GET /api/clients`: records, latest change first.
pub(crate) async fn list_clients<S>(
    caller: Caller<S>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Failure> {
    let asked = Asked::read(&state, "clients", None, request.query_string(), OF_CLIENTS)?;
    if let Some(query) = &asked.listing.query {
        caller.audit().add_detail("query", Text::personal(query));
    }
    let (listing, after) = (asked.listing.clone(), asked.after.clone());
    let limit = listing.limit;
    let rows = state.database.read(move |conn| search::clients(conn, &listing, after.as_ref())).await;
    let page = Page::of(rows.map_err(Error::Database)?, limit, search::place);
    caller.audit().add_detail("returned", i64::try_from(page.items.len()).unwrap_or(i64::MAX));
    let next_cursor = asked.cursor(&state, page.next.as_ref());
    let answer = ClientPage { clients: page.items, next_cursor };
    Ok(asked.answer(&request, &answer, answer.next_cursor.as_deref()))
}

/// `POST /api/service/clients/lookup`: whom each of these addresses means.
pub(crate) async fn lookup_clients(
    caller: Caller<Service>,
    state: Data<State>,
    body: Bytes,
) -> Result<HttpResponse, Failure> {
    let Body { said: emails, ignored, .. } = bodies::emails(&body).map_err(Error::Body)?;
    caller.audit().add_detail("asked", i64::try_from(emails.len()).unwrap_or(i64::MAX));
    let looked: Vec<Result<Looked, Error>> =
        stream::iter(emails).map(|email| look_up(&caller, &state, email)).buffered(AT_ONCE).collect().await;
    let mut answer =
        LookedUp { found: Vec::new(), not_found: Vec::new(), pending: Vec::new(), ignored_fields: ignored };
    for looked in looked {
        match looked? {
            Looked::Found(found) => answer.found.push(*found),
            Looked::Pending(email) => answer.pending.push(email),
            Looked::Nobody(email) => answer.not_found.push(email),
        }
    }
    caller.audit().add_detail("found", i64::try_from(answer.found.len()).unwrap_or(i64::MAX));
    // Whose records were given away; no more of them than addresses may be asked for at once.
    let clients: BTreeSet<ClientRef> = answer.found.iter().map(|found| found.client.id).collect();
    let clients = clients.iter().map(|id| Text::open(id.to_string()).into()).collect();
    caller.audit().add_detail("clients", Value::List(clients));
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(answer))
}

/// What a look-up of one address came to.
enum Looked {
    Found(Box<FoundByEmail>),
    Pending(String),
    Nobody(String),
}

/// As a read of one client, but without waiting: whoever asks for many can ask again.
async fn look_up(caller: &Caller<Service>, state: &State, email: String) -> Result<Looked, Error> {
    let Some(key) = identity::address(&email) else { return Ok(Looked::Nobody(email)) };
    let mut found = whom::find(state, &key).await?;
    let mut pending = false;
    if found.is_none() {
        pending = whom::is_pending(caller, state, ClientName::EmailKey(key.clone()), 0).await?;
        // What is no longer pending was applied since the first look.
        found = whom::find(state, &key).await?;
    }
    Ok(match found {
        Some(client) => Looked::Found(Box::new(FoundByEmail { email, client })),
        None if pending => Looked::Pending(email),
        None => Looked::Nobody(email),
    })
}

/// `POST /internal/clients/find`: who has this id, for sso-issuer; waited for if an acknowledged event is still to be applied.
pub(crate) async fn find_clients(
    caller: Caller<Internal>,
    state: Data<State>,
    body: Json<FindClients>,
) -> Result<Json<FoundClients>, Failure> {
    internal::only(&caller, SSO_ISSUER)?;
    let FindClients { id } = body.into_inner();
    let look = async || {
        let id = id.clone();
        state.database.read(move |conn| find::by_id(conn, &id)).await.map_err(Error::Database)
    };
    let mut found = look().await?;
    let mut pending = false;
    if found.is_empty() {
        pending = whom::is_awaited(&caller, &state, &whom::Whom::Id(id.clone())).await?;
        // What is no longer pending was applied since the first look.
        found = look().await?;
    }
    pending &= found.is_empty();
    Ok(Json(FoundClients { matches: found.into_iter().map(lookup::found).collect(), pending }))
}

/// `PATCH /api/clients/{id}/status`: how the client stands from now on.
pub(crate) async fn change_client_status(
    caller: Caller<Staff<KycEditor>>,
    request: HttpRequest,
    state: Data<State>,
    body: Bytes,
) -> Result<HttpResponse, Failure> {
    let record = whom::named(&caller, &request, &state).await?;
    let Body { said, ignored, .. } = bodies::status_change(&body).map_err(Error::Body)?;
    if let Some(reason) = &said.reason {
        caller.audit().add_detail("reason", Text::personal(reason));
    }
    let condition = IfMatch::read(request.headers().get_all(IF_MATCH).map(|line| line.as_bytes()));
    let change = changes::of(&caller, &state, record.id);
    let work = move |conn: &mut db::Conn| rows::set_status(conn, &change, &said, condition.as_ref());
    let client = changes::made(&caller, &state, state.database.write(work).await)?;
    let tag = tag(&client);
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).json(ChangedClient { client, ignored_fields: ignored }))
}
