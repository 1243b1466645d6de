//! A sso-issuer for tests of other services: it knows nobody, and takes everybody at the word of their JWT.

use contract::internal::{CHECK_STAFF, CheckStaff, CheckedStaff, StaffRefusal, StaffVerdict};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The `sub` of somebody who is disabled.
pub const DISABLED: &str = "stf_disabled";

/// Starts one; it answers at its `uri()` until it is dropped. Only [`DISABLED`] is refused.
pub async fn accepting() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path(CHECK_STAFF)).respond_with(answer).mount(&server).await;
    server
}

fn answer(request: &Request) -> ResponseTemplate {
    let CheckStaff { sub: id, email, roles, .. } = request.body_json().expect("a question about staff");
    let verdict = if id == DISABLED {
        StaffVerdict::Refused { reason: StaffRefusal::Disabled }
    } else {
        StaffVerdict::Known(CheckedStaff { id, email, roles, external: true })
    };
    ResponseTemplate::new(200).set_body_json(verdict)
}
