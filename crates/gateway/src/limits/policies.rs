//! Limits on calls by credential: a window for each credential's name, and the fields in which an answer tells how it stands, as
//! draft-ietf-httpapi-ratelimit-headers has them since its eighth revision (`"name";q=…;w=…` and `"name";r=…;t=…`).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use auth::bearer::CredentialName;
use contract::clock::Clock;
use contract::problems::Code;
use http_kit::problem::Failure;

use super::window::{SPAN, Standing, Window, whole_seconds};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// One limit: so many calls of each credential in any 60 s.
pub(super) struct Quota {
    name: &'static str,
    most: usize,
    /// What `RateLimit-Policy` says.
    policy: HeaderValue,
    /// There are as many as there are names of credentials, which nobody outside can add to.
    windows: Mutex<HashMap<CredentialName, Window>>,
    clock: Clock,
}

impl Quota {
    /// A limit under this name; `None` if it allows 0, which stands for no limit at all.
    pub(super) fn new(name: &'static str, most: u32, clock: Clock) -> Option<Self> {
        let text = format!("{name:?};q={most};w={}", SPAN.as_secs());
        let policy = HeaderValue::from_str(&text).ok()?;
        let most = usize::try_from(most).ok().filter(|most| *most > 0)?;
        Some(Self { name, most, policy, windows: Mutex::default(), clock })
    }

    /// A call by this credential comes in.
    pub(super) fn come(&self, credential: CredentialName) -> Standing {
        // Every step inside leaves a whole window.
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(credential).or_insert_with(|| Window::new(self.most));
        // Asked under the lock, so that admissions are in the order of their times.
        window.come(self.clock.uptime())
    }

    /// What answers of this call tell.
    pub(super) fn told(&self, standing: Standing) -> Told {
        let Standing { remaining, frees_in, .. } = standing;
        let text = format!("{:?};r={remaining};t={}", self.name, whole_seconds(frees_in));
        Told { policy: self.policy.clone(), standing: HeaderValue::from_str(&text).ok() }
    }
}

/// The fields of an answer that tell how a limit stands.
pub(crate) struct Told {
    policy: HeaderValue,
    /// Numbers and a name of ours are always a value.
    standing: Option<HeaderValue>,
}

impl Told {
    fn fields(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let standing = self.standing.map(|standing| (RATE_LIMIT, standing));
        std::iter::once((RATE_LIMIT_POLICY, self.policy)).chain(standing)
    }

    /// In an answer that a service gave, in place of what it may have said itself.
    pub(crate) fn in_answer(self, headers: &mut HeaderMap) {
        for (name, value) in self.fields() {
            headers.insert(name, value);
        }
    }

    /// In an answer of our own.
    pub(crate) fn in_failure(self, failure: Failure) -> Failure {
        self.fields().fold(failure, |failure, (name, value)| failure.with_header(name, value))
    }
}

/// What is over a limit is answered with, and when to come again.
pub(super) fn too_many(wait: std::time::Duration) -> Failure {
    Failure::new(Code::RateLimited).with_header(RETRY_AFTER, whole_seconds(wait).into())
}
