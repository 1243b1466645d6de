//! The service API: what a platform asks of the CRM, under its bearer token. A limit that is used up is waited for.

use std::sync::Arc;

use auth::secret::Secret;
use reqwest::{Client, RequestBuilder, Url};
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
        self.get(self.url(&["clients", email])?).await
    }

    /// `GET /api/service/accounts/:clientEmail`
    ///
    /// # Errors
    /// [`CrmError`]
    pub async fn accounts(&self, email: &str) -> Result<Answer, CrmError> {
        self.get(self.url(&["accounts", email])?).await
    }

    /// `GET /api/service/clients/:email/activity`
    ///
    /// # Errors
    /// [`CrmError`]
    pub async fn activity(&self, email: &str) -> Result<Answer, CrmError> {
        self.get(self.url(&["clients", email, "activity"])?).await
    }

    /// `GET /api/service/clients/:email/transactions`, page by page: all that there are, none for a client who is not found.
    ///
    /// # Errors
    /// [`CrmError`]
    pub async fn transactions(&self, email: &str) -> Result<Vec<Value>, CrmError> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let mut url = self.url(&["clients", email, "transactions"])?;
            url.query_pairs_mut()
                .append_pair("limit", "200")
                .extend_pairs(cursor.map(|at: String| ("cursor", at)));
            let mut page = self.get(url).await?.body;
            if let Some(listed) = page.get_mut("transactions").and_then(Value::as_array_mut) {
                all.append(listed);
            }
            match page.get("nextCursor").and_then(Value::as_str) {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(all),
            }
        }
    }

    /// `PATCH /api/service/clients/:email/kyc`
    ///
    /// # Errors
    /// [`CrmError`]
    pub async fn change_kyc(&self, email: &str, status: &str, notes: &str) -> Result<Answer, CrmError> {
        let url = self.url(&["clients", email, "kyc"])?;
        let body = json!({"kycStatus": status, "kycNotes": notes});
        self.call(|http| http.patch(url.clone()).json(&body)).await
    }

    /// `POST /api/service/clients/:email/notes`, under a key of its own: however often it is tried, the note is added once.
    ///
    /// # Errors
    /// [`CrmError`]
    pub async fn add_note(&self, email: &str, comment: &str) -> Result<Answer, CrmError> {
        let url = self.url(&["clients", email, "notes"])?;
        let key = format!("{:032x}", u128::from_be_bytes(self.line.random.bytes()));
        let body = json!({"comment": comment});
        self.call(|http| http.post(url.clone()).header("idempotency-key", &key).json(&body)).await
    }

    async fn get(&self, url: Url) -> Result<Answer, CrmError> {
        self.call(|http| http.get(url.clone())).await
    }

    async fn call(&self, request: impl Fn(&Client) -> RequestBuilder) -> Result<Answer, CrmError> {
        let Line { http, secret, .. } = &self.line;
        self.wait_for_the_limit().await;
        let (answer, _) = self.line.call(|| request(http).bearer_auth(secret.expose())).await?;
        if let Some(wait) = answer.exhausted_for {
            *self.not_before.lock().await = Some(Instant::now() + wait);
        }
        Ok(answer)
    }

    fn url(&self, path: &[&str]) -> Result<Url, CrmError> {
        url(&self.line.base, path)
    }

    async fn wait_for_the_limit(&self) {
        if let Some(instant) = *self.not_before.lock().await {
            sleep_until(instant).await;
        }
    }
}

/// `<base>/api/service/` and the path's parts, each percent-encoded: an address may hold anything.
fn url(base: &str, path: &[&str]) -> Result<Url, CrmError> {
    let mut url = Url::parse(base).map_err(|_| CrmError::BadUrl)?;
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
