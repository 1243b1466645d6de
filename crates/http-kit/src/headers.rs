//! The header names that we give a meaning of our own, and which of them may never come in from outside.

use actix_web::http::header::HeaderName;

/// What every header of ours between services starts with; the gateway strips all of them from what comes in.
pub(crate) const INTERNAL_PREFIX: &str = "x-crm-";

/// Carries the token that one service shows another (HS256, 60 s).
pub const INTERNAL_TOKEN: HeaderName = HeaderName::from_static("x-crm-internal");

/// Carries the client's network address from the gateway to the services.
pub const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("x-crm-client-address");

/// Names a request in logs, audit entries and answers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// W3C Trace Context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Is this a header that only our own services may send?
pub fn is_internal(name: &str) -> bool {
    name.get(..INTERNAL_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(INTERNAL_PREFIX))
}

/// How large a request's head may be. Over it: 431 and the connection closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderLimits {
    /// How many header fields.
    pub fields: usize,
    /// How many bytes, names and values together.
    pub bytes: usize,
}

impl HeaderLimits {
    /// At the edge: what outsiders may send.
    pub const EDGE: Self = Self { fields: 64, bytes: 16 * 1024 };
    /// Behind the edge: room for what the gateway adds.
    pub const INNER: Self = Self { fields: 80, bytes: 24 * 1024 };
}
