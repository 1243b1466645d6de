//! Logging in and out. Who may, sso-issuer decides; here a token becomes a cookie.

use std::collections::BTreeMap;

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template as _;
use auth::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::problems::Code;
use http_kit::caller::{Anyone, Caller};
use http_kit::client::OnBehalf;
use http_kit::problem::Failure;
use serde::Serialize;
use serde::de::IgnoredAny;

use super::visits::{ASK, Token, Visit, forget_session, set_cookie};
use crate::domain::addresses::{AUDIT, LOGIN, next};
use crate::domain::cookies::{Cookie, is_plain};
use crate::domain::forms::Form;
use crate::domain::tokens;
use crate::error::Error;
use crate::pages::login::{LoginPage, Said};
use crate::pages::{self, Frame, Here};
use crate::state::State;

/// What sso-issuer is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogIn<'a> {
    email: &'a str,
    password: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_password: Option<&'a str>,
}

/// A form as it was sent; of fields that are there twice the last counts.
struct Fields(BTreeMap<String, String>);

impl Fields {
    fn read(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

/// `GET /login`
pub(crate) async fn show_login(
    caller: Caller<Anyone>,
    request: HttpRequest,
    parameters: web::Query<Vec<(String, String)>>,
    state: web::Data<State>,
) -> HttpResponse {
    let visit = Visit { caller: &caller, request: &request, state: &state };
    // The number that other open log-in pages of this browser rest on stays.
    let known = visit.cookie(Cookie::Login);
    let number =
        known.map_or_else(|| URL_SAFE_NO_PAD.encode(state.random.bytes::<32>()), |shown| shown.value);
    let wanted = parameters.iter().find(|(name, _)| name == "next").map_or("", |(_, value)| value);
    let page = login_page(&state, &number, wanted, "", Said::default());
    let mut response = match pages::shown(&page) {
        Ok(response) => response,
        Err(error) => return visit.refuse(error, None),
    };
    set_cookie(&mut response, &Cookie::Login.set(state.always_secure, &number));
    response
}

/// `POST /login`
pub(crate) async fn create_session(
    caller: Caller<Anyone>,
    request: HttpRequest,
    body: web::Bytes,
    state: web::Data<State>,
) -> HttpResponse {
    let visit = Visit { caller: &caller, request: &request, state: &state };
    log_in(visit, &Fields::read(&body)).await.unwrap_or_else(|error| visit.refuse(error, None))
}

async fn log_in(visit: Visit<'_>, fields: &Fields) -> Result<HttpResponse, Error> {
    let Visit { caller, state, .. } = visit;
    let provenance = visit.provenance();
    provenance.check()?;
    let number = visit.cookie(Cookie::Login).map(|shown| shown.value);
    state.forms.check(Form::Login, number.as_deref(), fields.get("proof"))?;
    let number = number.unwrap_or_default();

    let chosen = Some(fields.get("newPassword")).filter(|text| !text.is_empty());
    if chosen.is_some_and(|chosen| chosen != fields.get("repeated")) {
        return again(visit, &number, fields, Said::not_repeated(), None);
    }
    let shown = LogIn { email: fields.get("email"), password: fields.get("password"), new_password: chosen };
    let nobody = OnBehalf { bearer: None, address: caller.address() };
    let told =
        state.sso_issuer.post_json_for(caller.context(), &nobody, "/api/auth/login", &shown, ASK).await?;
    match told {
        Ok(Token { token }) if is_plain(&token) => {
            let secure = state.always_secure || provenance.is_https();
            let to = next(fields.get("next")).unwrap_or(AUDIT);
            let mut response = HttpResponse::SeeOther().insert_header((LOCATION, to)).finish();
            set_cookie(&mut response, &Cookie::Session.set(secure, &token));
            set_cookie(&mut response, &Cookie::Login.clear(state.always_secure));
            Ok(pages::guarded(response))
        }
        Ok(_) => Err(Error::UnfitToken),
        Err(refusal) => match Said::of(&refusal, chosen.is_some()) {
            Some(said) => {
                // sso-issuer has put the refusal on the trail.
                caller.audit().recorded();
                again(visit, &number, fields, said, refusal.retry_after)
            }
            None => Err(refusal.into()),
        },
    }
}

/// The form once more, without what is secret, and with what was wrong.
fn again(
    visit: Visit<'_>,
    number: &str,
    fields: &Fields,
    said: Said,
    retry_after: Option<u64>,
) -> Result<HttpResponse, Error> {
    let failure = Failure::new(said.code.unwrap_or(Code::LoginFailed));
    let failure = match retry_after {
        Some(seconds) => failure.retry_after(seconds),
        None => failure,
    };
    let page = login_page(visit.state, number, fields.get("next"), fields.get("email"), said);
    Ok(pages::guarded(failure.into_page(page.render()?)))
}

fn login_page(state: &State, number: &str, wanted: &str, email: &str, said: Said) -> LoginPage {
    LoginPage {
        frame: Frame::new(None, Here::Elsewhere),
        proof: state.forms.proof(Form::Login, number),
        next: next(wanted).unwrap_or_default().to_owned(),
        email: email.to_owned(),
        said,
    }
}

/// `POST /logout`
pub(crate) async fn end_session(
    caller: Caller<Anyone>,
    request: HttpRequest,
    body: web::Bytes,
    state: web::Data<State>,
) -> HttpResponse {
    let visit = Visit { caller: &caller, request: &request, state: &state };
    log_out(visit, &Fields::read(&body)).await.unwrap_or_else(|error| visit.refuse(error, None))
}

/// The cookie goes only once sso-issuer has ended the session: whoever reads that they are logged out is.
async fn log_out(visit: Visit<'_>, fields: &Fields) -> Result<HttpResponse, Error> {
    let Visit { caller, state, .. } = visit;
    visit.provenance().check()?;
    let token = visit.session().ok_or(Error::LoginNeeded)?.value;
    state.forms.check(Form::Logout, Some(&tokens::session(&token)), fields.get("proof"))?;
    let person = OnBehalf { bearer: Some(Secret::new(token)), address: caller.address() };
    let empty = serde_json::json!({});
    let told =
        state.sso_issuer.post_json_for(caller.context(), &person, "/api/auth/logout", &empty, ASK).await?;
    match told {
        Ok(IgnoredAny) => {}
        // There is no such session, or not one that can be ended: nothing is left to log out of.
        Err(refusal) if matches!(refusal.status, 401 | 403) => {}
        Err(refusal) => return Err(refusal.into()),
    }
    let mut response = HttpResponse::SeeOther().insert_header((LOCATION, LOGIN)).finish();
    forget_session(&mut response);
    Ok(pages::guarded(response))
}
