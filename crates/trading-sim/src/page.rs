//! Where a staff member arrives who is to see what a client sees: `GET /sso/impersonate?token=`. The platform checks the token with
//! its own copy of the secret, and asks nobody. The token is in no log, and in no page.

use std::io;
use std::net::{SocketAddr, TcpListener};

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use auth::jwt::{Claims, JwtError, Verifier};
use contract::clock::Clock;
use serde::{Deserialize, Serialize};

/// The page at work. Dropping it does not stop it.
pub struct Page {
    address: SocketAddr,
    handle: ServerHandle,
}

/// What the page needs to know.
#[derive(Clone)]
struct Desk {
    sso: Verifier,
    clock: Clock,
}

#[derive(Deserialize)]
struct Query {
    token: Option<String>,
}

/// Who is impersonated, by whom, and until when.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Impersonation {
    client_email: String,
    client_id: Option<String>,
    impersonated_by: String,
    expires_at: i64,
}

impl Page {
    /// Starts it on a socket that listens. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the socket can't be served on.
    pub fn start(listener: TcpListener, sso: Verifier, clock: Clock) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let desk = web::Data::new(Desk { sso, clock });
        let server: Server = HttpServer::new(move || {
            let impersonate = web::resource("/sso/impersonate").route(web::get().to(show_impersonation));
            App::new().app_data(desk.clone()).service(impersonate).route("/", web::get().to(show_welcome))
        })
        .workers(1)
        .shutdown_timeout(1)
        .disable_signals()
        .listen(listener)?
        .run();
        let handle = server.handle();
        tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the page broke off");
            }
        });
        Ok(Self { address, handle })
    }

    /// `http://address:port`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it, after the answers in flight.
    pub async fn stop(self) {
        self.handle.stop(true).await;
    }
}

async fn show_welcome(request: HttpRequest) -> HttpResponse {
    let says = "This is a simulated trading platform. Staff arrive at /sso/impersonate?token=…";
    answer(&request, StatusCode::OK, "Trading platform", says, &serde_json::json!({"about": says}))
}

async fn show_impersonation(
    request: HttpRequest,
    desk: web::Data<Desk>,
    query: web::Query<Query>,
) -> HttpResponse {
    let token = query.into_inner().token.unwrap_or_default();
    match desk.sso.verify(&token, desk.clock.now()).and_then(|claims| Impersonation::read(&claims)) {
        Ok(who) => {
            tracing::info!("a staff member came in as a client");
            let says = format!("You see what {} sees. You are {}.", who.client_email, who.impersonated_by);
            answer(&request, StatusCode::OK, "Client's account", &says, &who)
        }
        Err(error) => {
            tracing::info!(%error, "an SSO token was refused");
            let says = format!("This link does not open anything: {error}.");
            let body = serde_json::json!({"error": error.to_string()});
            answer(&request, StatusCode::UNAUTHORIZED, "Not let in", &says, &body)
        }
    }
}

impl Impersonation {
    fn read(claims: &Claims) -> Result<Self, JwtError> {
        let text = |name| claims.text(name).map(str::to_owned);
        let expires_at = claims.get("exp").and_then(serde_json::Value::as_i64);
        Ok(Self {
            client_email: text("clientEmail").ok_or(JwtError::Claims)?,
            client_id: text("clientId"),
            impersonated_by: text("impersonatedBy").ok_or(JwtError::Claims)?,
            expires_at: expires_at.ok_or(JwtError::Time)?,
        })
    }
}

/// A page for browsers, JSON for those who ask for it. Neither leads anywhere, nor is it kept: the address holds a token.
fn answer(
    request: &HttpRequest,
    status: StatusCode,
    title: &str,
    says: &str,
    body: &impl Serialize,
) -> HttpResponse {
    let accepts = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut response = HttpResponse::build(status);
    response
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"));
    if accepts.contains("application/json") {
        return response.json(body);
    }
    response.content_type("text/html; charset=utf-8").body(format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n<h1>{title}</h1>\n<p>{}</p>\n</html>\n",
        escaped(says)
    ))
}

/// A text that HTML shows as it stands.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
