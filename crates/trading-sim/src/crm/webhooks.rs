//! Signed webhooks: `POST /api/webhooks/site`, repeated until the CRM has the event or refuses it for good.

use auth::secret::Secret;
use auth::webhook::{HEADER, sign};

use super::{CrmError, Line};

/// How a webhook ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The CRM has it now.
    Accepted,
    /// The CRM had it already.
    Duplicate,
    /// The CRM keeps it, and does not know its kind.
    Unrecognized,
    /// The CRM refused it, with this status.
    Refused(u16),
}

/// Sends signed events.
#[derive(Clone)]
pub struct Webhooks(Line);

impl Webhooks {
    /// To the CRM at `base`, signing with `secret`; each event is sent up to `tries` times.
    ///
    /// # Errors
    /// [`CrmError::BadUrl`]
    pub fn new(base: &str, secret: Secret, tries: u32) -> Result<Self, CrmError> {
        Line::new(base, secret, tries).map(Self)
    }

    /// Sends a body as Node does: the signature is over the text of its JSON. Says how it ended, and how often it was repeated.
    ///
    /// # Errors
    /// [`CrmError`] when the CRM could not take it, however often it was tried.
    pub async fn send(&self, body: &str) -> Result<(Outcome, u32), CrmError> {
        let Line { http, base, secret, .. } = &self.0;
        let signature = sign(secret, body.as_bytes());
        let url = format!("{base}/api/webhooks/site");
        let request = || {
            let request =
                http.post(&url).header(HEADER, &signature).header("content-type", "application/json");
            request.body(body.to_owned())
        };
        let (answer, repeated) = self.0.call(request).await?;
        let outcome = match (answer.status, answer.body.get("status").and_then(|status| status.as_str())) {
            (200, Some("accepted")) => Outcome::Accepted,
            (200, Some("duplicate")) => Outcome::Duplicate,
            (200, Some("unrecognized")) => Outcome::Unrecognized,
            (status, _) => Outcome::Refused(status),
        };
        Ok((outcome, repeated))
    }
}
