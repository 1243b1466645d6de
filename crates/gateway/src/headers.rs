//! Header fields on their way through: what concerns one hop alone ends here (RFC 9110, section 7.6.1), what only our own services
//! may say is taken out of what comes in, and each side's fields are turned into the other library's. It reads no values but those
//! that name or frame something.

use actix_web::http::header::{self, HeaderMap as Outside};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap as Behind, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use http_kit::headers::{REQUEST_ID, is_internal};

use crate::hop::Framing;

/// Fields about the connection they came over. `expect` is one of them because the server answers it itself, and
/// `content-length` because each hop says anew how its message is framed.
const OF_ONE_HOP: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The fields to send on to a service. What the gateway says itself is still to be added, after this, so that nothing a client
/// sends can take it away.
pub(crate) fn onward(inbound: &Outside) -> Behind {
    let named = named_in(inbound.get_all(header::CONNECTION).map(header::HeaderValue::as_bytes));
    let mut onward = Behind::with_capacity(inbound.len() + 8);
    for (name, value) in inbound {
        let text = name.as_str();
        // A request always keeps its Host: services may tell sites apart by it.
        let ends_here =
            OF_ONE_HOP.contains(&text) || (text != "host" && named.iter().any(|other| other == text));
        if ends_here || only_ours(text) {
            continue;
        }
        // Both libraries hold to one grammar of fields, so neither side ever fails.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(text.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        {
            onward.append(name, value);
        }
    }
    onward
}

/// Says something to a service, in place of whatever was said under that name.
///
/// # Errors
/// When name or value is none; ours are.
pub(crate) fn say(onward: &mut Behind, name: &header::HeaderName, value: &str) -> Result<(), http::Error> {
    onward.insert(HeaderName::from_bytes(name.as_str().as_bytes())?, HeaderValue::from_str(value)?);
    Ok(())
}

/// Says how the body that goes with these fields is framed.
pub(crate) fn frame(onward: &mut Behind, framing: Framing) {
    match framing {
        Framing::Empty => {}
        Framing::Length(length) => {
            onward.insert(CONTENT_LENGTH, length.into());
        }
        Framing::Chunked => {
            onward.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
}

/// How the body of a request is framed. Actix has refused what could be read in two ways.
pub(crate) fn framing(inbound: &Outside) -> Framing {
    if inbound.contains_key(header::TRANSFER_ENCODING) {
        return Framing::Chunked;
    }
    let length =
        inbound.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    length.map_or(Framing::Empty, Framing::Length)
}

/// Puts a service's fields into an answer to a client. The request's id is the gateway's to say.
pub(crate) fn back(answer: &Behind, outward: &mut Outside) {
    let named = named_in(answer.get_all(CONNECTION).iter().map(HeaderValue::as_bytes));
    for (name, value) in answer {
        let text = name.as_str();
        let ends_here = OF_ONE_HOP.contains(&text) || named.iter().any(|other| other == text);
        if ends_here || is_internal(text) || text == REQUEST_ID.as_str() {
            continue;
        }
        if let (Ok(name), Ok(value)) = (
            header::HeaderName::from_bytes(text.as_bytes()),
            header::HeaderValue::from_bytes(value.as_bytes()),
        ) {
            outward.append(name, value);
        }
    }
}

/// Is this a field that tells services who calls? Nobody outside may.
fn only_ours(name: &str) -> bool {
    is_internal(name) || name == "forwarded" || name.starts_with("x-forwarded-")
}

/// The fields that `Connection` names, in lower case.
fn named_in<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    values
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(|name| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase())
        .filter(|name| !matches!(name.as_str(), "" | "close" | "keep-alive"))
        .collect()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::{OF_ONE_HOP, onward};

    const OURS: [&str; 6] =
        ["x-crm-internal", "X-Crm-Client-Address", "x-crm-", "Forwarded", "x-forwarded-for", "X-FORWARDED-"];
    const THROUGH: [&str; 5] = ["host", "authorization", "x-webhook-signature", "x-crm", "xx-forwarded-for"];

    fn name() -> impl Strategy<Value = &'static str> {
        prop::sample::select([OF_ONE_HOP.as_slice(), OURS.as_slice(), THROUGH.as_slice()].concat())
    }

    proptest! {
        /// Whatever comes in, nothing of one hop and nothing that is ours to say goes on; all the rest does, but what `Connection`
        /// names, and the Host even then.
        #[test]
        fn only_what_may_goes_on(fields in prop::collection::vec((name(), name()), 0..20)) {
            let mut inbound = HeaderMap::new();
            for (name, value) in &fields {
                inbound.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static(value));
            }
            let named = |name: &str| fields.iter().any(|(field, value)| *field == "connection" && *value == name);
            let goes_on = |name: &str| THROUGH.contains(&name) && (name == "host" || !named(name));
            let onward = onward(&inbound);
            let expected = fields.iter().filter(|(name, _)| goes_on(name)).count();
            prop_assert_eq!(onward.len(), expected);
            prop_assert!(onward.keys().all(|name| goes_on(name.as_str())));
        }
    }
}
