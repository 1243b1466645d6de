//! Refusals as callers see them: RFC 9457 problem details with a code from one closed list.
//!
//! A problem says what the caller can act on. It never carries the cause of a fault of ours.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{EventId, RequestId};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// What went wrong, as a stable word. The list only grows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code there is, in the order of the published list.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word on the wire, in snake_case.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status it is answered with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// One line for people, the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// A webhook without a signature header.
    SignatureMissing = "signature_missing", 401, "The webhook is not signed";
    /// A signature header that is not one hex HMAC-SHA256.
    SignatureMalformed = "signature_malformed", 401, "The signature is not a hex HMAC-SHA256";
    /// A signature that is not the body's.
    SignatureMismatch = "signature_mismatch", 401, "The signature does not fit the body";
    /// A body that is not one JSON object.
    InvalidJson = "invalid_json", 400, "The body is not a readable JSON object";
    /// A body in JSON whose needed fields are missing or senseless.
    InvalidEvent = "invalid_event", 422, "The event can't be read";
    /// An event id that came before with other facts.
    EventIdReused = "event_id_reused", 409, "The event id was used for another event";
    /// A body over the size limit.
    PayloadTooLarge = "payload_too_large", 413, "The body is too large";
    /// A request that did not arrive in time.
    RequestTimeout = "request_timeout", 408, "The request took too long to arrive";
    /// Too many headers, or too large ones.
    HeadersTooLarge = "headers_too_large", 431, "The headers are too large";
    /// A path with dot segments, empty segments or NUL.
    BadPath = "bad_path", 400, "The path is not allowed";
    /// No such route.
    RouteNotFound = "route_not_found", 404, "There is no such route";
    /// No such webhook source.
    SourceNotFound = "source_not_found", 404, "There is no such webhook source";
    /// A route that has no such method.
    MethodNotAllowed = "method_not_allowed", 405, "The route has no such method";
    /// A call without credentials.
    CredentialsMissing = "credentials_missing", 401, "Credentials are needed";
    /// Credentials that are malformed, unknown or expired.
    CredentialsInvalid = "credentials_invalid", 401, "The credentials are not valid";
    /// A known caller who may not do this.
    PermissionDenied = "permission_denied", 403, "This caller may not do this";
    /// No such client.
    ClientNotFound = "client_not_found", 404, "There is no such client";
    /// A client whom an acknowledged event names, not yet on record.
    ClientPending = "client_pending", 503, "The client is about to be recorded";
    /// A query or path parameter that can't be.
    InvalidParameter = "invalid_parameter", 422, "A parameter is not valid";
    /// A cursor that is not one of ours.
    InvalidCursor = "invalid_cursor", 400, "The cursor is not valid";
    /// This service can't serve now.
    Unavailable = "unavailable", 503, "The service is not available now";
    /// A service behind this one could not be reached or broke off.
    UpstreamUnavailable = "upstream_unavailable", 502, "A service behind this one is not available";
    /// A service behind this one did not answer in time.
    UpstreamTimeout = "upstream_timeout", 504, "A service behind this one did not answer in time";
    /// A fault of ours.
    InternalError = "internal_error", 500, "Something went wrong on our side";
    /// No such audit entry.
    EntryNotFound = "entry_not_found", 404, "There is no such audit entry";
    /// A body in JSON with fields that can't be.
    InvalidBody = "invalid_body", 422, "The body can't be taken as it is";
    /// More requests than the limit allows.
    RateLimited = "rate_limited", 429, "Too many requests";
    /// A record that changed since the version that `If-Match` names.
    PreconditionFailed = "precondition_failed", 412, "The record has changed meanwhile";
    /// An `Idempotency-Key` that came before with another request.
    IdempotencyKeyReused = "idempotency_key_reused", 422, "The idempotency key was used for another request";
    /// No such webhook event.
    EventNotFound = "event_not_found", 404, "There is no such event";
    /// An event whose state allows no replay.
    EventNotReplayable = "event_not_replayable", 409, "The event can't be replayed";
    /// No such transaction of this client.
    TransactionNotFound = "transaction_not_found", 404, "There is no such transaction";
    /// A transaction that is in no conflict to be decided.
    TransactionNotInConflict = "transaction_not_in_conflict", 409, "The transaction is in no conflict";
    /// No such account of this client.
    AccountNotFound = "account_not_found", 404, "There is no such account";
    /// One clientId that several sources use.
    ClientAmbiguous = "client_ambiguous", 409, "Several clients have this id";
    /// A client who is gone for good.
    ClientClosed = "client_closed", 409, "The client is closed";
    /// A client whose registration has not come yet.
    ClientProvisional = "client_provisional", 409, "The client is not registered yet";
    /// A client without an email address.
    ClientWithoutEmail = "client_without_email", 409, "The client has no email address";
    /// A log-in with a wrong address, password or code.
    LoginFailed = "login_failed", 401, "The log-in failed";
    /// Too many failed log-ins of one name.
    LoginLocked = "login_locked", 429, "Too many failed log-ins";
    /// A right one-time password, that must be changed in the same call.
    PasswordChangeRequired = "password_change_required", 403, "A new password is needed";
    /// No such member of staff.
    StaffNotFound = "staff_not_found", 404, "There is no such member of staff";
    /// A member of staff with this address is there already.
    StaffExists = "staff_exists", 409, "There is a member of staff with this address";
    /// A token that belongs to no log-in, for what only a log-in can have done to it.
    NoSession = "no_session", 409, "The token belongs to no log-in of this system";
    /// The only active admin, who can be neither disabled nor demoted.
    LastAdmin = "last_admin", 409, "This is the last active admin";
}

impl Code {
    /// The problem type as a URI (RFC 9457, section 3.1.1): `urn:crm-bridge:problem:<code>`.
    #[must_use]
    pub fn type_uri(self) -> String {
        format!("urn:crm-bridge:problem:{}", self.as_str())
    }

    /// The code with this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == word)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::parse(&word).ok_or_else(|| D::Error::custom("unknown problem code"))
    }
}

/// One thing that is wrong with one place of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Where: a JSON Pointer (RFC 6901) into the body; empty for the whole of it.
    pub pointer: String,
    /// What, as a stable snake_case word.
    pub code: String,
    /// What, in a sentence. It never repeats the value.
    pub detail: String,
}

impl FieldError {
    /// All three parts at once.
    pub fn new(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: detail.into() }
    }
}

/// One refusal. Serialises as the whole body of an `application/problem+json` answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which of the published kinds.
    pub code: Code,
    /// This occurrence, in a sentence the caller can act on.
    pub detail: String,
    /// The request it answers.
    pub request_id: RequestId,
    /// The bad fields, if the body is to blame.
    pub errors: Vec<FieldError>,
    /// Under which id a webhook's body was kept.
    pub event_id: Option<EventId>,
    /// True if a webhook's raw body is durable in spite of the refusal.
    pub kept: Option<bool>,
}

impl Problem {
    /// A problem with nothing but its code, a sentence and the request.
    pub fn new(code: Code, detail: impl Into<String>, request_id: RequestId) -> Self {
        Self { code, detail: detail.into(), request_id, errors: Vec::new(), event_id: None, kept: None }
    }
}

/// The wire form: members of RFC 9457, then our extensions.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    r#type: String,
    title: String,
    status: u16,
    detail: String,
    code: Code,
    request_id: RequestId,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_id: Option<EventId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<bool>,
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { code, detail, request_id, errors, event_id, kept } = self.clone();
        let (r#type, title, status) = (code.type_uri(), code.title().to_owned(), code.status());
        Wire { r#type, title, status, detail, code, request_id, errors, event_id, kept }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Problem {
    /// What follows from the code (type, title, status) is not read back.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { code, detail, request_id, errors, event_id, kept, .. } = Wire::deserialize(deserializer)?;
        Ok(Self { code, detail, request_id, errors, event_id, kept })
    }
}
