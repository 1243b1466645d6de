//! The staff's own API through the gateway, as the commands on events call it. It gives no right that its token, or JWT_SECRET, does
//! not give.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use auth::staff::Role;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Trouble, in_words, remote, staff};
use crate::cli::events::ApiArgs;
use crate::settings;

/// How long the gateway may take to answer; a replay of many takes a commit for each.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a token signed here is valid, in seconds.
const TOKEN_SECONDS: i64 = 15 * 60;

/// Where events are.
pub(super) const EVENTS: &str = "/api/webhooks/events";

/// Where one event is, by whatever was typed as its id.
pub(super) fn one(id: &str) -> String {
    let id: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    format!("{EVENTS}/{id}")
}

/// The gateway, as a member of staff calls it.
pub(super) struct Api {
    client: reqwest::Client,
    base: String,
    token: String,
}

/// An answer that is no success.
pub(super) struct Problem {
    status: u16,
    pub(super) body: Value,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn member<'a>(of: &'a Value, name: &str) -> &'a str {
            of.get(name).and_then(Value::as_str).unwrap_or("-")
        }
        let Self { status, body } = self;
        write!(f, "{status} {}", member(body, "code"))?;
        if let Some(detail) = body.get("detail").and_then(Value::as_str).filter(|detail| !detail.is_empty()) {
            write!(f, ": {detail}")?;
        }
        for error in body.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let [pointer, code, detail] = ["pointer", "code", "detail"].map(|name| member(error, name));
            write!(f, "; {pointer} {code}: {detail}")?;
        }
        Ok(())
    }
}

impl From<Problem> for Trouble {
    /// What was asked for is not to be had: a no. Anything else stood in the way of asking.
    fn from(problem: Problem) -> Self {
        let line = plain(&problem.to_string());
        let trouble = if problem.is_no() { Self::no(line) } else { Self::from(line) };
        trouble.with_problem(problem.body)
    }
}

impl Problem {
    fn is_no(&self) -> bool {
        matches!(self.status, 400 | 404 | 409 | 422)
    }
}

/// What was answered: a body, or why there is none to be had.
pub(super) type Answer = Result<Value, Problem>;

impl Api {
    pub(super) fn of(data: &Path, arguments: &ApiArgs) -> Result<Self, String> {
        let token = match (&arguments.token, &arguments.email) {
            (Some(token), _) => token.clone(),
            (None, Some(email)) => {
                let environment = settings::environment(data).map_err(in_words)?;
                staff::sign(&environment, email, Role::Admin, TOKEN_SECONDS)?
            }
            (None, None) => return Err("--token or --email is needed".to_owned()),
        };
        let client = remote::client(&arguments.url, PATIENCE)?;
        Ok(Self { client, base: arguments.url.trim_end_matches('/').to_owned(), token })
    }

    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, Trouble> {
        let url = reqwest::Url::parse_with_params(&format!("{}{path}", self.base), query);
        self.answer(self.client.get(url.map_err(in_words)?)).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Trouble> {
        self.answer(self.client.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// The answer, where there is one: of trouble on our side nothing is to be made but an error.
    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Answer, Trouble> {
        let failed = remote::unanswered(&self.base);
        let answer = request.bearer_auth(&self.token).send().await.map_err(&failed)?;
        let status = answer.status();
        let text = answer.text().await.map_err(failed)?;
        let body = serde_json::from_str(&text)
            .map_err(|_| format!("{} answered {status}, and no JSON", self.base))?;
        if status.is_success() {
            return Ok(Ok(body));
        }
        let problem = Problem { status: status.as_u16(), body };
        if problem.is_no() { Ok(Err(problem)) } else { Err(problem.into()) }
    }
}

pub(super) fn understood<T: DeserializeOwned>(body: Value) -> Result<T, String> {
    serde_json::from_value(body).map_err(|error| format!("the answer is of another version: {error}"))
}

/// Text of a sender's, made harmless to a terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_is_no_way_to_another_path() {
        assert_eq!(one("evt_01jb/../../clients?x#y"), "/api/webhooks/events/evt_01jbclientsxy");
    }

    #[test]
    fn a_problem_says_which_parts_are_wrong() {
        let body = json!({"code": "invalid_parameter", "detail": "", "errors": [
            {"pointer": "/state", "code": "unknown_state", "detail": "pending or\u{1b} held"}]});
        let problem = Problem { status: 422, body };
        assert_eq!(
            plain(&problem.to_string()),
            "422 invalid_parameter; /state unknown_state: pending or\u{fffd} held"
        );
    }
}
