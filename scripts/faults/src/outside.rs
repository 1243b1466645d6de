//! The services as strangers see them: the gateway's address, what signs webhooks, and what platforms and staff show.

use std::net::SocketAddr;
use std::time::Duration;

use auth::secret::Secret;
use auth::webhook::{HEADER, sign};
use contract::clock::{Clock, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use test_kit::credentials::staff_token;
use tokio::time::{Instant, sleep};
use trading_sim::crm::ServiceApi;

use crate::error::Error;

/// Obvious placeholders.
const WEBHOOK_SECRET: &str = "faults-webhook-secret-faults-webhook-secret-faults-webhook-000001";
const SERVICE_API_TOKEN: &str = "faults-service-token-faults-service-token-faults-service-0000002";
const JWT_SECRET: &str = "faults-jwt-secret-faults-jwt-secret-faults-jwt-secret-faults-003";

/// The secrets by their settings' names.
pub(crate) const SECRETS: [(&str, &str); 5] = [
    ("WEBHOOK_SECRET", WEBHOOK_SECRET),
    ("SERVICE_API_TOKEN", SERVICE_API_TOKEN),
    ("JWT_SECRET", JWT_SECRET),
    ("SSO_SECRET", "faults-sso-secret-faults-sso-secret-faults-sso-secret-faults-004"),
    ("INTERNAL_SECRET", "faults-internal-secret-faults-internal-secret-faults-internal-05"),
];

/// How long a caller waits for an answer. Then it gives that attempt up.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long a question that only looks is asked again, while it is not answered with success.
const ASKING: Duration = Duration::from_secs(30);

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Platform,
    Staff,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) retry_after: Option<Duration>,
}

/// The gateway, and how it is talked to.
#[derive(Clone)]
pub(crate) struct Outside {
    base: String,
    http: reqwest::Client,
    webhook_secret: Secret,
}

/// A client of plain HTTP that waits no longer than callers do.
pub(crate) fn client() -> Result<reqwest::Client, Error> {
    let builder = http_kit::client::builder("http://127.0.0.1");
    let builder = builder.ok_or_else(|| Error::Impossible("no HTTP client can be made".to_owned()))?;
    Ok(builder.timeout(PATIENCE).build()?)
}

impl Outside {
    pub(crate) fn of(gateway: SocketAddr) -> Result<Self, Error> {
        Ok(Self {
            base: format!("http://{gateway}"),
            http: client()?,
            webhook_secret: Secret::new(WEBHOOK_SECRET),
        })
    }

    /// One attempt to deliver an event; `None` when no answer came.
    pub(crate) async fn deliver(&self, body: &str, request_id: &str) -> Option<Answer> {
        let request = self
            .http
            .post(format!("{}/api/webhooks/site", self.base))
            .header(HEADER, sign(&self.webhook_secret, body.as_bytes()))
            .header("content-type", "application/json")
            .header("x-request-id", request_id)
            .body(body.to_owned());
        read(request).await
    }

    /// One attempt to have something done; `None` when no answer came.
    pub(crate) async fn call(
        &self,
        who: Who,
        method: Method,
        path: &str,
        body: &Value,
        request_id: &str,
        key: &str,
    ) -> Option<Answer> {
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("x-request-id", request_id)
            .header("idempotency-key", key)
            .bearer_auth(token(who))
            .json(body);
        read(request).await
    }

    /// Asks once; `None` when that is not answered with success.
    pub(crate) async fn get_now(&self, who: Who, path: &str) -> Option<Value> {
        let answer = read(self.http.get(format!("{}{path}", self.base)).bearer_auth(token(who))).await?;
        (answer.status == 200).then_some(answer.body)
    }

    /// Asks until it is answered with success.
    pub(crate) async fn get(&self, who: Who, path: &str) -> Result<Value, Error> {
        self.ask(who, path, &[200]).await
    }

    /// Asks until it is answered with one of these.
    async fn ask(&self, who: Who, path: &str, wanted: &[u16]) -> Result<Value, Error> {
        let until = Instant::now() + ASKING;
        loop {
            let answer = read(self.http.get(format!("{}{path}", self.base)).bearer_auth(token(who))).await;
            match answer {
                Some(Answer { status, body, .. }) if wanted.contains(&status) => return Ok(body),
                other if Instant::now() > until => {
                    let what = path.split('?').next().unwrap_or_default().to_owned();
                    return Err(Error::Silent { what, why: format!("{other:?}") });
                }
                _ => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// All pages of a list, whose path has a query already.
    pub(crate) async fn list(&self, who: Who, path: &str, name: &str) -> Result<Vec<Value>, Error> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let mut page = self.get(who, &format!("{path}&limit=200{cursor}")).await?;
            if let Some(listed) = page.get_mut(name).and_then(Value::as_array_mut) {
                all.append(listed);
            }
            match page.get("nextCursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// The same of something that there may not be, which has an empty one.
    pub(crate) async fn list_if_there(&self, who: Who, path: &str, name: &str) -> Result<Vec<Value>, Error> {
        let first = self.ask(who, &format!("{path}&limit=1"), &[200, 404]).await?;
        match first.get(name) {
            Some(_) => self.list(who, path, name).await,
            None => Ok(Vec::new()),
        }
    }

    /// The entries of the trail of one action, from a time on.
    pub(crate) async fn trail(&self, action: &str, from: Timestamp) -> Result<Vec<Value>, Error> {
        self.list(Who::Staff, &format!("/api/audit/entries?action={action}&from={from}"), "entries").await
    }

    /// The service API as the simulated platform asks it.
    pub(crate) fn platform(&self) -> Result<ServiceApi, Error> {
        Ok(ServiceApi::new(&self.base, Secret::new(SERVICE_API_TOKEN), 20)?)
    }

    /// The time, on the clock that the services have too.
    pub(crate) fn now() -> Timestamp {
        Clock::system().now()
    }
}

fn token(who: Who) -> String {
    match who {
        Who::Platform => SERVICE_API_TOKEN.to_owned(),
        Who::Staff => staff_token(JWT_SECRET, &json!("admin")),
    }
}

async fn read(request: reqwest::RequestBuilder) -> Option<Answer> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let body = response.bytes().await.ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Answer { status, body, retry_after: seconds.map(Duration::from_secs) })
}

/// A text as one segment of a path, each byte of it escaped.
pub(crate) fn segment(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
