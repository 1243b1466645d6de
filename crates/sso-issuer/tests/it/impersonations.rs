//! Impersonation (section 1.4 of the contract, and I7 to I9, I13): what is answered, what the token says, and who gets none.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use auth::jwt::Verifier;
use auth::staff::Role;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use test_kit::credentials::ring;
use test_kit::database::both;
use test_kit::waiting::wait_for;

use crate::world::{PENDING, PLATFORM, SSO, TOKEN_START, World, body, client, problem};

const ANN: &str = "Ann@broker.example";

/// Header and claims of a token whose signature holds.
fn read(world: &World, token: &str) -> (Value, Value) {
    let parts: Vec<&str> = token.split('.').collect();
    let json = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
    };
    let tag = auth::digest::hmac_sha256(SSO.as_bytes(), format!("{}.{}", parts[0], parts[1]).as_bytes());
    assert_eq!(parts[2], URL_SAFE_NO_PAD.encode(tag), "signed by the text of the secret");
    Verifier::new(ring(SSO)).verify(token, world.seams.clock.now()).expect("a good token");
    (json(parts[0]), json(parts[1]))
}

#[tokio::test]
async fn an_admin_gets_a_link_that_says_whom_it_is_for_and_who_took_it() {
    for database in both() {
        let world = World::start(&database).await;
        let (id, admin) = world.employ(ANN, Role::Admin).await;
        let now = world.seams.clock.now().as_seconds();
        for (path, client_id) in [
            ("1001".to_owned(), "1001"),
            (client().to_string(), "1001"),
            ("a%2Fb%20c".to_owned(), "a/b c"),
            ("%C3%A4/".replace('/', ""), "ä"),
            ("suspended".to_owned(), "suspended"),
        ] {
            let asked = world.request(Method::POST, &format!("/api/clients/{path}/impersonate"));
            let answer = asked.bearer_auth(&admin).send().await.expect("an answer");
            assert_eq!(answer.headers()["cache-control"], "no-store");
            assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
            let link = body(answer, 200).await;
            let token = link["ssoToken"].as_str().expect("a token");
            assert_eq!(
                link,
                json!({ "ssoToken": token, "ssoUrl": format!("{PLATFORM}/sso/impersonate?token={token}"), "expiresIn": 900 })
            );
            assert!(token.starts_with(TOKEN_START));
            let (header, claims) = read(&world, token);
            let kid = header["kid"].as_str().expect("a key id");
            assert_eq!(header, json!({ "typ": "JWT", "alg": "HS256", "kid": kid }));
            assert!(kid.len() == 8 && !SSO.contains(kid));
            let jti = claims["jti"].as_str().expect("an id");
            assert_eq!(
                claims,
                json!({
                    "iss": "crm-bridge", "aud": "trading-platform", "sub": client_id, "clientId": client_id,
                    "clientEmail": "Ann.Smith+Live@Example.COM", "impersonatedBy": ANN, "type": "sso_impersonation",
                    "act": { "sub": id }, "jti": jti, "iat": now, "exp": now + 900,
                })
            );
        }
        let trail = world.entries("client.impersonate").await;
        assert_eq!(trail.len(), 5);
        assert_eq!(trail[0]["actor"], json!({ "kind": "staff", "id": id }));
        assert_eq!(trail[0]["target"], json!({ "kind": "client", "id": client().to_string() }));
        assert_eq!(trail[0]["category"], "impersonation");
        // Nobody knows people by ids: who did what to whom stands beside, sealed.
        let beside = &world.disclosed("client.impersonate").await[0];
        for (place, value) in
            [("actorEmail", ANN), ("impersonatedBy", ANN), ("clientEmail", "Ann.Smith+Live@Example.COM")]
        {
            assert_eq!(beside[format!("/details/{place}")], value, "{beside}");
        }
        assert!(!world.all_texts().await.contains(TOKEN_START), "a token is in the database");
    }
}

#[tokio::test]
async fn a_client_whom_the_platform_gave_no_id_is_named_by_ours() {
    for database in both() {
        let world = World::start(&database).await;
        let link = body(
            world.post("/api/clients/nameless/impersonate", &world.foreign_admin(), &json!({})).await,
            200,
        )
        .await;
        let (_, claims) = read(&world, link["ssoToken"].as_str().expect("a token"));
        assert_eq!(claims["sub"], client().to_string());
        assert_eq!(claims.get("clientId"), None);
        assert_eq!(
            (&claims["impersonatedBy"], &claims["act"]["sub"]),
            (&json!("Boss@Broker.example"), &json!("crm-7"))
        );
        let trail = world.entries("client.impersonate").await;
        assert_eq!(trail[0]["details"]["external"], true);
    }
}

#[tokio::test]
async fn whoever_may_not_be_impersonated_is_not() {
    for database in both() {
        let world = World::start(&database).await;
        let admin = world.foreign_admin();
        let long = "x".repeat(10_000);
        for (id, status, code) in [
            ("nobody", 404, "client_not_found"),
            ("cl_nobody", 404, "client_not_found"),
            ("%2e%2e%2f1", 400, "bad_path"),
            ("%00", 400, "bad_path"),
            ("%FF", 404, "client_not_found"),
            ("%01", 404, "client_not_found"),
            (long.as_str(), 404, "client_not_found"),
            ("closed", 409, "client_closed"),
            ("provisional", 409, "client_provisional"),
            ("no-email", 409, "client_without_email"),
            ("twice", 409, "client_ambiguous"),
            (PENDING, 503, "client_pending"),
        ] {
            let answer = world.post(&format!("/api/clients/{id}/impersonate"), &admin, &json!({})).await;
            let got = (answer.status().as_u16(), answer.text().await.expect("a body"));
            let problem: Value = serde_json::from_str(&got.1).expect("a problem");
            assert_eq!((got.0, problem["code"].as_str()), (status, Some(code)), "{id}");
            assert!(!got.1.contains("eyJ"));
            if code == "client_ambiguous" {
                let detail = problem["detail"].as_str().expect("a detail");
                assert!(detail.contains("acme, site"), "{detail}");
            }
        }
        let long = "x".repeat(3_000);
        let no_address = [None, Some(" "), Some("noat"), Some("@broker.example"), Some(&*long)];
        for email in no_address {
            let nameless = world.foreign(json!({ "sub": "crm-8", "email": email, "role": "admin" }), 0);
            let refused = world.post("/api/clients/1001/impersonate", &nameless, &json!({})).await;
            problem(refused, 403, "permission_denied").await;
        }
        let trail = world.entries("client.impersonate").await;
        assert_eq!(trail.len(), 10 + no_address.len(), "each that found its route has an entry of its own");
        let pending = |entry: &Value| entry["reason"] == "client_pending";
        assert!(trail.iter().all(|entry| entry["count"] == 1));
        assert!(
            trail.iter().all(|entry| entry["outcome"] == if pending(entry) { "failed" } else { "refused" })
        );
        assert_eq!(world.texts("select id as text from impersonations").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn who_asks_is_looked_at_before_whom_it_is_for() {
    for database in both() {
        let world = World::start(&database).await;
        let (_, support) = world.employ("sue@broker.example", Role::Support).await;
        for path in ["/api/clients/1001/impersonate", "/api/clients/nobody/impersonate"] {
            let none = world.request(Method::POST, path).send().await.expect("an answer");
            assert!(none.headers().contains_key("www-authenticate"));
            problem(none, 401, "credentials_missing").await;
            problem(world.post(path, "not-a-token", &json!({})).await, 401, "credentials_invalid").await;
            problem(world.post(path, &support, &json!({})).await, 403, "permission_denied").await;
        }
        assert_eq!(world.service_api.asked().await, 0);
        let trail = world.entries("client.impersonate").await;
        assert_eq!(trail.len(), 6, "refused impersonations are never just counted");
    }
}

#[tokio::test]
async fn a_body_may_be_empty_and_says_a_reason_at_most() {
    for database in both() {
        let world = World::start(&database).await;
        let admin = world.foreign_admin();
        let send = async |content: Option<&str>, text: &str| {
            let mut asked = world.request(Method::POST, "/api/clients/1001/impersonate").bearer_auth(&admin);
            if let Some(content) = content {
                asked = asked.header("content-type", content);
            }
            asked.body(text.to_owned()).send().await.expect("an answer")
        };
        for content in
            [None, Some("application/json"), Some("text/plain"), Some("application/x-www-form-urlencoded")]
        {
            for text in ["", " \n", "{}", "null", r#"{"reason": null}"#, r#"{"reason": 7}"#] {
                body(send(content, text).await, 200).await;
            }
        }
        for text in ["{", "[]", "reason=x", "\u{feff}", r#""x""#] {
            problem(send(Some("application/json"), text).await, 400, "invalid_json").await;
        }
        let long = json!({ "reason": "x".repeat(1_001) }).to_string();
        problem(send(None, &long).await, 422, "invalid_body").await;

        world.hands.advance(Duration::from_secs(1));
        let claimed = json!({
            "reason": " Help with a deposit \u{0} ", "impersonatedBy": "evil@x.example", "clientEmail": "evil@x.example",
            "exp": 1, "role": "admin", "clientId": "evil", "sub": "evil", "expiresIn": 1,
        });
        let link = body(send(Some("application/json"), &claimed.to_string()).await, 200).await;
        let (_, claims) = read(&world, link["ssoToken"].as_str().expect("a token"));
        assert!(!claims.to_string().contains("evil"), "{claims}");
        assert_eq!(link["expiresIn"], 900);
        let page = body(world.get("/api/impersonations?limit=1", &admin).await, 200).await;
        assert_eq!(page["impersonations"][0]["reason"], "Help with a deposit \u{fffd}");
    }
}

#[tokio::test]
async fn two_tokens_of_one_second_differ_and_no_header_moves_the_link() {
    for database in both() {
        let world = World::start(&database).await;
        let admin = world.foreign_admin();
        let mut tokens = Vec::new();
        for _ in 0..2 {
            let asked = world
                .request(Method::POST, "/api/clients/1001/impersonate")
                .bearer_auth(&admin)
                .header("host", "evil.example")
                .header("x-forwarded-host", "evil.example")
                .header("x-forwarded-proto", "http")
                .header("forwarded", "host=evil.example");
            let link = body(asked.send().await.expect("an answer"), 200).await;
            assert!(
                link["ssoUrl"]
                    .as_str()
                    .expect("a URL")
                    .starts_with("https://trade.example/sso/impersonate?token=")
            );
            tokens.push(link["ssoToken"].as_str().expect("a token").to_owned());
        }
        assert_ne!(tokens[0], tokens[1]);
    }
}

#[tokio::test]
async fn staff_see_what_was_made_page_by_page() {
    for database in both() {
        let world = World::start(&database).await;
        let admin = world.foreign_admin();
        let mut made = Vec::new();
        for _ in 0..5 {
            body(world.post("/api/clients/1001/impersonate", &admin, &json!({})).await, 200).await;
            made = world.texts("select id as text from impersonations order by id desc").await;
            world.hands.advance(Duration::from_secs(300));
        }
        let mut seen = Vec::new();
        let mut path = "/api/impersonations?limit=2".to_owned();
        loop {
            let page = body(world.get(&path, &admin).await, 200).await;
            for one in page["impersonations"].as_array().expect("a list") {
                seen.push((one["jti"].as_str().expect("an id").to_owned(), one["state"].clone()));
            }
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            path = format!("/api/impersonations?limit=2&cursor={cursor}");
        }
        assert_eq!(seen.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), made);
        let states: Vec<_> = seen.iter().map(|(_, state)| state.as_str().expect("a word")).collect();
        assert_eq!(states, ["issued", "issued", "unconfirmed", "unconfirmed", "unconfirmed"]);
        for query in ["limit=0", "limit=201", "limit=x"] {
            problem(
                world.get(&format!("/api/impersonations?{query}"), &admin).await,
                422,
                "invalid_parameter",
            )
            .await;
        }
        let unknown = world.get("/api/impersonations?limit=2&staf=ann", &admin).await;
        let unknown = problem(unknown, 422, "invalid_parameter").await;
        assert_eq!(unknown["errors"][0]["pointer"], "/staf");
        assert_eq!(unknown["errors"][0]["code"], "unknown_parameter");
        problem(world.get("/api/impersonations?cursor=AAAA", &admin).await, 400, "invalid_cursor").await;
    }
}

#[tokio::test]
async fn the_client_s_activities_hear_of_it_once_service_api_is_back() {
    for database in both() {
        let world = World::start(&database).await;
        body(
            world
                .post("/api/clients/1001/impersonate", &world.foreign_admin(), &json!({ "reason": "why" }))
                .await,
            200,
        )
        .await;
        wait_for("the activity", async || {
            world
                .texts("select id as text from impersonations where activity_sent_at is not null")
                .await
                .len()
                == 1
        })
        .await;
        let told = world.service_api.told().await;
        let one = &told.last().expect("a batch").activities[0];
        let jti = world.texts("select id as text from impersonations").await;
        assert_eq!((one.token_id.to_string(), one.client), (jti[0].clone(), client()));
        assert_eq!((one.staff_id.as_str(), one.reason.as_deref()), ("crm-7", Some("why")));
    }
}

/// service-api takes bodies of 128 KiB: more than that is sent in several.
#[tokio::test]
async fn however_long_the_reasons_are_all_of_them_arrive() {
    for database in both() {
        let world = World::start(&database).await;
        world.service_api.deaf.store(true, Ordering::SeqCst);
        let admin = world.foreign_admin();
        let reason = json!({ "reason": "\u{1f600}".repeat(1_000) });
        for made in 0..60 {
            // The last one wakes the job, so that nothing is waited out.
            world.service_api.deaf.store(made < 59, Ordering::SeqCst);
            body(world.post("/api/clients/1001/impersonate", &admin, &reason).await, 200).await;
        }
        wait_for("all activities", async || {
            let sent = "select id as text from impersonations where activity_sent_at is not null";
            world.texts(sent).await.len() == 60
        })
        .await;
        let told = world.service_api.told().await;
        let taken: HashSet<_> =
            told.iter().flat_map(|batch| &batch.activities).map(|one| one.token_id).collect();
        assert_eq!(taken.len(), 60);
    }
}
