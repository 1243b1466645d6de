//! I16: a form is taken from our own pages alone.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{COOKIE, ORIGIN};
use serde_json::json;
use test_kit::waiting::wait_for;
use wiremock::ResponseTemplate;

use crate::world::{World, encoded, pair, token, token_of, value_of};

fn log_in_fields(proof: &str) -> String {
    encoded(&[("proof", proof), ("email", "ann@broker.example"), ("password", "p")])
}

/// Has anybody asked sso-issuer to log in or out?
async fn nothing_was_done(world: &World) {
    for path in ["/api/auth/login", "/api/auth/logout"] {
        assert!(World::asked(&world.sso_issuer, path).await.is_empty(), "{path} was called");
    }
}

#[actix_web::test]
async fn a_log_in_without_proof_is_refused_and_on_the_trail() {
    let world = World::start().await;
    let form = world.login_page("/login").await;
    let other = world.login_page("/login").await;
    assert_ne!(form.proof, other.proof, "each browser has its own");
    let attempts = [
        (None, form.proof.as_str()),
        (Some(form.cookie.as_str()), ""),
        (Some(form.cookie.as_str()), "AAAA"),
        (Some(form.cookie.as_str()), other.proof.as_str()),
        (Some("crm_login="), form.proof.as_str()),
    ];
    for (cookie, proof) in attempts {
        let mut request = world.request(Method::POST, "/login").body(log_in_fields(proof));
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "{cookie:?} {proof}");
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        assert!(answer.text().await.expect("a page").contains("not valid any more"));
    }
    nothing_was_done(&world).await;
    world.hands.advance(Duration::from_secs(1));
    wait_for("five refusals on the trail", async || {
        let entries = world.recorded().await;
        entries
            .iter()
            .filter(|entry| entry["reason"] == "permission_denied" && entry["route"] == "/login")
            .filter_map(|entry| entry["count"].as_u64())
            .sum::<u64>()
            == 5
    })
    .await;
    let entries = world.recorded().await;
    assert!(entries.iter().any(|entry| entry["details"]["refusal"] == "form_without_proof"), "{entries:?}");
}

#[actix_web::test]
async fn a_form_of_another_site_is_refused() {
    let world = World::start().await;
    let form = world.login_page("/login").await;
    let own = format!("http://{}", world.authority());
    let foreign = [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:1"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ];
    for (name, value) in foreign {
        let request = world.request(Method::POST, "/login").header(COOKIE, &form.cookie);
        let request = request.header(name, value).body(log_in_fields(&form.proof));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "{name}: {value}");
        assert!(answer.text().await.expect("a page").contains("another site"));
    }
    nothing_was_done(&world).await;

    let fresh =
        ResponseTemplate::new(200).set_body_json(json!({ "token": token(Duration::ZERO), "expiresIn": 900 }));
    World::on(&world.sso_issuer, "POST", "/api/auth/login", fresh).await;
    let request = world.request(Method::POST, "/login").header(COOKIE, &form.cookie).header(ORIGIN, own);
    let request = request.header("sec-fetch-site", "same-origin").body(log_in_fields(&form.proof));
    assert_eq!(request.send().await.expect("an answer").status(), 303);
}

#[actix_web::test]
async fn nobody_is_logged_out_by_another_site_or_for_another_session() {
    let world = World::start().await;
    world.trail(json!({ "entries": [], "nextCursor": null })).await;
    World::on(&world.sso_issuer, "POST", "/api/auth/logout", ResponseTemplate::new(204)).await;
    let mine = token(Duration::ZERO);
    let page = world.get_as(&mine, "/audit").await.text().await.expect("a page");
    let proof = value_of(&page, "proof");
    let others = token_of("ses_2", 1_790_000_000);
    let page = world.get_as(&others, "/audit").await.text().await.expect("a page");
    let foreign_proof = value_of(&page, "proof");

    let cookie = format!("crm_session={mine}");
    let send = async |proof: &str, origin: Option<&str>| {
        let mut request = world.request(Method::POST, "/logout").header(COOKIE, &cookie);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        request.body(encoded(&[("proof", proof)])).send().await.expect("an answer")
    };
    assert_eq!(send("", None).await.status(), 403);
    assert_eq!(send(&foreign_proof, None).await.status(), 403);
    assert_eq!(send(&proof, Some("https://evil.example")).await.status(), 403);
    nothing_was_done(&world).await;

    let answer = send(&proof, Some(&format!("http://{}", world.authority()))).await;
    assert_eq!(answer.status(), 303);
    assert!(
        crate::world::cookies(&answer)
            .iter()
            .any(|line| pair(line) == "crm_session=" && line.contains("Max-Age=0"))
    );
    let asked = World::asked(&world.sso_issuer, "/api/auth/logout").await;
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].headers["authorization"], format!("Bearer {mine}"));
    assert_eq!(world.request(Method::GET, "/logout").send().await.expect("an answer").status(), 405);
}

/// Framed, sniffed, cached: the headers of every page forbid it.
#[actix_web::test]
async fn every_page_carries_the_headers_that_guard_it() {
    let world = World::start().await;
    world.trail(json!({ "entries": [], "nextCursor": null })).await;
    let token = token(Duration::ZERO);
    let answers = [
        (200, world.get("/login").await),
        (303, world.get("/").await),
        (303, world.get("/audit").await),
        (200, world.get_as(&token, "/audit").await),
        (404, world.get("/audit/a/b").await),
        (404, world.get_as(&token, "/audit/none").await),
        (403, world.request(Method::POST, "/login").send().await.expect("an answer")),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status(), status);
        let headers = answer.headers();
        let policy = headers["content-security-policy"].to_str().expect("text");
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "script-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
        ] {
            assert!(policy.split("; ").any(|said| said == part), "{part} in {policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "same-origin");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(headers.contains_key("permissions-policy") && headers.contains_key("x-request-id"));
    }
}
