//! The Audit Logs pages: what audit-log is asked, and what is shown of its answer.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::world::{World, problem, token};

const ENTRIES: &str = "/api/audit/entries";

/// Text that turns the direction of what follows, as an attacker would hide one name in another.
const TURNED: &str = "gpj.\u{202e}exe.ann";

fn entry(id: &str, more: Value) -> Value {
    let mut entry = json!({
        "id": id, "time": "2026-11-25T07:42:53.123456Z", "service": "webhook-ingest", "category": "webhook",
        "action": "webhook.receive", "outcome": "refused", "reason": "signature_mismatch",
        "actor": { "type": "platform", "id": "site" }, "target": null, "address": "203.0.113.7", "requestId": "req-7",
        "method": "POST", "route": "/api/webhooks/{source}", "count": 1, "details": {},
    });
    if let (Value::Object(entry), Value::Object(more)) = (&mut entry, more) {
        entry.extend(more);
    }
    entry
}

async fn visit(world: &World, path: &str) -> (Response, String) {
    let answer = world.get_as(&token(Duration::ZERO), path).await;
    let status = answer.status();
    let again = world.get_as(&token(Duration::ZERO), path).await;
    assert_eq!(again.status(), status);
    (answer, again.text().await.expect("a page"))
}

#[actix_web::test]
async fn a_bad_signature_is_explained_in_plain_words() {
    let world = World::start().await;
    let sentence = "The signature fits the body but for a line break at its end.";
    let found = json!({ "looksLike": "body_plus_newline", "explanation": sentence });
    world
        .trail(json!({ "entries": [
            entry("aud_1", json!({ "details": found })),
            entry("aud_2", json!({ "reason": "signature_missing", "count": 17 })),
            entry("aud_3", json!({ "outcome": "success", "reason": null, "target": { "type": "event", "id": "evt_9" } })),
        ], "nextCursor": "next+cursor=" }))
        .await;
    let (answer, html) = visit(&world, "/audit").await;
    assert_eq!(answer.status(), 200);
    assert!(html.contains(sentence));
    assert!(html.contains("The delivery had no x-webhook-signature header."));
    assert!(html.contains("×17"), "how often it happened");
    assert!(
        html.contains("<time datetime=\"2026-11-25T07:42:53.123456Z\"")
            && html.contains("2026-11-25 07:42:53")
    );
    assert!(html.contains("href=\"/audit/aud_1\"") && html.contains("evt_9") && html.contains("Webhooks"));
    assert!(html.contains("href=\"/audit?cursor=next%2Bcursor%3D\""), "{html}");
    assert!(!html.contains(">Newest<"), "this is the newest page");
    let (first, last) = (html.find("aud_1").expect("there"), html.find("aud_3").expect("there"));
    assert!(first < last, "in the order of the trail");
}

#[actix_web::test]
async fn a_row_says_who_did_what_to_whom_from_where() {
    let world = World::start().await;
    let link = entry(
        "aud_1",
        json!({
            "category": "impersonation", "action": "client.impersonate", "outcome": "success", "reason": null,
            "service": "sso-issuer", "actor": { "type": "staff", "id": "st_01" }, "target": { "type": "client", "id": "cl_01" },
            "details": { "actorEmail": "boss@broker.example", "impersonatedBy": "boss@broker.example", "jti": "imp_01",
                "clientEmail": "eve@example.com", "reason": "A deposit is <missing>" },
        }),
    );
    world.trail(json!({ "entries": [link.clone()], "nextCursor": null })).await;
    let mut whole = link;
    whole["payload"] = json!("{}");
    let shown = ResponseTemplate::new(200).set_body_json(whole);
    World::on(&world.audit_log, "GET", "/api/audit/entries/aud_1", shown).await;

    let (_, html) = visit(&world, "/audit").await;
    for part in [
        "<bdi class=\"known\" title=\"st_01\">boss@broker.example</bdi>",
        "<bdi class=\"known\" title=\"cl_01\">eve@example.com</bdi>",
        ">203.0.113.7</bdi>",
        "<bdi>A deposit is &#60;missing&#62;</bdi>",
        ">Before (UTC)</label>",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("imp_01"), "what tells nothing stays out of the list: {html}");
    let (_, html) = visit(&world, "/audit/aud_1").await;
    for part in [
        "aria-current=\"true\"",
        ">boss@broker.example</bdi>",
        "<bdi class=\"id\">st_01</bdi>",
        "imp_01",
        "cl_01",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
}

#[actix_web::test]
async fn filters_go_on_as_they_are_and_stay_in_the_form() {
    let world = World::start().await;
    world.trail(json!({ "entries": [], "nextCursor": null })).await;
    let query = "category=webhook&outcome=refused&action=webhook.receive&actor=a%26b&target=&text=%22%3E%3Cb%3E\
                 &from=2026-11-25T07%3A00&to=2026-11-26T00%3A00%3A00%2B01%3A00&cursor=c1";
    let (_, html) = visit(&world, &format!("/audit?{query}")).await;
    let asked = World::asked(&world.audit_log, ENTRIES).await;
    let asked: Vec<(String, String)> = asked[0].url.query_pairs().into_owned().collect();
    let expected = [
        ("category", "webhook"),
        ("outcome", "refused"),
        ("action", "webhook.receive"),
        ("actor", "a&b"),
        ("text", "\"><b>"),
        ("from", "2026-11-25T07:00:00Z"),
        ("to", "2026-11-26T00:00:00+01:00"),
        ("cursor", "c1"),
    ];
    assert_eq!(asked, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(
        html.contains("<option value=\"webhook\" selected>")
            && html.contains("<option value=\"refused\" selected>")
    );
    assert!(html.contains("name=\"actor\" type=\"text\" value=\"a&#38;b\""), "{html}");
    assert!(html.contains("type=\"datetime-local\" value=\"2026-11-25T07:00\""));
    assert!(
        html.contains("type=\"text\" value=\"2026-11-26T00:00:00+01:00\""),
        "what the field can't show is text"
    );
    assert!(html.contains("<details open>") && !html.contains("\"><b>"));
    assert!(html.contains("No entry matches these filters."));
    assert!(html.contains(">Newest<") && !html.contains("cursor=c1\""));
}

#[actix_web::test]
async fn an_empty_trail_says_so() {
    let world = World::start().await;
    world.trail(json!({ "entries": [], "nextCursor": null })).await;
    let (_, html) = visit(&world, "/audit").await;
    assert!(
        html.contains("The trail has no entries yet.")
            && html.contains("<details>")
            && !html.contains("<table")
    );
}

#[actix_web::test]
async fn what_is_wrong_with_a_filter_stands_at_its_field() {
    let world = World::start().await;
    let errors = json!([
        { "pointer": "/from", "code": "not_a_time", "detail": "an RFC 3339 time" },
        { "pointer": "/colour", "code": "unknown_parameter", "detail": "<b>not</b> known" },
    ]);
    world.trail_refuses(422, "invalid_parameter", &errors).await;
    let (answer, html) = visit(&world, "/audit?from=yesterday&colour=red").await;
    assert_eq!(answer.status(), 422);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert!(html.contains("type=\"text\" value=\"yesterday\""), "{html}");
    assert!(html.contains("<p class=\"error\" id=\"error-from\">This is not a time. "));
    assert!(
        html.contains("/colour: &#60;b&#62;not&#60;/b&#62; known")
            && html.contains("Nothing was searched for.")
    );
}

#[actix_web::test]
async fn a_link_to_older_entries_that_does_not_hold_leads_to_the_newest() {
    let world = World::start().await;
    world.trail_refuses(400, "invalid_cursor", &json!([])).await;
    let (answer, html) = visit(&world, "/audit?actor=site&cursor=forged").await;
    assert_eq!(answer.status(), 400);
    assert!(html.contains("href=\"/audit?actor=site\"") && html.contains("does not hold any more"), "{html}");
}

/// I16: a script in a client's name is text, and a turned text does not turn the page.
#[actix_web::test]
async fn what_outsiders_write_is_shown_as_text() {
    let world = World::start().await;
    let script = "<script>alert(document.cookie)</script>";
    let image = "\"><img src=x onerror=alert(1)>";
    let evil = entry(
        "aud_1",
        json!({
            "actor": { "type": "platform", "id": script }, "target": { "type": "client", "id": TURNED },
            "action": image, "reason": image, "service": image, "category": image, "outcome": image, "time": image,
            "details": { "explanation": script, image: [script, 1, null] }, "address": image, "route": image,
            "method": image, "requestId": image,
        }),
    );
    world.trail(json!({ "entries": [evil.clone()], "nextCursor": image })).await;
    let mut whole = evil;
    whole["payload"] = json!(format!("{{\"name\":\"{script}\"}}"));
    whole["disclosures"] = json!([json!(["salt", "/actor/id", script]).to_string(), "not one"]);
    World::on(
        &world.audit_log,
        "GET",
        "/api/audit/entries/aud_1",
        ResponseTemplate::new(200).set_body_json(whole),
    )
    .await;
    for path in ["/audit", "/audit/aud_1"] {
        let (answer, html) = visit(&world, path).await;
        assert_eq!(answer.status(), 200);
        assert!(!html.contains("<script>alert") && !html.contains("<img src=x"), "{html}");
        assert!(html.contains("&#60;script&#62;alert(document.cookie)&#60;/script&#62;"));
        assert!(html.contains(&format!("<bdi class=\"id\">{TURNED}</bdi>")), "turned text is kept apart");
    }
}

#[actix_web::test]
async fn one_entry_is_shown_with_all_that_proves_it() {
    let world = World::start().await;
    let payload = "{\"action\":\"webhook.receive\",\"address\":{\"sha256\":\"abc\"}}";
    let mut whole =
        entry("aud_1", json!({ "count": 3, "details": { "bytes": 120, "kept": true, "sender": null } }));
    whole["payload"] = json!(payload);
    whole["disclosures"] = json!([json!(["some-salt", "/address", "203.0.113.7"]).to_string()]);
    World::on(
        &world.audit_log,
        "GET",
        "/api/audit/entries/aud_1",
        ResponseTemplate::new(200).set_body_json(whole),
    )
    .await;
    let (answer, html) = visit(&world, "/audit/aud_1").await;
    assert_eq!(answer.status(), 200);
    for part in [
        "webhook.receive",
        "The signature does not fit the body",
        "203.0.113.7",
        "req-7",
        "/api/webhooks/{source}",
        "<dt>Occurrences</dt><dd>3</dd>",
        ">120<",
        ">yes<",
        ">erased<",
        "some-salt",
        "/address",
        "href=\"/audit?actor=site\"",
        "href=\"/audit?text=req-7\"",
        "&#34;sha256&#34;:&#34;abc&#34;",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
}

#[actix_web::test]
async fn a_damaged_entry_hides_no_other() {
    let world = World::start().await;
    let damaged = json!({ "id": "aud_9", "unreadable": true });
    world.trail(json!({ "entries": [damaged, entry("aud_1", json!({}))], "nextCursor": null })).await;
    let (_, html) = visit(&world, "/audit").await;
    assert!(html.contains("was damaged after it was stored") && html.contains("aud_1"));
    let one = json!({ "id": "aud_9", "unreadable": true, "payload": "{\"id\":", "disclosures": [] });
    World::on(
        &world.audit_log,
        "GET",
        "/api/audit/entries/aud_9",
        ResponseTemplate::new(200).set_body_json(one),
    )
    .await;
    let (answer, html) = visit(&world, "/audit/aud_9").await;
    assert_eq!(answer.status(), 200);
    assert!(html.contains("A damaged entry") && html.contains("{&#34;id&#34;:"));
}

#[actix_web::test]
async fn an_entry_that_is_not_there_is_a_page_and_no_path_leads_elsewhere() {
    let world = World::start().await;
    let none = problem(404, "entry_not_found", &json!([]));
    World::on(&world.audit_log, "GET", "/api/audit/entries/none", none).await;
    let (answer, html) = visit(&world, "/audit/none").await;
    assert_eq!(answer.status(), 404);
    assert!(html.contains("There is no such entry") && html.contains("Log out"));
    let (answer, html) = visit(&world, "/audit/a/b").await;
    assert_eq!(answer.status(), 404);
    assert!(html.contains("There is no such page"));
    let escaping = world.get_as(&token(Duration::ZERO), "/audit/a%3Fb%23c").await;
    assert_eq!(escaping.status(), 404);
    let asked = world.audit_log.received_requests().await.expect("kept");
    assert!(
        asked.iter().any(|request| request.url.path() == "/api/audit/entries/a%3Fb%23c"),
        "one segment it stays"
    );
}
