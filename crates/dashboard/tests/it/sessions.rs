//! A session as it goes on: fresh tokens, ends, and trouble of the services behind.

use std::time::Duration;

use serde_json::json;
use wiremock::ResponseTemplate;

use crate::world::{World, cookies, location, pair, problem, token, value_of};

const REFRESH: &str = "/api/auth/refresh";

async fn world() -> World {
    let world = World::start().await;
    world.trail(json!({ "entries": [], "nextCursor": null })).await;
    world
}

#[actix_web::test]
async fn the_door_leads_to_the_first_page_or_to_the_log_in() {
    let world = World::start().await;
    assert_eq!(location(&world.get("/").await), "/login");
    assert_eq!(location(&world.get_as(&token(Duration::ZERO), "/").await), "/audit");
}

#[actix_web::test]
async fn a_page_says_who_is_logged_in_and_as_what() {
    let world = world().await;
    let token = token(Duration::ZERO);
    let answer = world.get_as(&token, "/audit").await;
    assert!(cookies(&answer).is_empty(), "a token of this minute is kept");
    let html = answer.text().await.expect("a page");
    assert!(html.contains("Ann &#60;i&#62;Lee&#60;/i&#62;") && html.contains(">auditor<"), "{html}");
    assert!(html.contains("aria-current=\"page\""));
    // Of the pages that are reached from there the link leads to another.
    let none = world.get_as(&token, "/audit/none").await.text().await.expect("a page");
    assert!(none.contains(">Audit Logs</a>") && !none.contains("aria-current"), "{none}");
    let asked = World::asked(&world.audit_log, "/api/audit/entries").await;
    assert_eq!(asked[0].headers["authorization"], format!("Bearer {token}"));
    assert!(World::asked(&world.sso_issuer, REFRESH).await.is_empty());
}

#[actix_web::test]
async fn a_token_of_six_minutes_is_exchanged_and_older_pages_can_still_log_out() {
    let world = world().await;
    let (old, fresh) = (token(Duration::from_secs(360)), token(Duration::ZERO));
    let page = world.get_as(&fresh, "/audit").await.text().await.expect("a page");
    let answer = json!({ "token": fresh, "expiresIn": 900 });
    World::on(&world.sso_issuer, "POST", REFRESH, ResponseTemplate::new(200).set_body_json(answer)).await;
    let answer = world.get_as(&old, "/audit").await;
    assert_eq!(answer.status(), 200);
    let lines = cookies(&answer);
    assert_eq!(lines, [format!("crm_session={fresh}; Path=/; HttpOnly; SameSite=Strict")]);
    let html = answer.text().await.expect("a page");
    assert_eq!(value_of(&html, "proof"), value_of(&page, "proof"), "one log-in, one proof");
    let asked = World::asked(&world.sso_issuer, REFRESH).await;
    assert_eq!(asked[0].headers["authorization"], format!("Bearer {old}"));
    let asked = World::asked(&world.audit_log, "/api/audit/entries").await;
    assert_eq!(asked[1].headers["authorization"], format!("Bearer {fresh}"));
}

#[actix_web::test]
async fn while_tokens_cannot_be_exchanged_the_old_one_goes_on() {
    let world = world().await;
    World::on(&world.sso_issuer, "POST", REFRESH, problem(503, "unavailable", &json!([]))).await;
    let answer = world.get_as(&token(Duration::from_secs(360)), "/audit").await;
    assert_eq!(answer.status(), 200);
    assert!(cookies(&answer).is_empty());
}

#[actix_web::test]
async fn whoever_is_not_known_any_more_is_sent_to_log_in_without_their_cookie() {
    let forgotten = async |world: World, token: String| {
        let answer = world.get_as(&token, "/audit?actor=x").await;
        assert_eq!((answer.status().as_u16(), location(&answer)), (303, "/login?next=%2Faudit%3Factor%3Dx"));
        assert!(
            cookies(&answer).iter().any(|line| pair(line) == "crm_session=" && line.contains("Max-Age=0"))
        );
    };
    // Refused a fresh token; refused by audit-log.
    let refused = World::start().await;
    World::on(&refused.sso_issuer, "POST", REFRESH, problem(401, "credentials_invalid", &json!([]))).await;
    forgotten(refused, token(Duration::from_secs(360))).await;
    let ended = World::start().await;
    ended.trail_refuses(401, "credentials_invalid", &json!([])).await;
    forgotten(ended, token(Duration::ZERO)).await;
}

#[actix_web::test]
async fn a_role_that_may_not_read_the_trail_is_told_which_may() {
    let world = World::start().await;
    world.trail_refuses(403, "permission_denied", &json!([])).await;
    let answer = world.get_as(&token(Duration::ZERO), "/audit").await;
    assert_eq!(answer.status(), 403);
    let html = answer.text().await.expect("a page");
    assert!(html.contains("for the roles auditor and admin") && html.contains("Log out"), "{html}");
}

#[actix_web::test]
async fn trouble_behind_is_a_page_that_names_the_request() {
    for trouble in [500, 503, 504] {
        let world = World::start().await;
        World::on(&world.audit_log, "GET", "/api/audit/entries", ResponseTemplate::new(trouble)).await;
        let answer = world.get_as(&token(Duration::ZERO), "/audit").await;
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        let id = answer.headers()["x-request-id"].to_str().expect("text").to_owned();
        assert!(cookies(&answer).is_empty(), "nobody is logged out by our trouble");
        let html = answer.text().await.expect("a page");
        assert!(html.contains("Not available just now") && html.contains(&id), "{html}");
    }
}
