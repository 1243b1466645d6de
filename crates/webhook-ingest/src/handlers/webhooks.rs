//! `POST /api/webhooks/{source}`: verify over the raw bytes, read, store in one commit, answer. Until the signature holds nothing
//! but memory is touched, and nobody is believed.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::rt::spawn;
use actix_web::web::{Bytes, Data, Json};
use actix_web::{FromRequest, HttpRequest};
use auth::malformed::Shape;
use auth::standard_webhooks::{self, ID_HEADER, StandardError, TIMESTAMP_HEADER};
use auth::webhook::{self, SignatureError};
use contract::audit::Text;
use contract::webhooks::{Accepted, Status};
use db::SubmitError;
use db::fail_points::{self, Step};
use http_kit::caller::{Caller, Webhook};
use http_kit::problem::Failure;

use crate::db::deliveries::Submission;
use crate::domain::delivery::{Delivery, Receipt, Settled, Verdict};
use crate::domain::lanes::Queue;
use crate::domain::looks::Kind;
use crate::domain::signature::{Fault, Shown};
use crate::domain::trail;
use crate::error::Error;
use crate::state::{Answers, State};
use contract::problems::Code;

/// The headers of both schemes, read once: a name given as a text is read anew for each look-up.
const OWN: HeaderName = HeaderName::from_static(webhook::HEADER);
const ID: HeaderName = HeaderName::from_static(ID_HEADER);
const TIMESTAMP: HeaderName = HeaderName::from_static(TIMESTAMP_HEADER);
const SIGNATURE: HeaderName = HeaderName::from_static(standard_webhooks::SIGNATURE_HEADER);

/// The path's source, known to us, while there is room for a delivery: both are asked before the body is read.
pub(crate) struct Source(String);

impl FromRequest for Source {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = request.app_data::<Data<Arc<State>>>();
        let source = request.match_info().get("source").unwrap_or_default();
        ready(match state {
            Some(state) if !state.secrets.knows(source) => Err(Error::UnknownSource.into()),
            Some(state) if state.intake.is_full() => {
                state.answers.count(Answers::NOT_STORED);
                Err(Error::Full.into())
            }
            Some(_) => Ok(Self(source.to_owned())),
            None => Err(Failure::new(Code::InternalError).caused_by("a handler without its state")),
        })
    }
}

/// Takes one delivery. Every answer but 401, 404, 408, 413 and 503 means that its raw body is durable.
pub(crate) async fn receive_delivery(
    caller: Caller<Webhook>,
    Source(source): Source,
    state: Data<Arc<State>>,
    request: HttpRequest,
    body: Bytes,
) -> Result<Json<Accepted>, Failure> {
    let received_at = state.clock.now();
    let shown = shown(request.headers());
    let signed = shown.verify(&state.secrets, &source, body.clone(), received_at).map_err(|fault| {
        state.answers.count(Answers::FORGED);
        explain(&caller, &state, &source, &shown, &body, fault);
        match fault {
            Fault::Standard(StandardError::Stale) => Error::Stale,
            fault => Error::Signature(fault.into()),
        }
    })?;
    caller.audit().identify(trail::platform(&source));

    let delivery = Delivery::read(Receipt { source, signed, received_at }, &state.kyc_words, &state.random);
    let lane = delivery.said.lane;
    let submission = Submission::new(delivery, caller.audit().take_entry(), &state.random);
    fail_points::pass(Step::IngestVerified);
    // A task of its own: a sender that goes away before its answer takes nothing of what is to follow the commit along. One that
    // breaks off says as little of the commit as a database that went away in it.
    let settling = spawn(settle(Arc::clone(&state), submission, lane));
    let settled = settling.await.unwrap_or(Err(SubmitError::Unavailable)).map_err(|error| {
        state.answers.count(Answers::NOT_STORED);
        Error::from(error)
    })?;
    state.answers.count(settled.verdict.word());
    caller.audit().recorded();
    Ok(answer(settled)?)
}

/// Waits for the commit, and wakes those who go on from there.
async fn settle(state: Arc<State>, submission: Submission, lane: i32) -> Result<Settled, SubmitError> {
    let settled = state.intake.submit(submission).await?;
    fail_points::pass(Step::IngestAfterCommit);
    state.outbox.wake();
    state.signals.wake(Queue::Fresh, lane);
    Ok(settled)
}

fn shown(headers: &HeaderMap) -> Shown<'_> {
    let values = |name: &HeaderName| headers.get_all(name).map(HeaderValue::as_bytes).collect();
    Shown { own: values(&OWN), id: values(&ID), timestamp: values(&TIMESTAMP), signature: values(&SIGNATURE) }
}

/// Says on the trail who was claimed to call, and, now and then, what the bad signature looks like.
fn explain(
    caller: &Caller<Webhook>,
    state: &State,
    source: &str,
    shown: &Shown<'_>,
    body: &[u8],
    fault: Fault,
) {
    let audit = caller.audit();
    audit.claim(trail::platform(source));
    let kind = match SignatureError::from(fault) {
        SignatureError::Missing => return,
        SignatureError::Malformed => Kind::Unreadable,
        SignatureError::Mismatch => Kind::Wrong,
    };
    if !state.looks.allow(source, kind, state.clock.now()) {
        return;
    }
    let (word, sentence) = match fault {
        Fault::Standard(StandardError::Stale) => ("stale", StandardError::Stale.to_string()),
        Fault::Own(SignatureError::Malformed) => {
            let shape = Shape::of(&shown.own);
            (shape.as_str(), shape.to_string())
        }
        _ => match shown.diagnose(&state.secrets, source, body) {
            Some(hint) => (hint.as_str(), hint.to_string()),
            None => return,
        },
    };
    audit.add_detail("looksLike", Text::open(word));
    audit.add_detail("explanation", Text::open(sentence));
    audit.keep_whole();
}

fn answer(settled: Settled) -> Result<Json<Accepted>, Error> {
    let Settled { verdict, event_id } = settled;
    let status = match verdict {
        Verdict::Accepted => Status::Accepted,
        Verdict::Duplicate => Status::Duplicate,
        Verdict::Unrecognized => Status::Unrecognized,
        Verdict::Held(because) => return Err(Error::Held { because, event_id }),
        Verdict::Reused => return Err(Error::Reused { event_id }),
    };
    Ok(Json(Accepted { status, event_id }))
}
