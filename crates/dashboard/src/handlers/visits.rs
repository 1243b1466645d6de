//! One request of a person's: who it is, as the services say, and the answer where a page can't be shown.

use std::time::Duration;

use actix_web::http::header::{COOKIE, HOST, HeaderName, HeaderValue, LOCATION, ORIGIN, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template as _;
use auth::secret::Secret;
use contract::audit::Text;
use http_kit::caller::{Anyone, Caller};
use http_kit::client::OnBehalf;
use http_kit::problem::Failure;
use serde::Deserialize;

use crate::domain::addresses::{AUDIT, login_for};
use crate::domain::cookies::{Cookie, Shown, is_plain};
use crate::domain::forms::{Form, Provenance};
use crate::domain::tokens;
use crate::error::Error;
use crate::pages::message::MessagePage;
use crate::pages::{self, Frame, Here, Person};
use crate::state::State;

/// How long sso-issuer may take.
pub(super) const ASK: Duration = Duration::from_secs(10);

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A request at hand.
#[derive(Clone, Copy)]
pub(super) struct Visit<'a> {
    pub(super) caller: &'a Caller<Anyone>,
    pub(super) request: &'a HttpRequest,
    pub(super) state: &'a State,
}

/// A person who shows a token. Whether it is good, the services say that are asked under it.
pub(super) struct Visitor {
    token: Secret,
    address: Option<std::net::IpAddr>,
    /// Sets a fresh token, if the one that came was exchanged.
    set_cookie: Option<String>,
}

/// A token of sso-issuer's.
#[derive(Deserialize)]
pub(super) struct Token {
    pub(super) token: String,
}

impl Visitor {
    /// Calls are made under the person's own token.
    pub(super) fn on_behalf(&self) -> OnBehalf {
        OnBehalf { bearer: Some(self.token.clone()), address: self.address }
    }
}

impl Visit<'_> {
    /// The session's cookie.
    pub(super) fn session(&self) -> Option<Shown> {
        self.cookie(Cookie::Session)
    }

    pub(super) fn cookie(&self, cookie: Cookie) -> Option<Shown> {
        let headers = self.request.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
        cookie.read(headers, self.state.always_secure)
    }

    /// Where the browser says that the request comes from.
    pub(super) fn provenance(&self) -> Provenance<'_> {
        Provenance { host: self.header(HOST), origin: self.header(ORIGIN), site: self.header(FETCH_SITE) }
    }

    /// A header's text; what is not text is the empty text, which is nobody's.
    fn header(&self, name: HeaderName) -> Option<&str> {
        self.request.headers().get(name).map(|value| value.to_str().unwrap_or_default())
    }

    /// What is around a page for this visitor.
    pub(super) fn frame(&self, visitor: Option<&Visitor>, here: Here) -> Frame {
        let person = visitor.map(|visitor| {
            let token = visitor.token.expose();
            let (name, role) = tokens::bearer(token);
            let logout_proof = self.state.forms.proof(Form::Logout, &tokens::session(token));
            Person { name, role, logout_proof }
        });
        Frame::new(person, here)
    }

    /// Answers with a page for a person who is logged in.
    pub(super) async fn show(
        self,
        page: impl AsyncFnOnce(&Visitor) -> Result<HttpResponse, Error>,
    ) -> HttpResponse {
        let visitor = match self.visitor().await {
            Ok(visitor) => visitor,
            Err(error) => return self.refuse(error, None),
        };
        let mut response = match page(&visitor).await {
            // Whoever is sent to log in again keeps no token.
            Err(Error::LoginNeeded) => return self.refuse(Error::LoginNeeded, None),
            Err(error) => self.refuse(error, Some(&visitor)),
            Ok(response) => response,
        };
        if let Some(line) = &visitor.set_cookie {
            set_cookie(&mut response, line);
        }
        response
    }

    /// Who this is, with a token that is not old.
    async fn visitor(&self) -> Result<Visitor, Error> {
        let Shown { mut value, secure } = self.session().ok_or(Error::LoginNeeded)?;
        let mut set_cookie = None;
        if tokens::is_stale(&value, self.state.clock.now())
            && let Some(fresh) = self.exchange(&value).await?
        {
            set_cookie = Some(Cookie::Session.set(secure, &fresh));
            value = fresh;
        }
        Ok(Visitor { token: Secret::new(value), address: self.caller.address(), set_cookie })
    }

    /// A fresh token for one that has been used for a while. Where there is none to be had now, the old one is good for as long as
    /// the services say.
    async fn exchange(&self, token: &str) -> Result<Option<String>, Error> {
        let person = OnBehalf { bearer: Some(Secret::new(token)), address: self.caller.address() };
        let (context, empty) = (self.caller.context(), serde_json::json!({}));
        let asking = self.state.sso_issuer.post_json_for(context, &person, "/api/auth/refresh", &empty, ASK);
        let why = match asking.await {
            Ok(Ok(Token { token })) if is_plain(&token) => return Ok(Some(token)),
            Ok(Err(refusal)) if refusal.status == 401 => return Err(Error::LoginNeeded),
            Ok(Ok(_)) => "sso-issuer gave one that can't be a cookie".to_owned(),
            Ok(Err(refusal)) => format!("sso-issuer answered {}", refusal.status),
            Err(error) => error.to_string(),
        };
        tracing::warn!(why, "a staff token could not be exchanged for a fresh one");
        Ok(None)
    }

    /// The answer where a page can't be shown.
    pub(super) fn refuse(&self, error: Error, visitor: Option<&Visitor>) -> HttpResponse {
        if matches!(error, Error::LoginNeeded) {
            return self.login_needed();
        }
        if error.is_recorded() {
            self.caller.audit().recorded();
        }
        if let Error::Forged(forged) = &error {
            self.caller.audit().add_detail("refusal", Text::open(forged.as_str()));
        }
        let request_id = self.caller.context().request_id().to_string();
        let page = MessagePage::of(&error, self.frame(visitor, Here::Elsewhere), request_id).render();
        let failure = Failure::new(error.code());
        let failure = if error.code().status() >= 500 { failure.caused_by(error) } else { failure };
        match page {
            Ok(html) => pages::guarded(failure.into_page(html)),
            // Without its template a page is still a problem.
            Err(_) => HttpResponse::from_error(failure),
        }
    }

    /// To the log-in, and from there back here, if here is a page.
    fn login_needed(&self) -> HttpResponse {
        let here = self.request.uri().path_and_query().map_or(AUDIT, |here| here.as_str());
        let mut response = HttpResponse::SeeOther().insert_header((LOCATION, login_for(here))).finish();
        if self.session().is_some() {
            forget_session(&mut response);
        }
        pages::guarded(response)
    }
}

/// Adds a `Set-Cookie`.
pub(super) fn set_cookie(response: &mut HttpResponse, line: &str) {
    // Cookies are made of plain characters alone, so the line is always a header's value.
    if let Ok(value) = HeaderValue::from_str(line) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// Takes the session away, under whichever name it came.
pub(super) fn forget_session(response: &mut HttpResponse) {
    for secure in [false, true] {
        set_cookie(response, &Cookie::Session.clear(secure));
    }
}
