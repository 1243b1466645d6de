//! Links by which staff open a client's session on the platform. A token leaves only after its hash and its audit entry are durable,
//! and is written nowhere else.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, LINK};
use actix_web::web::{Bytes, Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use auth::digest::sha256;
use contract::audit::Text;
use contract::ids::TokenId;
use contract::internal::{FIND_CLIENTS, FindClients, FoundClients};
use contract::json::{self, Json};
use contract::resources::ImpersonationPage;
use db::fail_points::{self, Step};
use http_kit::audit::seal;
use http_kit::caller::{AdminOnly, Caller, Staff};
use http_kit::problem::Failure;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::{Parameters, known, private};
use crate::db::impersonations;
use crate::domain::impersonation::{self, Impersonation, LIFE, LONGEST_REASON, Unfit};
use crate::domain::staff::address;
use crate::error::Error;
use crate::state::State;

/// How long service-api may take to find a client.
const FIND: Duration = Duration::from_secs(5);
/// How many are listed unless asked otherwise, and at most.
const LIMITS: (i64, i64) = (50, 200);
/// The list has no filter for its cursors to be bound to.
const NO_FILTER: [(&str, &str); 0] = [];

/// What the caller gets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    sso_token: String,
    sso_url: String,
    expires_in: u64,
}

/// `POST /api/clients/{id}/impersonate`
pub(crate) async fn create_impersonation(
    caller: Caller<Staff<AdminOnly>>,
    request: HttpRequest,
    state: Data<Arc<State>>,
    body: Bytes,
) -> Result<HttpResponse, Failure> {
    let asked = asked(request.uri().path()).ok_or(Unfit::NotFound).map_err(Error::from)?;
    // Whatever was asked for is the platform's word for a person, until it is known whose.
    caller.audit().set_target("client", Text::personal(&asked));
    let reason = reason(&body)?;
    let staff = caller.staff()?;
    let (staff_email, _) = staff.email.as_deref().and_then(address).ok_or(Error::StaffWithoutEmail)?;
    caller.audit().add_detail("impersonatedBy", Text::personal(&staff_email));
    let found: FoundClients = state
        .service_api
        .post_json(caller.context(), FIND_CLIENTS, &FindClients { id: asked }, FIND)
        .await
        .map_err(Error::Clients)?;
    if found.pending {
        return Err(Error::ClientPending.into());
    }
    if let [client] = found.matches.as_slice() {
        caller.audit().set_target("client", Text::open(client.id.to_string()));
        if let Some(email) = &client.email {
            caller.audit().add_detail("clientEmail", Text::personal(email));
        }
    }
    let (client, client_email) = impersonation::chosen(found.matches).map_err(Error::from)?;

    let now = state.seams.clock.now();
    let made = Impersonation {
        id: TokenId::new(now, state.seams.random.bytes()),
        client: client.id,
        client_id: client.client_id,
        source: client.source,
        staff_id: staff.id.clone(),
        staff_email,
        reason,
        issued_at: now,
        expires_at: now.plus(LIFE),
    };
    let sso_token = made.token(&client_email, &state.sso_signer).map_err(Error::from)?;
    store(&caller, &state, made, &sso_token).await?;
    let sso_url = impersonation::link(&state.platform_url, &sso_token);
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer")))
        .json(Link { sso_token, sso_url, expires_in: LIFE.as_secs() }))
}

/// Makes the token's hash and the audit entry durable, in one commit.
async fn store(
    caller: &Caller<Staff<AdminOnly>>,
    state: &State,
    made: Impersonation,
    token: &str,
) -> Result<(), Error> {
    let audit = caller.audit();
    audit.add_detail("jti", Text::open(made.id.to_string()));
    if let Some(reason) = &made.reason {
        audit.add_detail("reason", Text::personal(reason));
    }
    let entry = seal(&audit.take_entry(), &state.seams.random);
    let hash = sha256(token.as_bytes());
    let storing = state.database.write(move |conn| {
        impersonations::add(conn, &made, hash)?;
        outbox::insert(conn, &entry)?;
        fail_points::pass(Step::ImpersonationBeforeCommit);
        Ok(())
    });
    storing.await.map_err(Error::NotDurable)?;
    fail_points::pass(Step::ImpersonationAfterCommit);
    audit.recorded();
    state.outbox.wake();
    state.activities.notify_one();
    Ok(())
}

/// The id in the path, decoded once from its raw bytes. The router's own parameter is of no use: what is not UTF-8 is replaced in it.
fn asked(path: &str) -> Option<String> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let id = path.strip_suffix("/impersonate")?.rsplit('/').next()?;
    let decoded: Vec<u8> = percent_decode_str(id).collect();
    impersonation::client_id(&decoded)
}

/// The reason, from a body that may be empty. Whatever else a body says is nothing to us.
fn reason(body: &[u8]) -> Result<Option<String>, Error> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let parsed = json::parse(body).map_err(|_| Error::BodyUnreadable)?;
    let given = match &parsed.json {
        Json::Null => None,
        Json::Object(_) => parsed.json.get("reason"),
        _ => return Err(Error::BodyUnreadable),
    };
    let text = match given {
        Some(Json::String(text)) => text.trim(),
        _ => return Ok(None),
    };
    if text.chars().count() > LONGEST_REASON {
        return Err(Error::Field("/reason", "it must have at most 1,000 characters"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Which page.
#[derive(Deserialize)]
pub(crate) struct Page {
    limit: Option<i64>,
    cursor: Option<String>,
}

/// `GET /api/impersonations`: newest first.
pub(crate) async fn list_impersonations(
    _: Caller<Staff<AdminOnly>>,
    state: Data<Arc<State>>,
    parameters: Parameters,
    page: Query<Page>,
) -> Result<HttpResponse, Failure> {
    known(&parameters, &["limit", "cursor"])?;
    let Page { limit, cursor } = page.into_inner();
    let limit = limit.unwrap_or(LIMITS.0);
    if !(1..=LIMITS.1).contains(&limit) {
        return Err(Error::Limit.into());
    }
    let before = match cursor {
        Some(cursor) => Some(place(&state, &cursor).ok_or(Error::Cursor)?),
        None => None,
    };
    let reading = state.database.read(move |conn| impersonations::page(conn, before, limit + 1));
    let mut made = reading.await.map_err(Error::from)?;
    let page = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = made.len() > page;
    made.truncate(page);
    let last = made.last().filter(|_| more);
    let next_cursor = last.map(|last| state.cursors.write(last.id.to_string().as_bytes(), &NO_FILTER));
    let now = state.seams.clock.now();
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &next_cursor {
        let next = format!("</api/impersonations?limit={limit}&cursor={cursor}>; rel=\"next\"");
        response.insert_header((LINK, next));
    }
    let impersonations = made.into_iter().map(|made| made.record(now)).collect();
    Ok(private(response, ImpersonationPage { impersonations, next_cursor }))
}

/// Where the page ended that a cursor stands for.
fn place(state: &State, cursor: &str) -> Option<TokenId> {
    let place = state.cursors.read(cursor, &NO_FILTER)?;
    str::from_utf8(&place).ok()?.parse().ok()
}
