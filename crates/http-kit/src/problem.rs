//! Failures as RFC 9457 problems. A failure names a code of the published list; its cause stays here: it is logged once, with the
//! request id, and never sent.

use std::error::Error as StdError;
use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpResponse, ResponseError};
use contract::ids::{EventId, RequestId};
use contract::problems::{Code, FieldError, Problem};

/// The media type of every error we answer (RFC 9457, section 6.1).
pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// After how many seconds a caller may try again.
const TRY_AGAIN_SECONDS: u64 = 1;

/// What a failure says to the caller: a problem that lacks the request's id.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
    kept: Option<EventId>,
}

/// Marks an answer whose body people read: it stays as it is, even where it says an error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page;

/// Why a request is not answered as asked. Every handler's error ends as one.
#[derive(Debug)]
pub struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    said: Said,
    fields: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    /// A failure with nothing more to say than its code. `unavailable` and `client_pending` ask for another try in a second.
    pub fn new(code: Code) -> Self {
        let said = Said { code, detail: None, errors: Vec::new(), kept: None };
        Self(Box::new(Inner { said, fields: Vec::new(), cause: None }))
    }

    /// Adds a sentence for whoever reads the answer. It must carry no secret, and of persons only what the caller sent.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.said.detail = Some(detail.into());
        self
    }

    /// Names what is wrong with each field.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.said.errors = errors;
        self
    }

    /// Says under which id a refused event was kept.
    #[must_use]
    pub fn with_kept_event(mut self, event_id: EventId) -> Self {
        self.0.said.kept = Some(event_id);
        self
    }

    /// Adds the cause, for the log alone. Its text must name no person and no secret.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Says after how many seconds the caller may try again: for 429.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with_header(RETRY_AFTER, seconds.into())
    }

    /// Adds a field to the answer's head, in place of what a failure of this code says under that name by itself.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.fields.push((name, value));
        self
    }

    /// Says which methods the path has, comma-separated: for 405.
    #[must_use]
    pub(crate) fn allowing(self, methods: HeaderValue) -> Self {
        self.with_header(ALLOW, methods)
    }

    /// The answer as a page for people in place of a problem's JSON. Status, headers, trail and log stay the failure's.
    pub fn into_page(self, html: String) -> HttpResponse {
        let mut response = HttpResponse::from_error(self).set_body(BoxBody::new(html));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        keep_page(&mut response);
        response
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.said.code
    }

    /// What is logged: the cause and the causes behind it.
    pub(crate) fn cause_chain(&self) -> Option<String> {
        self.0.cause.as_deref().map(|cause| chain(cause))
    }

    /// What a 401 must say (RFC 9110, section 11.6.1): by which scheme one gets in.
    fn challenge(&self) -> Option<HeaderValue> {
        Some(HeaderValue::from_static(match self.0.said.code {
            Code::CredentialsMissing | Code::LoginFailed => r#"Bearer realm="crm-bridge""#,
            Code::CredentialsInvalid => r#"Bearer realm="crm-bridge", error="invalid_token""#,
            Code::SignatureMissing | Code::SignatureMalformed | Code::SignatureMismatch => {
                r#"X-Webhook-Signature realm="webhooks""#
            }
            _ => return None,
        }))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.said.code.as_str())
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.said.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The head of the answer; the app writes the body on the way out, when it knows the request's id.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::new(self.status_code());
        let headers = response.headers_mut();
        // An error says something about this moment; no cache may repeat it.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if self.0.said.code.status() == 503 {
            headers.insert(RETRY_AFTER, TRY_AGAIN_SECONDS.into());
        }
        for (name, value) in &self.0.fields {
            headers.insert(name.clone(), value.clone());
        }
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        response.extensions_mut().insert(self.0.said.clone());
        response
    }
}

/// Keeps an HTML page as it is on its way out, even where it says an error: people read it. Anything else stays bound to be a problem.
pub fn keep_page<B>(response: &mut HttpResponse<B>) {
    let kind = response.headers().get(CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        response.extensions_mut().insert(Page);
    }
}

/// An error and the errors behind it, in one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(deeper) = next {
        text.push_str(": ");
        text.push_str(&deeper.to_string());
        next = deeper.source();
    }
    text
}

/// Writes the body of a response that says a problem.
pub(crate) fn render<B>(
    response: HttpResponse<B>,
    said: Said,
    request_id: &RequestId,
) -> HttpResponse<BoxBody> {
    let Said { code, detail, errors, kept } = said;
    let detail = detail.unwrap_or_else(|| code.title().to_owned());
    let mut problem = Problem { errors, event_id: kept, ..Problem::new(code, detail, request_id.clone()) };
    problem.kept = kept.map(|_| true);
    // A problem is text and numbers: it always serialises.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    response.set_body(BoxBody::new(body))
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError as _;
    use actix_web::http::header::WWW_AUTHENTICATE;
    use contract::problems::Code;

    use super::Failure;

    #[test]
    fn every_401_names_a_scheme_and_nothing_else_does() {
        for code in Code::ALL {
            let answer = Failure::new(*code).error_response();
            assert_eq!(answer.headers().contains_key(WWW_AUTHENTICATE), code.status() == 401, "{code}");
        }
    }
}
