//! Who may (abuse cases A1, S7, S9): the trail is read by auditors and admins, appended to by our own services, and changed by nobody.
//! Every refusal leaves the entries as they were, and is on the trail itself.

use contract::clock::Clock;
use reqwest::Method;
use reqwest::header::{ALLOW, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use test_kit::credentials::{internal_token, signed, staff_token};
use test_kit::database::both;

use crate::world::{ENTRIES, INTERNAL_SECRET, JWT_SECRET, World, body, entry, problem, seal};

fn claims(role: &Value, exp: &Value) -> Value {
    json!({ "sub": "stf_1", "email": "staff@broker.example", "role": role, "exp": exp })
}

#[tokio::test]
async fn auditors_and_admins_may_read() {
    for database in both() {
        let world = World::start(&database).await;
        let one = seal(&entry(1));
        world.appends(std::slice::from_ref(&one), [1, 0, 0]).await;
        for role in ["auditor", "admin"] {
            for path in [ENTRIES.to_owned(), format!("{ENTRIES}/"), format!("{ENTRIES}/{}", one.id)] {
                for method in [Method::GET, Method::HEAD] {
                    let asked =
                        world.request(method, &path).bearer_auth(staff_token(JWT_SECRET, &json!(role)));
                    assert_eq!(asked.send().await.expect("an answer").status(), 200, "{role} {path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn nobody_else_may_read_and_each_attempt_is_on_the_trail() {
    for database in both() {
        let world = World::start(&database).await;
        let id = seal(&entry(1)).id.to_string();
        let now = Clock::system().now().as_seconds();
        let good = json!(now + 60);
        let unknown = [
            signed(INTERNAL_SECRET, &claims(&json!("auditor"), &good)),
            signed(JWT_SECRET, &claims(&json!("auditor"), &json!(now))),
            signed(JWT_SECRET, &claims(&json!("auditor"), &json!(now - 3600))),
            signed(
                JWT_SECRET,
                &json!({ "sub": "stf_1", "email": "staff@broker.example", "role": "auditor" }),
            ),
            internal_token(INTERNAL_SECRET, "service-api", audit_log::NAME),
            "not-a-token".to_owned(),
        ];
        let weak = ["support", "compliance", "Auditor", "auditor "].map(|role| json!(role));
        let weak = weak.into_iter().chain([json!(["Admin"]), json!({ "auditor": 1 }), Value::Null]);
        for path in [ENTRIES.to_owned(), format!("{ENTRIES}/{id}"), format!("{ENTRIES}?limit=0")] {
            let none = world.request(Method::GET, &path).send().await.expect("an answer");
            assert!(none.headers().contains_key(WWW_AUTHENTICATE));
            problem(none, 401, "credentials_missing").await;
            for token in &unknown {
                let answer =
                    world.request(Method::GET, &path).bearer_auth(token).send().await.expect("an answer");
                assert!(answer.headers().contains_key(WWW_AUTHENTICATE));
                problem(answer, 401, "credentials_invalid").await;
            }
            for role in weak.clone() {
                let token = signed(JWT_SECRET, &claims(&role, &good));
                let answer =
                    world.request(Method::GET, &path).bearer_auth(token).send().await.expect("an answer");
                problem(answer, 403, "permission_denied").await;
            }
        }
        assert_eq!(world.ids("").await, Vec::<String>::new());
        for (reason, count) in
            [("credentials_missing", 3), ("credentials_invalid", 3 * 6), ("permission_denied", 3 * 7)]
        {
            let entries = world
                .own_entries(&format!("outcome=refused&text={reason}"), |entries| {
                    counted(entries, reason) >= count
                })
                .await;
            assert_eq!(counted(&entries, reason), count, "{reason}");
            let known = reason == "permission_denied";
            for entry in entries.iter().filter(|entry| entry["reason"] == reason) {
                assert_eq!(entry["action"], "entries.read");
                assert_eq!(entry["address"], "127.0.0.1");
                let actor = if known {
                    json!({ "type": "staff", "id": "stf_1" })
                } else {
                    json!({ "type": "anonymous", "id": null })
                };
                assert_eq!(entry["actor"], actor);
            }
        }
    }
}

/// How many refusals for this reason the entries stand for.
fn counted(entries: &[Value], reason: &str) -> u64 {
    let of_reason = entries.iter().filter(|entry| entry["reason"] == reason);
    of_reason.map(|entry| entry["count"].as_u64().expect("a count")).sum()
}

#[tokio::test]
async fn nobody_may_change_or_remove_an_entry() {
    for database in both() {
        let world = World::start(&database).await;
        let one = seal(&entry(1));
        world.appends(std::slice::from_ref(&one), [1, 0, 0]).await;
        for path in [ENTRIES.to_owned(), format!("{ENTRIES}/{}", one.id)] {
            for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::POST] {
                let asked = world
                    .request(method, &path)
                    .bearer_auth(staff_token(JWT_SECRET, &json!("admin")))
                    .header("x-http-method-override", "GET")
                    .json(&json!({ "payload": "{}" }));
                let answer = asked.send().await.expect("an answer");
                assert_eq!(
                    answer.headers().get(ALLOW).map(|allow| allow.as_bytes()),
                    Some(&b"GET, HEAD"[..])
                );
                problem(answer, 405, "method_not_allowed").await;
            }
        }
        let kept = body(world.get(&format!("{ENTRIES}/{}", one.id)).await, 200).await;
        assert_eq!(kept["payload"], one.payload);
        let refused = world
            .own_entries("outcome=refused&text=method_not_allowed", |entries| {
                counted(entries, "method_not_allowed") >= 8
            })
            .await;
        assert_eq!(counted(&refused, "method_not_allowed"), 8);
    }
}

#[tokio::test]
async fn only_our_own_services_may_append() {
    for database in both() {
        let world = World::start(&database).await;
        let entries = json!({ "entries": [seal(&entry(1))] });
        let send = async |header: Option<(&str, String)>| {
            let mut asked = world.request(Method::POST, "/internal/entries").json(&entries);
            if let Some((name, value)) = header {
                asked = asked.header(name, value);
            }
            asked.send().await.expect("an answer")
        };
        problem(send(None).await, 401, "credentials_missing").await;
        let admin = format!("Bearer {}", staff_token(JWT_SECRET, &json!("admin")));
        problem(send(Some(("authorization", admin))).await, 401, "credentials_missing").await;
        for token in [
            "x".to_owned(),
            internal_token(INTERNAL_SECRET, "service-api", "webhook-ingest"),
            staff_token(JWT_SECRET, &json!("admin")),
            signed(
                JWT_SECRET,
                &json!({ "iss": "service-api", "aud": audit_log::NAME, "exp": i64::from(u32::MAX) }),
            ),
        ] {
            problem(send(Some(("x-crm-internal", token))).await, 401, "credentials_invalid").await;
        }
        assert_eq!(world.ids("").await, Vec::<String>::new());
        for reason in ["credentials_missing", "credentials_invalid"] {
            world
                .own_entries(&format!("outcome=refused&text={reason}"), |entries| {
                    entries
                        .iter()
                        .any(|entry| entry["route"] == "/internal/entries" && entry["reason"] == reason)
                })
                .await;
        }
    }
}

#[tokio::test]
async fn what_is_no_route_is_refused_and_counted() {
    for database in both() {
        let world = World::start(&database).await;
        for (path, status, code) in [
            ("/api/audit", 404, "route_not_found"),
            ("/api/audit/entries/a/b", 404, "route_not_found"),
            ("/internal/entries/1", 404, "route_not_found"),
            ("/api/audit/%00", 400, "bad_path"),
            ("/api//audit/entries", 400, "bad_path"),
            ("/api/audit/%252e%252e", 404, "route_not_found"),
        ] {
            problem(world.get(path).await, status, code).await;
        }
        for reason in ["route_not_found", "bad_path"] {
            let enough = |entries: &[Value]| counted(entries, reason) > 0;
            world.own_entries(&format!("outcome=refused&text={reason}"), enough).await;
        }
    }
}
