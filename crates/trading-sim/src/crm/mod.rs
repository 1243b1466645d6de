//! The CRM as a platform sees it: an address, a key to sign with and a token to ask with. It waits when it is told to.

mod answer;
mod service;
mod webhooks;

use std::time::Duration;

use auth::random::Random;
use auth::secret::Secret;
use http_kit::backoff::Backoff;
use reqwest::RequestBuilder;

pub use answer::Answer;
pub use service::ServiceApi;
pub use webhooks::{Outcome, Webhooks};

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Between tries, when the CRM does not say how long.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// Why the CRM was given up on. No message holds a secret, or an address from a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrmError {
    /// `CRM_BASE_URL` is unusable.
    #[error("CRM_BASE_URL is not an http or https URL")]
    BadUrl,
    /// No answer, however often it was tried.
    #[error("no answer after {0} tries")]
    Silent(u32),
    /// It answers, and not what it was asked for.
    #[error("the CRM keeps answering {status} after {tries} tries")]
    Unwilling {
        /// The last status.
        status: u16,
        /// How often it was tried.
        tries: u32,
    },
}

/// What both kinds of calls need.
#[derive(Clone)]
struct Line {
    http: reqwest::Client,
    base: String,
    secret: Secret,
    random: Random,
    /// How often a call is tried.
    tries: u32,
}

impl Line {
    fn new(base: &str, secret: Secret, tries: u32) -> Result<Self, CrmError> {
        let http = http_kit::client::builder(base).ok_or(CrmError::BadUrl)?;
        let http = http.timeout(PATIENCE).build().map_err(|_| CrmError::BadUrl)?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { http, base, secret, random: Random::system(), tries })
    }

    /// Calls until an answer comes that is no request to wait and no trouble of the CRM's; says also how often it had to be repeated.
    async fn call(&self, request: impl Fn() -> RequestBuilder) -> Result<(Answer, u32), CrmError> {
        let mut last = None;
        for tried in 1..=self.tries {
            let answer = match request().send().await {
                Ok(response) => Answer::read(response).await,
                Err(_) => None,
            };
            let wait = match answer {
                Some(answer) if answer.is_final() => return Ok((answer, tried - 1)),
                Some(answer) => {
                    last = Some(answer.status);
                    answer.retry_after
                }
                None => None,
            };
            if tried < self.tries {
                tokio::time::sleep(wait.unwrap_or_else(|| BACKOFF.after(tried, &self.random))).await;
            }
        }
        match last {
            Some(status) => Err(CrmError::Unwilling { status, tries: self.tries }),
            None => Err(CrmError::Silent(self.tries)),
        }
    }
}
