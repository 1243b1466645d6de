//! Whose record a request is about. Platforms name a client by address, staff by an id, both in the path.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::HttpRequest;
use contract::audit::Text;
use contract::email::EmailKey;
use contract::events::MAX_ID_CHARS;
use contract::ids::ClientRef;
use contract::internal::{AWAIT_CLIENT, AwaitClient, AwaitedClient, ClientName};
use contract::resources::{Actor, ActorKind, ClientRecord};
use db::{Conn, DbResult};
use http_kit::caller::{Caller, Identity};
use percent_encoding::percent_decode_str;

use crate::db::find;
use crate::domain::identity;
use crate::error::Error;
use crate::state::State;

/// Segments before the address in a path of the service API: `/api/service/clients/…`, `/api/service/accounts/…`.
const BEFORE_ADDRESS: usize = 3;
/// Segments before the id in a path of staff's: `/api/clients/…`.
const BEFORE_ID: usize = 2;
/// How long a call waits for a client that is about to be recorded, in milliseconds.
const WAIT_MS: u64 = 2_000;
/// How much of what was asked for gets into the audit entry, in characters: any address there can be.
const LONGEST_TRIED: usize = 320;
/// How long the asking may take, waiting and all.
const ASK_TIMEOUT: Duration = Duration::from_secs(4);

/// Whom a path names, as it names them: a record may become another's, this stays what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whom {
    /// By address, as platforms do.
    Address(EmailKey),
    /// By an id, ours or the platform's, as staff do.
    Id(String),
}

impl Whom {
    /// Whom this caller's path names.
    pub(crate) fn of<S>(caller: &Caller<S>, request: &HttpRequest) -> Result<Self, Error> {
        let asked = in_path(caller, request);
        let asked = str::from_utf8(&asked).map_err(|_| Error::ClientNotFound)?;
        if by_staff(caller) {
            return Ok(Self::Id(asked.to_owned()));
        }
        identity::address(asked).map(Self::Address).ok_or(Error::ClientNotFound)
    }

    /// How an event may name them; `None` where none can. Our own ids are in no event.
    fn in_events(&self) -> Option<ClientName> {
        match self {
            Self::Address(key) => Some(ClientName::EmailKey(key.clone())),
            Self::Id(id) => {
                let can_be = id.parse::<ClientRef>().is_err() && !id.contains('\0');
                (can_be && id.chars().nth(MAX_ID_CHARS).is_none()).then(|| ClientName::ClientId(id.clone()))
            }
        }
    }

    /// The address's key, or the id.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Address(key) => key.as_str(),
            Self::Id(id) => id,
        }
    }
}

/// Does a member of staff call?
pub(crate) fn by_staff<S>(caller: &Caller<S>) -> bool {
    matches!(caller.identity(), Identity::Staff(_))
}

fn in_path<'a, S>(caller: &Caller<S>, request: &'a HttpRequest) -> Cow<'a, [u8]> {
    segment(request.uri().path(), if by_staff(caller) { BEFORE_ID } else { BEFORE_ADDRESS })
}

/// The record that the path names, noted as what the request is about.
pub(crate) async fn named<S>(
    caller: &Caller<S>,
    request: &HttpRequest,
    state: &State,
) -> Result<ClientRecord, Error> {
    let whom = asked_for(caller, request)?;
    let record = awaited(caller, state, &whom, async || looked_up(state, &whom).await).await?;
    caller.audit().set_target("client", Text::open(record.id.to_string()));
    Ok(record)
}

/// What is read about the record that the path names, in the snapshot in which that was found: no merge comes between, which would
/// leave a record that has nothing any more. The record is noted as what the request is about.
pub(crate) async fn reading<S, T, W>(
    caller: &Caller<S>,
    request: &HttpRequest,
    state: &State,
    work: W,
) -> Result<T, Error>
where
    T: Send + 'static,
    W: Fn(&mut Conn, &ClientRecord) -> Result<T, Error> + Clone + Send + 'static,
{
    let whom = asked_for(caller, request)?;
    let look = async || {
        let (whom, work) = (whom.clone(), work.clone());
        let read = state.database.read(move |conn| match record_of(conn, &whom)? {
            Ok(record) => read_about(conn, &record, work).map(Ok),
            Err(none) => Ok(Err(none)),
        });
        read.await?
    };
    let (id, read) = awaited(caller, state, &whom, look).await?;
    caller.audit().set_target("client", Text::open(id.to_string()));
    read
}

/// Whom the path names; the path is noted as what the request is about until that is found.
fn asked_for<S>(caller: &Caller<S>, request: &HttpRequest) -> Result<Whom, Error> {
    let tried = in_path(caller, request);
    let tried: String = String::from_utf8_lossy(&tried).chars().take(LONGEST_TRIED).collect();
    caller.audit().set_target("client", Text::personal(tried));
    Whom::of(caller, request)
}

/// The record with this id, ours or the platform's, where it is not the path that names it.
pub(crate) async fn by_id<S>(caller: &Caller<S>, state: &State, id: &str) -> Result<ClientRecord, Error> {
    let whom = Whom::Id(id.to_owned());
    awaited(caller, state, &whom, async || looked_up(state, &whom).await).await
}

/// What `look` finds of whom this names, waiting for them if an acknowledged event is still to be applied.
async fn awaited<S, T>(
    caller: &Caller<S>,
    state: &State,
    whom: &Whom,
    look: impl AsyncFn() -> Result<T, Error>,
) -> Result<T, Error> {
    match look().await {
        Err(Error::ClientNotFound | Error::NoSuchId) => {}
        found => return found,
    }
    let pending = is_awaited(caller, state, whom).await?;
    // Looked for again whatever the answer: what is no longer pending was applied since the first look.
    match look().await {
        Err(Error::ClientNotFound | Error::NoSuchId) if pending => Err(Error::ClientPending),
        found => found,
    }
}

/// The one record that this names, where nothing else is read in the same snapshot.
async fn looked_up(state: &State, whom: &Whom) -> Result<ClientRecord, Error> {
    match whom {
        Whom::Address(key) => find(state, key).await?.ok_or(Error::ClientNotFound),
        Whom::Id(_) => {
            let whom = whom.clone();
            state.database.read(move |conn| record_of(conn, &whom)).await?
        }
    }
}

/// The one record that this names.
fn record_of(conn: &mut Conn, whom: &Whom) -> DbResult<Result<ClientRecord, Error>> {
    let id = match whom {
        Whom::Address(key) => return Ok(find::by_email(conn, key)?.ok_or(Error::ClientNotFound)),
        Whom::Id(id) => id,
    };
    let mut matches = find::by_id(conn, id)?;
    match (matches.pop(), matches.is_empty()) {
        (Some(client), true) => find::record_of(conn, client).map(Ok),
        (Some(client), false) => Ok(Err(Error::ambiguous(matches.into_iter().chain([client])))),
        (None, _) => Ok(Err(Error::NoSuchId)),
    }
}

/// Whose record was found, and what was read about it.
type Found<T> = (ClientRef, Result<T, Error>);

/// Trouble with the database ends the whole transaction; any other failure is what came of the work.
fn read_about<T>(
    conn: &mut Conn,
    record: &ClientRecord,
    work: impl Fn(&mut Conn, &ClientRecord) -> Result<T, Error>,
) -> DbResult<Found<T>> {
    match work(conn, record) {
        Err(Error::Database(cause)) => Err(cause),
        read => Ok((record.id, read)),
    }
}

/// True if an acknowledged event that names them is still to be applied after a wait.
pub(crate) async fn is_awaited<S>(caller: &Caller<S>, state: &State, whom: &Whom) -> Result<bool, Error> {
    match whom.in_events() {
        Some(name) => is_pending(caller, state, name, WAIT_MS).await,
        None => Ok(false),
    }
}

/// True if an acknowledged event that names this client is still to be applied once the time is up.
pub(crate) async fn is_pending<S>(
    caller: &Caller<S>,
    state: &State,
    name: ClientName,
    wait_ms: u64,
) -> Result<bool, Error> {
    let question = AwaitClient { name, wait_ms };
    let answer: AwaitedClient = state
        .ingest
        .post_json(caller.context(), AWAIT_CLIENT, &question, ASK_TIMEOUT)
        .await
        .map_err(Error::Ingest)?;
    Ok(answer.pending)
}

/// The record of whoever has or had this address, looked up together with what others ask for meanwhile.
pub(crate) async fn find(state: &State, key: &EmailKey) -> Result<Option<ClientRecord>, Error> {
    Ok(state.by_address.read(key.clone()).await?)
}

/// The caller, as notes and activities name them.
pub(crate) fn actor<S>(caller: &Caller<S>) -> Actor {
    match caller.identity() {
        Identity::Staff(staff) => Actor { kind: ActorKind::Staff, id: Some(staff.id.clone()) },
        Identity::Credential(name) | Identity::Internal(name) => {
            Actor { kind: ActorKind::Service, id: Some(name.clone()) }
        }
        Identity::Unknown => Actor { kind: ActorKind::System, id: None },
    }
}

/// A segment of the raw path, decoded once. The router's own parameter is of no use: what is not UTF-8 is replaced in it, so that
/// one address could stand for another.
pub(crate) fn segment(path: &str, before: usize) -> Cow<'_, [u8]> {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    percent_decode_str(segments.nth(before).unwrap_or_default()).into()
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_segment_is_decoded_once() {
        for (path, email) in [
            ("/api/service/clients/ann@example.com", &b"ann@example.com"[..]),
            ("/api/service/clients/ann@example.com/", b"ann@example.com"),
            ("/api/service/clients/ann@example.com/kyc", b"ann@example.com"),
            ("/api/service/clients/ann@example.com/kyc/", b"ann@example.com"),
            ("/api/service/accounts/a+b%2Bc@x.org", b"a+b+c@x.org"),
            ("/api/service/clients/a%2Fkyc%2f@x.org/kyc", b"a/kyc/@x.org"),
            ("/api/service/clients/a%2525@x.org", b"a%25@x.org"),
            ("/api/service/clients/a%@x.org", b"a%@x.org"),
            ("/api/service/clients/zo%C3%AB@x.org%2F", "zo\u{eb}@x.org/".as_bytes()),
            ("/api/service/clients/a%FF@x.org", b"a\xff@x.org"),
            ("/api/service/clients", b""),
        ] {
            assert_eq!(&*segment(path, 3), email, "{path}");
        }
        assert_eq!(&*segment("/api/clients/1%2F2/notes", 2), b"1/2");
    }
}
