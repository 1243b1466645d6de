//! An answer of the CRM, with what it says about waiting.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, `null` where it is no JSON.
    pub body: Value,
    /// How long to wait before the next try: `Retry-After`.
    pub retry_after: Option<Duration>,
    /// How long to wait before the next call, since this was the last that the limit allows: from `RateLimit`.
    pub exhausted_for: Option<Duration>,
}

impl Answer {
    /// Reads a whole answer; `None` when it breaks off.
    pub(super) async fn read(response: Response) -> Option<Self> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await.ok()?;
        Some(Self {
            status,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            retry_after: text(&headers, RETRY_AFTER.as_str()).and_then(seconds),
            exhausted_for: text(&headers, "ratelimit").and_then(exhausted),
        })
    }

    /// Would the same call meet the same answer now? Trouble of the CRM's own and its requests to wait pass.
    pub(super) fn is_final(&self) -> bool {
        self.status < 500 && self.status != 429
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

/// `"service-api";r=0;t=23`: nothing is left for 23 seconds.
fn exhausted(limit: &str) -> Option<Duration> {
    let parameter = |name: &str| limit.split(';').find_map(|part| part.trim().strip_prefix(name));
    (parameter("r=")? == "0").then(|| parameter("t=").and_then(seconds)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_says_when_to_go_on() {
        assert_eq!(exhausted("\"service-api\";r=0;t=23"), Some(Duration::from_secs(23)));
        assert_eq!(exhausted("\"service-api\"; r=0; t=1"), Some(Duration::from_secs(1)));
        assert_eq!(exhausted("\"service-api\";r=57;t=23"), None);
        assert_eq!(exhausted("nonsense"), None);
    }
}
