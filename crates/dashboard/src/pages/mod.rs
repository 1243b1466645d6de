//! The pages as data for their templates, and the headers that go with every one of them. Templates escape all that they are given;
//! nothing here is marked as safe.

pub(crate) mod assets;
pub(crate) mod entries;
pub(crate) mod login;
pub(crate) mod message;

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use askama::Template;

use crate::error::Error;

/// Nothing but our own files, no script or style in a page, and nobody may frame it. `same-origin` and not `no-referrer`: under the
/// latter browsers hide where a form comes from, and we would refuse our own.
const SAFETY: [(HeaderName, &str); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// What is around every page.
pub(crate) struct Frame {
    css: String,
    js: String,
    icon: String,
    /// Who is logged in.
    person: Option<Person>,
    here: Here,
}

/// Where a page is, as the navigation shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Here {
    /// The Audit Logs page itself.
    AuditLogs,
    /// One entry, which is reached from there.
    AuditEntry,
    /// In no place of the navigation.
    Elsewhere,
}

impl Here {
    /// `aria-current` of the link to the Audit Logs: `page` only where the link leads to the page that it is on.
    fn audit_logs(self) -> Option<&'static str> {
        match self {
            Self::AuditLogs => Some("page"),
            Self::AuditEntry => Some("true"),
            Self::Elsewhere => None,
        }
    }
}

/// Whoever is logged in.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) role: String,
    /// Proof for the form that logs out.
    pub(crate) logout_proof: String,
}

impl Frame {
    /// Around a page for this person, or for anybody.
    pub(crate) fn new(person: Option<Person>, here: Here) -> Self {
        let [css, js, icon] = ["app.css", "app.js", "icon.svg"].map(assets::address);
        Self { css, js, icon, person, here }
    }
}

/// A page that is what was asked for.
pub(crate) fn shown(page: &impl Template) -> Result<HttpResponse, Error> {
    let html = page.render()?;
    Ok(guarded(HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(html)))
}

/// Puts the headers of every page on an answer.
pub(crate) fn guarded(mut response: HttpResponse) -> HttpResponse {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in SAFETY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
