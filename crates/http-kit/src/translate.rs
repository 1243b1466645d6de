//! Actix's own errors, put into our words. Whatever an extractor refuses leaves as a problem with a code of the published list.

use std::io;

use actix_web::Error;
use actix_web::error::{JsonPayloadError, PathError, PayloadError, QueryPayloadError, UrlencodedError};
use actix_web::http::StatusCode;
use contract::problems::Code;

use crate::problem::Failure;

/// The failure behind an error of actix's.
pub(crate) fn error(error: &Error) -> Failure {
    if let Some(json) = error.as_error::<JsonPayloadError>() {
        return of_json(json);
    }
    if let Some(payload) = error.as_error::<PayloadError>() {
        return of_payload(payload);
    }
    if error.as_error::<PathError>().is_some() {
        return Failure::new(Code::RouteNotFound);
    }
    if error.as_error::<QueryPayloadError>().is_some() {
        return Failure::new(Code::InvalidParameter)
            .with_detail("the query string does not read as this route's parameters");
    }
    if let Some(UrlencodedError::Overflow { .. }) = error.as_error::<UrlencodedError>() {
        return Failure::new(Code::PayloadTooLarge);
    }
    let failure = status(error.as_response_error().status_code());
    if failure.code() == Code::InternalError { failure.caused_by(error.to_string()) } else { failure }
}

/// The failure that a bare status stands for.
pub(crate) fn status(status: StatusCode) -> Failure {
    Failure::new(match status {
        StatusCode::UNAUTHORIZED => Code::CredentialsMissing,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::RouteNotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::REQUEST_TIMEOUT => Code::RequestTimeout,
        StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Code::HeadersTooLarge,
        StatusCode::BAD_GATEWAY => Code::UpstreamUnavailable,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        StatusCode::GATEWAY_TIMEOUT => Code::UpstreamTimeout,
        status if status.is_client_error() => Code::InvalidParameter,
        _ => Code::InternalError,
    })
}

fn of_json(error: &JsonPayloadError) -> Failure {
    match error {
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
            Failure::new(Code::PayloadTooLarge)
        }
        JsonPayloadError::Payload(payload) => of_payload(payload),
        JsonPayloadError::Deserialize(cause) if cause.is_data() => {
            // serde's sentence names the field and quotes what the caller sent; it goes back to the caller alone.
            Failure::new(Code::InvalidParameter).with_detail(cause.to_string())
        }
        JsonPayloadError::Deserialize(cause) => {
            Failure::new(Code::InvalidJson).with_detail(cause.to_string())
        }
        _ => Failure::new(Code::InvalidJson),
    }
}

fn of_payload(error: &PayloadError) -> Failure {
    match error {
        PayloadError::Overflow => Failure::new(Code::PayloadTooLarge),
        PayloadError::Io(cause) if cause.kind() == io::ErrorKind::TimedOut => {
            Failure::new(Code::RequestTimeout)
        }
        _ => Failure::new(Code::InvalidJson).with_detail("the body ended before it was whole"),
    }
}
