//! What callers of the system say: signed webhooks, service-API calls, reads of the trail.

use auth::secret::Secret;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use test_kit::credentials;
use test_kit::waiting::eventually;

use crate::harness::{JWT_SECRET, SERVICE_API_TOKEN, WEBHOOK_SECRET, client, wait_for};

/// Somebody who talks to a system, at its gateway's address.
#[derive(Clone)]
pub(crate) struct Caller {
    base: String,
    http: reqwest::Client,
}

impl Caller {
    pub(crate) fn of(base: impl Into<String>) -> Self {
        Self { base: base.into(), http: client() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends a body under a valid signature.
    pub(crate) async fn webhook(&self, body: &[u8]) -> Response {
        let signature = auth::webhook::sign(&Secret::new(WEBHOOK_SECRET), body);
        self.signed(body, &signature).await
    }

    /// Sends a body under this signature.
    pub(crate) async fn signed(&self, body: &[u8], signature: &str) -> Response {
        self.request(Method::POST, "/api/webhooks/site")
            .header("x-webhook-signature", signature)
            .body(body.to_vec())
            .send()
            .await
            .expect("an answer")
    }

    /// Reads a client's record by the path's last part as it stands.
    pub(crate) async fn client(&self, email: &str) -> Response {
        self.request(Method::GET, &format!("/api/service/clients/{email}"))
            .bearer_auth(SERVICE_API_TOKEN)
            .send()
            .await
            .expect("an answer")
    }

    /// What is answered of a client whom an acknowledged event names. Under load its effect may take longer than a call waits; the call
    /// is then refused as `client_pending`, and made again. Every other answer is the last.
    pub(crate) async fn acknowledged(&self, email: &str) -> (u16, Value) {
        eventually(async || told(self.client(email).await).await, |answer| !is_pending(answer)).await
    }

    /// The newest entries of the trail that match the query.
    pub(crate) async fn trail(&self, query: &str) -> Vec<Value> {
        let answer = self
            .request(Method::GET, &format!("/api/audit/entries?limit=200&{query}"))
            .bearer_auth(staff_token("auditor"))
            .send()
            .await
            .expect("an answer");
        let status = answer.status();
        let mut page: Value = answer.json().await.expect("JSON");
        assert_eq!(status, 200, "{page}");
        match page["entries"].take() {
            Value::Array(entries) => entries,
            other => panic!("no entries: {other}"),
        }
    }

    /// All entries of the trail that match, page by page.
    pub(crate) async fn whole_trail(&self, query: &str) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/audit/entries?limit=200&{query}{cursor}");
            let answer = self.request(Method::GET, &path).bearer_auth(staff_token("auditor")).send().await;
            let (status, mut page) = told(answer.expect("an answer")).await;
            assert_eq!(status, 200, "{page}");
            entries.append(page["entries"].as_array_mut().expect("entries"));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return entries,
            }
        }
    }

    /// Waits until the trail counts `count` occurrences that match.
    pub(crate) async fn on_trail(&self, query: &str, count: u64) {
        wait_for(&format!("{count} on the trail for {query}"), async || self.count(query).await == count)
            .await;
    }

    /// How many occurrences that match the trail counts now.
    pub(crate) async fn count(&self, query: &str) -> u64 {
        self.trail(query).await.iter().filter_map(|entry| entry["count"].as_u64()).sum()
    }

    /// No event has had an effect. To be asked when the refusals are on the trail already, so that an effect would be too.
    pub(crate) async fn assert_nothing_applied(&self) {
        assert_eq!(self.trail("action=event.apply").await, Vec::<Value>::new());
    }
}

/// The status of an answer and its JSON.
pub(crate) async fn told(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}")))
}

/// Does the answer say that the client's event is still to be applied?
pub(crate) fn is_pending((status, answer): &(u16, Value)) -> bool {
    *status == 503 && answer["code"] == "client_pending"
}

/// A text as one segment of a path, each byte of it escaped.
pub(crate) fn segment(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A registration as platforms send it.
pub(crate) fn registration(client_id: &str, email: &str) -> Vec<u8> {
    json!({
        "event": "client.registered",
        "data": {"clientId": client_id, "email": email, "firstName": "Ann", "lastName": "Lee", "phone": "+4420000000"},
        "timestamp": "2025-10-13T19:00:00Z",
    })
    .to_string()
    .into_bytes()
}

/// A staff JWT, as another part of the CRM signs it.
pub(crate) fn staff_token(role: &str) -> String {
    credentials::staff_token(JWT_SECRET, &json!(role))
}
