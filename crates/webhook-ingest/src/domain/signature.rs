//! Which signature a delivery shows, and whether it holds for its source. Where `x-webhook-signature` is present, it alone decides.

use std::collections::BTreeMap;

use auth::diagnose::{self, Hint};
use auth::keyring::KeyRing;
use auth::secret::Secret;
use auth::standard_webhooks::{self, Headers, StandardError, StandardSecrets};
use auth::webhook::{self, SignatureError, SignedBody};
use bytes::Bytes;
use contract::clock::Timestamp;

/// The first source, and the only one that may sign as Standard Webhooks do: their one secret must not open the other sources.
pub const SITE: &str = "site";

/// What signs deliveries, and what is mistaken for it.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// The keys of each source; `site` is always there.
    pub sources: BTreeMap<String, KeyRing>,
    /// The keys of Standard Webhooks, where they are set.
    pub standard: Option<StandardSecrets>,
    /// Our other secrets by the names of their settings, to tell staff when a sender took the wrong one. They open nothing here.
    pub others: Vec<(String, Secret)>,
}

impl Secrets {
    /// One source, with these keys, and nothing else.
    #[must_use]
    pub fn of_site(ring: KeyRing) -> Self {
        Self { sources: BTreeMap::from([(SITE.to_owned(), ring)]), standard: None, others: Vec::new() }
    }

    /// Is this a source of ours?
    #[must_use]
    pub fn knows(&self, source: &str) -> bool {
        self.sources.contains_key(source)
    }
}

/// The headers about signatures, each with all of its values.
#[derive(Debug, Clone, Default)]
pub struct Shown<'a> {
    /// `x-webhook-signature`
    pub own: Vec<&'a [u8]>,
    /// `webhook-id`
    pub id: Vec<&'a [u8]>,
    /// `webhook-timestamp`
    pub timestamp: Vec<&'a [u8]>,
    /// `webhook-signature`
    pub signature: Vec<&'a [u8]>,
}

/// A body whose signature holds.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The raw bytes.
    pub body: SignedBody,
    /// The signed `webhook-id`, if it came as Standard Webhooks.
    pub message_id: Option<String>,
}

/// Why a delivery is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// By our own scheme.
    Own(SignatureError),
    /// By Standard Webhooks.
    Standard(StandardError),
}

impl From<Fault> for SignatureError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Own(error) => error,
            Fault::Standard(error) => error.into(),
        }
    }
}

impl Shown<'_> {
    /// Verifies a body of `source` at `now`.
    ///
    /// # Errors
    /// [`Fault`]; also if the source is unknown.
    pub fn verify(
        &self,
        secrets: &Secrets,
        source: &str,
        body: Bytes,
        now: Timestamp,
    ) -> Result<Signed, Fault> {
        let ring = secrets.sources.get(source).ok_or(Fault::Own(SignatureError::Missing))?;
        match &secrets.standard {
            Some(standard) if source == SITE && self.is_standard() => {
                let headers = self.standard().ok_or(Fault::Standard(StandardError::Malformed))?;
                let body =
                    standard_webhooks::verify(standard, headers, body, now).map_err(Fault::Standard)?;
                Ok(Signed { body, message_id: Some(headers.id.to_owned()) })
            }
            _ => {
                let body = webhook::verify(ring, self.own.iter().copied(), body).map_err(Fault::Own)?;
                Ok(Signed { body, message_id: None })
            }
        }
    }

    /// What a signature of ours that does not hold looks like: costs many hashes over the body.
    #[must_use]
    pub fn diagnose(&self, secrets: &Secrets, source: &str, body: &[u8]) -> Option<Hint> {
        let (ring, [signature]) = (secrets.sources.get(source)?, self.own.as_slice()) else {
            return None;
        };
        let of_others = secrets.sources.iter().filter(|(other, _)| *other != source);
        let of_others = of_others.map(|(other, ring)| (setting_of(other), ring.current().clone()));
        let others: Vec<(String, Secret)> = secrets.others.iter().cloned().chain(of_others).collect();
        diagnose::diagnose(body, signature, ring, &setting_of(source), &others)
    }

    /// Are all three headers of Standard Webhooks there, and ours not?
    fn is_standard(&self) -> bool {
        self.own.is_empty()
            && [&self.id, &self.timestamp, &self.signature].iter().all(|values| !values.is_empty())
    }

    /// The three headers, each of which must be there once, as text.
    fn standard(&self) -> Option<Headers<'_>> {
        let (id, timestamp, signature) = (one(&self.id)?, one(&self.timestamp)?, one(&self.signature)?);
        Some(Headers { id, timestamp, signature })
    }
}

fn one<'a>(values: &[&'a [u8]]) -> Option<&'a str> {
    match values {
        [value] => std::str::from_utf8(value).ok(),
        _ => None,
    }
}

/// The setting that holds a source's secret.
#[must_use]
pub fn setting_of(source: &str) -> String {
    if source == SITE {
        "WEBHOOK_SECRET".to_owned()
    } else {
        format!("WEBHOOK_SECRET_{}", source.to_ascii_uppercase())
    }
}
