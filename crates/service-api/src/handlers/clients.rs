//! The client record, by address.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::header::ETAG;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use contract::audit::Text;
use contract::email::EmailKey;
use contract::internal::{AWAIT_CLIENT, AwaitClient, AwaitedClient};
use contract::resources::ClientRecord;
use http_kit::caller::{Caller, Service};
use http_kit::problem::Failure;
use percent_encoding::percent_decode_str;

use crate::db::find;
use crate::domain::identity;
use crate::error::Error;
use crate::state::State;

/// How long a call waits for a client that is about to be recorded, in milliseconds.
const WAIT_MS: u64 = 2_000;
/// How much of what was asked for gets into the audit entry, in characters: any address there can be.
const LONGEST_TRIED: usize = 320;
/// How long the asking may take, waiting and all.
const ASK_TIMEOUT: Duration = Duration::from_secs(4);

/// `GET /api/service/clients/{email}`: the record, with an `ETag`.
pub(crate) async fn read_client(
    caller: Caller<Service>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Failure> {
    let asked = asked(request.uri().path());
    let tried: String = String::from_utf8_lossy(&asked).chars().take(LONGEST_TRIED).collect();
    caller.audit().set_target("client", Text::personal(tried));
    let key = str::from_utf8(&asked).ok().and_then(identity::address).ok_or(Error::ClientNotFound)?;
    let record = find_or_wait(&caller, &state, key).await?;
    caller.audit().set_target("client", Text::open(record.id.to_string()));
    Ok(HttpResponse::Ok().insert_header((ETAG, tag(&record))).json(record))
}

/// The record's version; beside others of the same address also which those are, since they change without it.
fn tag(record: &ClientRecord) -> String {
    if record.other_client_ids.is_empty() {
        return format!("\"{}\"", record.version);
    }
    let others = auth::digest::sha256(record.other_client_ids.join("\n").as_bytes());
    format!("\"{}-{}\"", record.version, hex::encode(others.iter().take(8).copied().collect::<Vec<_>>()))
}

/// The record, waiting for it if an acknowledged event is still to be applied.
async fn find_or_wait(caller: &Caller<Service>, state: &State, key: EmailKey) -> Result<ClientRecord, Error> {
    if let Some(record) = find(state, &key).await? {
        return Ok(record);
    }
    let question = AwaitClient { email_key: key.clone(), wait_ms: WAIT_MS };
    let answer: AwaitedClient = state
        .ingest
        .post_json(caller.context(), AWAIT_CLIENT, &question, ASK_TIMEOUT)
        .await
        .map_err(Error::Ingest)?;
    // Looked for again whatever the answer: what is no longer pending was applied since the first look.
    match find(state, &key).await? {
        Some(record) => Ok(record),
        None if answer.pending => Err(Error::ClientPending),
        None => Err(Error::ClientNotFound),
    }
}

async fn find(state: &State, key: &EmailKey) -> Result<Option<ClientRecord>, Error> {
    let key = key.clone();
    Ok(state.database.read(move |conn| find::by_email(conn, &key)).await?)
}

/// What was asked for: the last segment of the raw path, decoded once. The router's own parameter is of no use: what is not UTF-8
/// is replaced in it, so that one address could stand for another.
fn asked(path: &str) -> Cow<'_, [u8]> {
    let path = path.strip_suffix('/').unwrap_or(path);
    percent_decode_str(path.rsplit('/').next().unwrap_or_default()).into()
}

#[cfg(test)]
mod tests {
    use super::asked;

    #[test]
    fn the_last_segment_is_decoded_once() {
        for (path, email) in [
            ("/api/service/clients/ann@example.com", &b"ann@example.com"[..]),
            ("/api/service/clients/ann@example.com/", b"ann@example.com"),
            ("/api/service/clients/a+b%2Bc@x.org", b"a+b+c@x.org"),
            ("/api/service/clients/a%2Fb%2f@x.org", b"a/b/@x.org"),
            ("/api/service/clients/a%2525@x.org", b"a%25@x.org"),
            ("/api/service/clients/a%@x.org", b"a%@x.org"),
            ("/api/service/clients/zo%C3%AB@x.org%2F", "zo\u{eb}@x.org/".as_bytes()),
            ("/api/service/clients/a%FF@x.org", b"a\xff@x.org"),
        ] {
            assert_eq!(&*asked(path), email, "{path}");
        }
    }
}
