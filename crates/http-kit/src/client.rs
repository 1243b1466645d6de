//! Calls between our own services: typed JSON over HTTP with a short-lived internal token. No proxy, no redirects, no retries: who
//! calls decides whether to try again.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use auth::internal_token;
use auth::keyring::KeyRing;
use auth::secret::Secret;
use contract::clock::{Clock, Timestamp};
use contract::problems::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::ConfigError;
use crate::context::RequestContext;
use crate::headers::{CLIENT_ADDRESS, INTERNAL_TOKEN, REQUEST_ID, TRACEPARENT};
use crate::server::HEAD_DEADLINE;

/// How long a token is used; it is valid for 60 s, so half of that is left for the way and for clocks that differ.
const TOKEN_USE: Duration = Duration::from_secs(30);
/// How long a connection may lie idle and still be used. A connection may lie there that was opened and never used, because another one
/// was free sooner: our servers answer it with 408 when no head has come for so long, and a call that crosses that would take it for its
/// own answer. The connections that were used they keep for longer.
const POOL_IDLE: Duration = Duration::from_secs(5);
const _: () = assert!(POOL_IDLE.as_secs() < HEAD_DEADLINE.as_secs());
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Makes the tokens that one service shows another; the same one for a while. Cheap to clone.
#[derive(Clone)]
pub struct InternalTokens(Arc<Tokens>);

struct Tokens {
    issuer: &'static str,
    audience: &'static str,
    ring: KeyRing,
    clock: Clock,
    current: Mutex<Option<(String, Timestamp)>>,
}

impl InternalTokens {
    /// Tokens by which `issuer` is known to `audience`; both are service names.
    pub fn new(issuer: &'static str, audience: &'static str, ring: KeyRing, clock: Clock) -> Self {
        Self(Arc::new(Tokens { issuer, audience, ring, clock, current: Mutex::new(None) }))
    }

    /// A token with at least half of its life before it.
    pub fn current(&self) -> String {
        let Tokens { issuer, audience, ring, clock, current } = &*self.0;
        let now = clock.now();
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some((token, made)) if *made <= now && now < made.plus(TOKEN_USE) => token.clone(),
            _ => {
                let token = internal_token::issue(ring, issuer, audience, now);
                *current = Some((token.clone(), now));
                token
            }
        }
    }
}

/// Why a call to another service brought no answer to go on with. None carries what the answer said beyond its code.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It could not be reached, or the connection broke off. The call may have taken effect.
    #[error("{service} cannot be reached: {cause}")]
    Unreachable {
        /// The service called.
        service: &'static str,
        /// What the client library says, without the address.
        cause: String,
    },
    /// No whole answer in time. The call may have taken effect.
    #[error("{0} did not answer in time")]
    Timeout(&'static str),
    /// It answered, and not with success.
    #[error("{service} answered {status} {code}")]
    Refused {
        /// The service called.
        service: &'static str,
        /// The HTTP status.
        status: u16,
        /// The problem's code, `-` if there is none.
        code: String,
    },
    /// It answered something else than what was agreed.
    #[error("{0} answered something unreadable")]
    Unreadable(&'static str),
}

impl CallError {
    /// True where nobody says whether it is the service that is in trouble, or what this one call carried: no answer, or one of
    /// trouble that passes.
    pub fn may_be_either(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Timeout(_) | Self::Refused { status: 502..=504, .. })
    }

    /// True for a refusal of the body itself, which the same body would meet again and another would not: it is not about our
    /// token, our haste or the state of the service called.
    pub fn is_about_the_body(&self) -> bool {
        matches!(self, Self::Refused { status: 400 | 413 | 422, .. })
    }
}

/// On whose behalf a service calls another: what the person showed, and where the person is.
#[derive(Debug, Clone, Default)]
pub struct OnBehalf {
    /// The person's own credential, shown as a bearer token. It decides what the call may do.
    pub bearer: Option<Secret>,
    /// The person's network address. Only a service that is trusted with it may tell it.
    pub address: Option<IpAddr>,
}

/// A refusal (4xx) of what a person asked for, to be told to that person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What the service said, if it was a problem that we know.
    pub problem: Option<Problem>,
    /// After how many seconds another try makes sense, if the service said so.
    pub retry_after: Option<u64>,
}

/// A whole answer.
struct Answer {
    status: reqwest::StatusCode,
    retry_after: Option<u64>,
    body: Vec<u8>,
}

/// Calls one other service. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct InternalClient {
    http: reqwest::Client,
    base: reqwest::Url,
    service: &'static str,
    tokens: InternalTokens,
}

impl InternalClient {
    /// A client of the service at `base`, which the setting `setting` gave.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] when `base` is not an `http` or `https` URL without a query.
    pub fn new(setting: &str, base: &str, tokens: InternalTokens) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::invalid(setting, "an http or https URL without query");
        let base = reqwest::Url::parse(base).map_err(|_| invalid())?;
        if !matches!(base.scheme(), "http" | "https") || base.query().is_some() || base.fragment().is_some() {
            return Err(invalid());
        }
        let http = builder(base.as_str())
            .ok_or_else(invalid)?
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|_| invalid())?;
        Ok(Self { http, base, service: tokens.0.audience, tokens })
    }

    /// Posts `body` as JSON to `path` and reads the answer, all within `timeout`.
    ///
    /// # Errors
    /// Any [`CallError`].
    pub async fn post_json<B: Serialize + ?Sized, A: DeserializeOwned>(
        &self,
        context: &RequestContext,
        path: &str,
        body: &B,
        timeout: Duration,
    ) -> Result<A, CallError> {
        let sending = self.request(reqwest::Method::POST, context, path).timeout(timeout).json(body);
        let answer = self.answer(sending).await?;
        if answer.status.is_success() { self.read(&answer.body) } else { Err(self.refused(&answer)) }
    }

    /// Gets `path` (with its query) for a person. A refusal is the inner error: it is for the person to read.
    ///
    /// # Errors
    /// Any [`CallError`]; [`CallError::Refused`] for what is neither success nor 4xx.
    pub async fn get_json_for<A: DeserializeOwned>(
        &self,
        context: &RequestContext,
        person: &OnBehalf,
        path: &str,
        timeout: Duration,
    ) -> Result<Result<A, Refusal>, CallError> {
        let sending = self.request(reqwest::Method::GET, context, path).timeout(timeout);
        self.told(&self.answer(with_person(sending, person)).await?)
    }

    /// [`InternalClient::post_json`] for a person. An answer without a body reads as `null`.
    ///
    /// # Errors
    /// As [`InternalClient::get_json_for`].
    pub async fn post_json_for<B: Serialize + ?Sized, A: DeserializeOwned>(
        &self,
        context: &RequestContext,
        person: &OnBehalf,
        path: &str,
        body: &B,
        timeout: Duration,
    ) -> Result<Result<A, Refusal>, CallError> {
        let sending = self.request(reqwest::Method::POST, context, path).timeout(timeout).json(body);
        self.told(&self.answer(with_person(sending, person)).await?)
    }

    fn request(
        &self,
        method: reqwest::Method,
        context: &RequestContext,
        path: &str,
    ) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base.as_str().trim_end_matches('/')))
            .header(INTERNAL_TOKEN.as_str(), self.tokens.current())
            .header(TRACEPARENT.as_str(), context.traceparent())
            .header(REQUEST_ID.as_str(), context.request_id().as_str())
    }

    async fn answer(&self, sending: reqwest::RequestBuilder) -> Result<Answer, CallError> {
        let mut response = sending.send().await.map_err(|error| self.failed(error))?;
        let retry_after = response.headers().get(reqwest::header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(CallError::Unreadable(self.service));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, retry_after, body })
    }

    fn told<A: DeserializeOwned>(&self, answer: &Answer) -> Result<Result<A, Refusal>, CallError> {
        let Answer { status, retry_after, body } = answer;
        if status.is_success() {
            let body: &[u8] = if body.is_empty() { b"null" } else { body };
            return self.read(body).map(Ok);
        }
        if status.is_client_error() {
            let (status, retry_after) = (status.as_u16(), *retry_after);
            return Ok(Err(Refusal { status, problem: serde_json::from_slice(body).ok(), retry_after }));
        }
        Err(self.refused(answer))
    }

    fn read<A: DeserializeOwned>(&self, body: &[u8]) -> Result<A, CallError> {
        serde_json::from_slice(body).map_err(|_| CallError::Unreadable(self.service))
    }

    fn refused(&self, answer: &Answer) -> CallError {
        let problem: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        let code =
            problem.as_ref().and_then(|problem| problem.get("code")?.as_str()).unwrap_or("-").to_owned();
        CallError::Refused { service: self.service, status: answer.status.as_u16(), code }
    }

    /// Does it say that it is ready, within `timeout`? Tells a service that is away from one that fails by what it was given.
    pub async fn is_ready(&self, timeout: Duration) -> bool {
        let url = format!("{}/readyz", self.base.as_str().trim_end_matches('/'));
        let asked = self.http.get(url).timeout(timeout).send().await;
        asked.is_ok_and(|answer| answer.status().is_success())
    }

    fn failed(&self, error: reqwest::Error) -> CallError {
        if error.is_timeout() {
            return CallError::Timeout(self.service);
        }
        CallError::Unreachable { service: self.service, cause: format!("{:?}", error.without_url()) }
    }
}

/// Says on whose behalf a call is made.
fn with_person(sending: reqwest::RequestBuilder, person: &OnBehalf) -> reqwest::RequestBuilder {
    let sending = match &person.bearer {
        Some(bearer) => sending.bearer_auth(bearer.expose()),
        None => sending,
    };
    match person.address {
        Some(address) => sending.header(CLIENT_ADDRESS.as_str(), address.to_string()),
        None => sending,
    }
}

/// A builder for `url`, with no proxy, no redirects and no connection that lay idle for long, whose TLS is rustls on ring; `None` for what is no `http` or `https` URL. For
/// programs that call from outside, as a platform does.
pub fn builder(url: &str) -> Option<reqwest::ClientBuilder> {
    let url = reqwest::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let builder = with_tls(url.scheme())?.no_proxy().redirect(reqwest::redirect::Policy::none());
    Some(builder.pool_idle_timeout(POOL_IDLE))
}

/// A builder whose TLS is rustls on ring. Where the base is plain http no trusted roots are looked for: a machine without any
/// must still be able to call its neighbours.
fn with_tls(scheme: &str) -> Option<reqwest::ClientBuilder> {
    let provider = rustls::crypto::ring::default_provider();
    if scheme == "https" {
        // An error means that the process has a provider already, and that is enough.
        provider.install_default().map_or_else(drop, drop);
        return Some(reqwest::Client::builder());
    }
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Some(reqwest::Client::builder().tls_backend_preconfigured(config))
}
