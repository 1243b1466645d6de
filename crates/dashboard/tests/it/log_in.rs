//! Logging in: what sso-issuer is shown, what becomes of its answer, and where it leads.

use std::time::Duration;

use http_kit::config::Mode;
use reqwest::header::{COOKIE, ORIGIN};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use test_kit::credentials;
use wiremock::ResponseTemplate;

use crate::world::{Form, INTERNAL_SECRET, World, cookies, encoded, location, problem, token, value_of};

const LOGIN: &str = "/api/auth/login";

async fn lets_in(world: &World) -> String {
    let token = token(Duration::ZERO);
    let staff = json!({ "id": "st_1", "email": "ann@broker.example", "name": "Ann", "role": "admin" });
    let answer = json!({ "token": token, "expiresIn": 900, "staff": staff });
    World::on(&world.sso_issuer, "POST", LOGIN, ResponseTemplate::new(200).set_body_json(answer)).await;
    token
}

async fn send(world: &World, form: &Form, more: &[(&str, &str)]) -> Response {
    let mut fields =
        vec![("proof", form.proof.as_str()), ("email", "ann@broker.example"), ("password", "päss&word")];
    fields.extend(more);
    let request = world.request(Method::POST, "/login").header(COOKIE, &form.cookie).body(encoded(&fields));
    request.send().await.expect("an answer")
}

#[actix_web::test]
async fn a_right_password_makes_a_session_that_scripts_and_other_sites_do_not_get() {
    let world = World::start().await;
    let token = lets_in(&world).await;
    let answer = send(&world, &world.login_page("/login").await, &[]).await;
    assert_eq!((answer.status().as_u16(), location(&answer)), (303, "/audit"));
    let lines = cookies(&answer);
    assert_eq!(lines[0], format!("crm_session={token}; Path=/; HttpOnly; SameSite=Strict"));
    assert!(lines[1].starts_with("crm_login=;") && lines[1].contains("Max-Age=0"), "{lines:?}");
    let asked = World::asked(&world.sso_issuer, LOGIN).await;
    assert_eq!(
        asked[0].body_json::<Value>().expect("JSON"),
        json!({ "email": "ann@broker.example", "password": "päss&word" })
    );
    assert!(!asked[0].headers.contains_key("authorization"));
}

/// In production, and wherever the browser came by HTTPS, the cookie is for HTTPS alone.
#[actix_web::test]
async fn the_session_is_for_https_alone_where_there_is_https() {
    let world = World::start_in(Mode::Production).await;
    lets_in(&world).await;
    let form = world.login_page("/login").await;
    assert!(form.cookie.starts_with("__Host-crm_login="), "{}", form.cookie);
    let answer = send(&world, &form, &[]).await;
    let line = cookies(&answer).remove(0);
    assert!(
        line.starts_with("__Host-crm_session=")
            && line.contains("; Path=/; HttpOnly; SameSite=Strict; Secure"),
        "{line}"
    );

    let world = World::start().await;
    lets_in(&world).await;
    let form = world.login_page("/login").await;
    let fields = encoded(&[("proof", &form.proof), ("email", "a"), ("password", "b")]);
    let request = world.request(Method::POST, "/login").header(COOKIE, &form.cookie);
    let request = request.header(ORIGIN, format!("https://{}", world.authority())).body(fields);
    let line = cookies(&request.send().await.expect("an answer")).remove(0);
    assert!(line.starts_with("__Host-crm_session=") && line.contains("; Secure"), "{line}");
}

/// In production a cookie that anybody on the way could have set counts for nothing.
#[actix_web::test]
async fn production_reads_no_cookie_that_http_can_set() {
    let world = World::start_in(Mode::Production).await;
    let answer = world.get_as(&token(Duration::ZERO), "/audit").await;
    assert_eq!((answer.status().as_u16(), location(&answer)), (303, "/login"));
    assert!(World::asked(&world.audit_log, "/api/audit/entries").await.is_empty());
}

#[actix_web::test]
async fn a_log_in_leads_back_to_our_own_pages_and_nowhere_else() {
    let world = World::start().await;
    lets_in(&world).await;
    let wanted = "/audit?category=webhook&text=a%20b";
    let answer = world.get(wanted).await;
    assert_eq!(answer.status(), 303);
    let login = location(&answer).to_owned();
    assert!(login.starts_with("/login?next=%2Faudit%3F"), "{login}");
    let form = world.login_page(&login).await;
    let next = value_of(&form.html, "next").replace("&#38;", "&").replace("&amp;", "&");
    assert_eq!(next, wanted);
    assert_eq!(location(&send(&world, &form, &[("next", &next)]).await), wanted);

    for evil in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/audit/..//evil.example",
        "/audit\r\nx: y",
    ] {
        let page = world.login_page(&format!("/login?{}", encoded(&[("next", evil)]))).await;
        assert_eq!(value_of(&page.html, "next"), "", "{evil}");
        let answer = send(&world, &page, &[("next", evil)]).await;
        assert_eq!((answer.status().as_u16(), location(&answer)), (303, "/audit"), "{evil}");
    }
}

#[actix_web::test]
async fn a_wrong_password_is_told_without_a_trace_of_it() {
    let world = World::start().await;
    World::on(&world.sso_issuer, "POST", LOGIN, problem(401, "login_failed", &json!([]))).await;
    let form = world.login_page("/login").await;
    let answer = send(&world, &form, &[("email", "\"><script>alert(1)</script>")]).await;
    assert_eq!(answer.status(), 401);
    assert!(cookies(&answer).is_empty());
    let html = answer.text().await.expect("a page");
    assert!(html.contains("The email address or the password is not right."));
    assert!(!html.contains("päss") && !html.contains("<script>alert"), "{html}");
    assert!(html.contains("&#60;script&#62;alert(1)"), "what was entered is still there, as text");
    assert_eq!(value_of(&html, "proof"), form.proof, "the page can be used again");
    world.hands.advance(Duration::from_secs(2));
    assert_eq!(world.recorded().await, Vec::<Value>::new(), "sso-issuer has recorded it already");
}

#[actix_web::test]
async fn who_is_locked_out_reads_for_how_long() {
    let world = World::start().await;
    let locked = problem(429, "login_locked", &json!([])).insert_header("retry-after", "900");
    World::on(&world.sso_issuer, "POST", LOGIN, locked).await;
    let answer = send(&world, &world.login_page("/login").await, &[]).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"900".parse().expect("a value"))
    );
    assert!(answer.text().await.expect("a page").contains("Try again in 15 minutes."));
}

#[actix_web::test]
async fn a_one_time_password_asks_for_one_of_ones_own() {
    let world = World::start().await;
    let must = wiremock::Mock::given(wiremock::matchers::path(LOGIN))
        .respond_with(problem(403, "password_change_required", &json!([])))
        .up_to_n_times(1);
    must.mount(&world.sso_issuer).await;
    let short =
        json!([{ "pointer": "/newPassword", "code": "too_short", "detail": "at least 12 characters" }]);
    let weak = wiremock::Mock::given(wiremock::matchers::path(LOGIN)).respond_with(problem(
        422,
        "invalid_body",
        &short,
    ));
    weak.up_to_n_times(1).mount(&world.sso_issuer).await;
    lets_in(&world).await;

    let form = world.login_page("/login").await;
    assert!(!form.html.contains("newPassword"));
    let answer = send(&world, &form, &[]).await;
    assert_eq!(answer.status(), 403);
    let html = answer.text().await.expect("a page");
    assert!(
        html.contains("name=\"newPassword\"") && html.contains("name=\"repeated\"") && !html.contains("päss")
    );

    let differing = send(&world, &form, &[("newPassword", "one"), ("repeated", "two")]).await;
    assert_eq!(differing.status(), 422);
    assert!(differing.text().await.expect("a page").contains("not the same"));
    assert_eq!(World::asked(&world.sso_issuer, LOGIN).await.len(), 1, "nobody was asked");

    let weak = send(&world, &form, &[("newPassword", "short"), ("repeated", "short")]).await;
    assert_eq!(weak.status(), 422);
    let html = weak.text().await.expect("a page");
    assert!(
        html.contains("at least 12 characters")
            && html.contains("name=\"newPassword\"")
            && !html.contains("\"short\"")
    );

    let answer =
        send(&world, &form, &[("newPassword", "long enough it is"), ("repeated", "long enough it is")]).await;
    assert_eq!(answer.status(), 303);
    let asked = World::asked(&world.sso_issuer, LOGIN).await;
    assert_eq!(asked[2].body_json::<Value>().expect("JSON")["newPassword"], "long enough it is");
}

/// A failed log-in is recorded with the person's address, which the gateway told us and we tell sso-issuer.
#[actix_web::test]
async fn sso_issuer_learns_where_the_person_is() {
    let world = World::start().await;
    lets_in(&world).await;
    let form = world.login_page("/login").await;
    let post = |internal: Option<String>| {
        let fields = encoded(&[("proof", &form.proof), ("email", "a"), ("password", "b")]);
        let request = world.request(Method::POST, "/login").header(COOKIE, &form.cookie).body(fields);
        let request = request.header("x-crm-client-address", "203.0.113.9");
        match internal {
            Some(token) => request.header("x-crm-internal", token),
            None => request,
        }
    };
    assert_eq!(post(None).send().await.expect("an answer").status(), 303);
    let asked = World::asked(&world.sso_issuer, LOGIN).await;
    assert_eq!(asked[0].headers["x-crm-client-address"], "127.0.0.1", "anybody can claim to be anywhere");
    assert!(asked[0].headers.contains_key("x-crm-internal"));
    // The dashboard's own clock stands still, so the token is made for it.
    let clock =
        contract::clock::Clock::manual(contract::clock::Timestamp::from_micros(1_790_000_000_000_000)).0;
    let ring = credentials::ring(INTERNAL_SECRET);
    let gateway = auth::internal_token::issue(&ring, "gateway", "dashboard", clock.now());
    assert_eq!(post(Some(gateway)).send().await.expect("an answer").status(), 303);
    let asked = World::asked(&world.sso_issuer, LOGIN).await;
    assert_eq!(asked[1].headers["x-crm-client-address"], "203.0.113.9");
}
