//! Where staff arrive: who is let in, and what the page gives away.

use std::net::TcpListener;
use std::time::Duration;

use auth::jwt::Verifier;
use contract::clock::{Clock, Timestamp};
use serde_json::{Value, json};
use test_kit::credentials::{ring, signed};
use trading_sim::page::Page;

const SECRET: &str = "for-tests-only-sso-secret-for-tests-only-sso-secret-000000000001";
const OTHER: &str = "for-tests-only-sso-secret-for-tests-only-sso-secret-000000000002";
const NOW: i64 = 1_800_000_000;

fn page() -> Page {
    let (clock, _) = Clock::manual(Timestamp::from_micros(NOW * 1_000_000));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    Page::start(listener, Verifier::new(ring(SECRET)), clock).expect("it starts")
}

fn claims(exp: i64) -> Value {
    json!({
        "clientEmail": "<b>ann</b>@example.com", "clientId": "1001", "impersonatedBy": "root@broker.example",
        "iat": exp - 900, "exp": exp, "aud": "trading-platform",
    })
}

async fn visit(page: &Page, token: &str, accept: &str) -> reqwest::Response {
    let url = format!("{}/sso/impersonate?token={token}", page.url());
    let client = http_kit::client::builder(&url).expect("http").timeout(Duration::from_secs(10));
    client.build().expect("a client").get(url).header("accept", accept).send().await.expect("an answer")
}

#[tokio::test]
async fn a_good_token_lets_in_and_the_page_gives_nothing_away() {
    let page = page();
    let token = signed(SECRET, &claims(NOW + 1));
    let answer = visit(&page, &token, "application/json").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(
        body,
        json!({"clientEmail": "<b>ann</b>@example.com", "clientId": "1001", "impersonatedBy": "root@broker.example", "expiresAt": NOW + 1})
    );
    let html = visit(&page, &token, "text/html").await.text().await.expect("a page");
    assert!(
        html.contains("&lt;b&gt;ann&lt;/b&gt;@example.com") && html.contains("root@broker.example"),
        "{html}"
    );
    assert!(!html.contains(&token) && !html.contains("<b>"), "{html}");
    page.stop().await;
}

#[tokio::test]
async fn others_are_not_let_in() {
    let page = page();
    let mut nobody = claims(NOW + 900);
    nobody.as_object_mut().expect("an object").remove("clientEmail");
    for (token, why) in [
        (String::new(), "no token"),
        ("garbage".to_owned(), "no JWT"),
        (signed(SECRET, &claims(NOW)), "expired this very second"),
        (signed(OTHER, &claims(NOW + 900)), "another key"),
        (signed(SECRET, &nobody), "nobody to be"),
    ] {
        let answer = visit(&page, &token, "text/html").await;
        assert_eq!(answer.status(), 401, "{why}");
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
        let html = answer.text().await.expect("a page");
        assert!(!html.contains("example.com"), "{why}: {html}");
    }
    page.stop().await;
}
