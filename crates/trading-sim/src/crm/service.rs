//! The service API: what a platform asks of the CRM, under its bearer token. A limit that is used up is waited for.

use std::sync::Arc;

use auth::secret::Secret;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use super::{Answer, CrmError, Line};

/// Asks the CRM. Clones share the limit, and wait for it together.
#[derive(Clone)]
pub struct ServiceApi {
    line: Line,
    /// Before this nothing is left of the limit.
    not_before: Arc<Mutex<Option<Instant>>>,
}

impl ServiceApi {
    /// Of the CRM at `base`, with this token; each call is made up to `tries` times.
    ///
    /// # Errors
    /// [`CrmError::BadUrl`]
    pub fn new(base: &str, token: Secret, tries: u32) -> Result<Self, CrmError> {
        Ok(Self { line: Line::new(base, token, tries)?, not_before: Arc::default() })
    }

    /// `GET /api/service/clients/:email`
    ///
    /// # Errors
    /// [`CrmError`]
    pub async fn client(&self, email: &str) -> Result<Answer, CrmError> {
        self.call(Method::GET, &["clients", email], None).await
    }

    /// `GET /api/service/accounts/:clientEmail`
    ///
    /// # Errors
    /// [`CrmError`]
    pub async fn accounts(&self, email: &str) -> Result<Answer, CrmError> {
        self.call(Method::GET, &["accounts", email], None).await
    }

    /// `GET /api/service/clients/:email/activity`
    ///
    /// # Errors
    /// [`CrmError`]
    pub async fn activity(&self, email: &str) -> Result<Answer, CrmError> {
        self.call(Method::GET, &["clients", email, "activity"], None).await
    }

    /// `PATCH /api/service/clients/:email/kyc`
    ///
    /// # Errors
    /// [`CrmError`]
    pub async fn change_kyc(&self, email: &str, status: &str, notes: &str) -> Result<Answer, CrmError> {
        let body = json!({"kycStatus": status, "kycNotes": notes});
        self.call(Method::PATCH, &["clients", email, "kyc"], Some(body)).await
    }

    /// `POST /api/service/clients/:email/notes`
    ///
    /// # Errors
    /// [`CrmError`]
    pub async fn add_note(&self, email: &str, comment: &str) -> Result<Answer, CrmError> {
        self.call(Method::POST, &["clients", email, "notes"], Some(json!({"comment": comment}))).await
    }

    async fn call(&self, method: Method, path: &[&str], body: Option<Value>) -> Result<Answer, CrmError> {
        let Line { http, base, secret, .. } = &self.line;
        let url = url(base, path)?;
        self.wait_for_the_limit().await;
        let request = || {
            let request = http.request(method.clone(), url.clone()).bearer_auth(secret.expose());
            match &body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        let (answer, _) = self.line.call(request).await?;
        if let Some(wait) = answer.exhausted_for {
            *self.not_before.lock().await = Some(Instant::now() + wait);
        }
        Ok(answer)
    }

    async fn wait_for_the_limit(&self) {
        if let Some(instant) = *self.not_before.lock().await {
            sleep_until(instant).await;
        }
    }
}

/// `<base>/api/service/` and the path's parts, each percent-encoded: an address may hold anything.
fn url(base: &str, path: &[&str]) -> Result<reqwest::Url, CrmError> {
    let mut url = reqwest::Url::parse(base).map_err(|_| CrmError::BadUrl)?;
    let mut segments = url.path_segments_mut().map_err(|()| CrmError::BadUrl)?;
    segments.pop_if_empty().extend(["api", "service"]).extend(path);
    drop(segments);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_part_of_the_path() {
        let url = url("http://crm/base/", &["clients", "a/b?c#d%e+f@example.com", "kyc"]).expect("a URL");
        assert_eq!(url.as_str(), "http://crm/base/api/service/clients/a%2Fb%3Fc%23d%25e+f@example.com/kyc");
    }
}
