//! A dashboard, what stands behind it, and a browser before it.

use std::time::Duration;

use auth::random::Random;
use contract::clock::{Clock, ManualClock, Timestamp};
use dashboard::{Config, Seams};
use http_kit::config::Mode;
use http_kit::server::Listen;
use http_kit::service::Running;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use test_kit::credentials;
use test_kit::waiting::PATIENCE;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Obvious placeholders.
pub(crate) const INTERNAL_SECRET: &str = "test-internal-secret-test-internal-secret-test-internal-00000005";
const JWT_SECRET: &str = "test-jwt-secret-test-jwt-secret-test-jwt-secret-test-jwt-0000003";

/// Where the clock of the tests begins, in seconds.
const START: i64 = 1_790_000_000;

/// A dashboard with services of the test behind it.
pub(crate) struct World {
    pub(crate) sso_issuer: MockServer,
    pub(crate) audit_log: MockServer,
    pub(crate) hands: ManualClock,
    running: Running,
    http: reqwest::Client,
}

impl World {
    /// One in development, whose audit-log takes entries.
    pub(crate) async fn start() -> Self {
        Self::start_in(Mode::Development).await
    }

    /// One in this mode.
    pub(crate) async fn start_in(mode: Mode) -> Self {
        let (sso_issuer, audit_log) = (MockServer::start().await, MockServer::start().await);
        let taken = ResponseTemplate::new(200).set_body_json(json!({ "appended": 1, "alreadyThere": 0 }));
        Mock::given(method("POST"))
            .and(path("/internal/entries"))
            .respond_with(taken)
            .mount(&audit_log)
            .await;
        let config = Config {
            listen: Listen::on("127.0.0.1:0"),
            mode,
            internal: credentials::ring(INTERNAL_SECRET),
            sso_issuer_url: sso_issuer.uri(),
            audit_log_url: audit_log.uri(),
        };
        let (clock, hands) = Clock::manual(Timestamp::from_micros(START * 1_000_000));
        let running = dashboard::start(config, Seams { clock, random: Random::system() }).expect("started");
        let _first = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .expect("a client");
        Self { sso_issuer, audit_log, hands, running, http }
    }

    /// The host and port, as a browser puts them into `Host` and `Origin`.
    pub(crate) fn authority(&self) -> String {
        self.running.address().to_string()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.running.url()))
    }

    /// Gets a page as nobody.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    /// Gets a page under this token.
    pub(crate) async fn get_as(&self, token: &str, path: &str) -> Response {
        let request = self.request(Method::GET, path).header(COOKIE, format!("crm_session={token}"));
        request.send().await.expect("an answer")
    }

    /// Lets a service answer one call like this from now on.
    pub(crate) async fn on(server: &MockServer, verb: &str, at: &str, answer: ResponseTemplate) {
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(server).await;
    }

    /// audit-log answers this page of the trail.
    pub(crate) async fn trail(&self, page: Value) {
        let answer = ResponseTemplate::new(200).set_body_json(page);
        Self::on(&self.audit_log, "GET", "/api/audit/entries", answer).await;
    }

    /// audit-log refuses whatever is asked of the trail.
    pub(crate) async fn trail_refuses(&self, status: u16, code: &str, errors: &Value) {
        Self::on(&self.audit_log, "GET", "/api/audit/entries", problem(status, code, errors)).await;
    }

    /// The requests to this path of a service so far.
    pub(crate) async fn asked(server: &MockServer, at: &str) -> Vec<Request> {
        let all = server.received_requests().await.expect("kept");
        all.into_iter().filter(|request| request.url.path() == at).collect()
    }

    /// The audit entries of requests that the dashboard itself has sent so far: without that of its start.
    pub(crate) async fn recorded(&self) -> Vec<Value> {
        let sent = Self::asked(&self.audit_log, "/internal/entries").await;
        let bodies = sent.iter().map(|request| request.body_json::<Value>().expect("JSON"));
        let entries = bodies.flat_map(|body| body["entries"].as_array().cloned().unwrap_or_default());
        let payload =
            |entry: Value| serde_json::from_str(entry["payload"].as_str().expect("text")).expect("JSON");
        entries.map(payload).filter(|entry: &Value| entry["action"] != "service.start").collect()
    }

    /// A log-in page, ready to be filled in.
    pub(crate) async fn login_page(&self, path: &str) -> Form {
        Form::of(self.get(path).await).await
    }
}

/// A problem as services answer it.
pub(crate) fn problem(status: u16, code: &str, errors: &Value) -> ResponseTemplate {
    let body = json!({
        "type": format!("urn:crm-bridge:problem:{code}"), "title": "t", "status": status, "detail": "d", "code": code,
        "requestId": "req-1", "errors": errors,
    });
    ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/problem+json")
}

/// A staff JWT of one log-in, made this many seconds before the clock of the tests begins.
pub(crate) fn token(age: Duration) -> String {
    let issued = START - i64::try_from(age.as_secs()).expect("a small number");
    token_of("ses_1", issued)
}

/// A staff JWT of this log-in.
pub(crate) fn token_of(session: &str, issued: i64) -> String {
    credentials::signed(
        JWT_SECRET,
        &json!({
            "sub": "st_1", "email": "ann@broker.example", "name": "Ann <i>Lee</i>", "role": "auditor", "sid": session,
            "iat": issued, "exp": issued + 43_200,
        }),
    )
}

/// A page with a form, as a browser holds it.
pub(crate) struct Form {
    pub(crate) html: String,
    pub(crate) cookie: String,
    pub(crate) proof: String,
}

impl Form {
    pub(crate) async fn of(answer: Response) -> Self {
        let cookie = cookies(&answer).first().map(|line| pair(line)).unwrap_or_default();
        let html = answer.text().await.expect("a page");
        let proof = value_of(&html, "proof");
        Self { html, cookie, proof }
    }
}

/// The `Set-Cookie` lines of an answer.
pub(crate) fn cookies(answer: &Response) -> Vec<String> {
    let lines = answer.headers().get_all(SET_COOKIE).iter();
    lines.map(|line| line.to_str().expect("text").to_owned()).collect()
}

/// `name=value` of a `Set-Cookie` line.
pub(crate) fn pair(line: &str) -> String {
    line.split(';').next().unwrap_or_default().to_owned()
}

/// The value of a page's hidden field.
pub(crate) fn value_of(html: &str, name: &str) -> String {
    let marker = format!("name=\"{name}\" value=\"");
    let (_, after) = html.split_once(&marker).unwrap_or_else(|| panic!("no field {name} in {html}"));
    after.split('"').next().unwrap_or_default().to_owned()
}

/// Where an answer leads.
pub(crate) fn location(answer: &Response) -> &str {
    answer.headers().get(LOCATION).map_or("", |value| value.to_str().expect("text"))
}

/// A form's body.
pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
