//! What names a request on its way through the services: the request id and the W3C trace context. Both are made here when the
//! caller sent none worth keeping. Nothing here is secret or personal.

use actix_web::http::header::HeaderMap;
use auth::random::Random;
use contract::clock::Clock;
use contract::ids::RequestId;

use crate::headers::{REQUEST_ID, TRACEPARENT};

/// The names of one request, to be passed on with every call made for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    request_id: RequestId,
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

impl RequestContext {
    /// A context for work that no request started, such as a job's.
    pub fn fresh(clock: &Clock, random: &Random) -> Self {
        let request_id = RequestId::new(clock.now(), random.bytes());
        let (trace_id, span_id) = (random.bytes(), random.bytes());
        Self { request_id, trace_id, span_id, flags: 0 }
    }

    /// Reads what came with a request. An `X-Request-Id` outside `[A-Za-z0-9._-]{1,64}` and an unreadable `traceparent` are
    /// replaced, never refused (W3C Trace Context, section 4.3).
    pub(crate) fn of_request(headers: &HeaderMap, clock: &Clock, random: &Random) -> Self {
        let told = one(headers, &REQUEST_ID).and_then(|text| text.parse().ok());
        let request_id = told.unwrap_or_else(|| RequestId::new(clock.now(), random.bytes()));
        let told = one(headers, &TRACEPARENT).and_then(parse_traceparent);
        let (trace_id, flags) = told.unwrap_or_else(|| (random.bytes(), 0));
        Self { request_id, trace_id, span_id: random.bytes(), flags }
    }

    /// The request's id, as it is echoed in `X-Request-Id`.
    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// The trace id in lower-case hex.
    pub fn trace_id(&self) -> String {
        hex::encode(self.trace_id)
    }

    /// The `traceparent` to send with calls made for this request.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", hex::encode(self.trace_id), hex::encode(self.span_id), self.flags)
    }
}

/// The header's value if it is there exactly once and is visible ASCII.
fn one<'a>(headers: &'a HeaderMap, name: &actix_web::http::header::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// Trace id and flags of a `traceparent` (W3C Trace Context, section 3.2). Later versions are read as far as version 00 goes.
fn parse_traceparent(text: &str) -> Option<([u8; 16], u8)> {
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let [version] = unhex::<1>(version)?;
    let [flags] = unhex::<1>(flags)?;
    let (trace, parent) = (unhex::<16>(trace)?, unhex::<8>(parent)?);
    let rest = parts.next().is_some();
    let valid = version != 0xff && !(version == 0 && rest) && trace != [0; 16] && parent != [0; 8];
    valid.then_some((trace, flags & 1))
}

/// Lower-case hex of exactly `N` bytes.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::parse_traceparent;

    #[test]
    fn only_a_valid_traceparent_is_carried_on() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let (trace, flags) = parse_traceparent(good).expect("valid");
        assert_eq!((hex::encode(trace).as_str(), flags), ("4bf92f3577b34da6a3ce929d0e0e4736", 1));
        assert!(parse_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later").is_some());
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(parse_traceparent(bad), None, "{bad}");
        }
    }
}
