//! What hostile and broken callers do, through the gateway, on both databases: what comes back, and that the trail tells of it.
//! The finer cases of each service are in its own tests.

use auth::secret::Secret;
use reqwest::Method;
use test_kit::database::both;

use crate::calls::{registration, told};
use crate::harness::{AllInOne, SERVICE_API_TOKEN, WEBHOOK_SECRET, openssl_signature_of_decoded, raw};

/// W1 to W3: signatures that are none.
#[tokio::test]
async fn forged_webhooks_are_refused_and_counted() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let caller = system.caller();
        let body = registration("1001", "ann@example.com");
        let good = auth::webhook::sign(&Secret::new(WEBHOOK_SECRET), &body);
        let decoded = openssl_signature_of_decoded(WEBHOOK_SECRET, &body);
        let other = auth::webhook::sign(&Secret::new(WEBHOOK_SECRET), b"another body");
        for signature in ["", "abc", &"zz".repeat(32), &decoded, &other, &good[..63]] {
            let (status, problem) = told(caller.signed(&body, signature).await).await;
            assert_eq!(status, 401, "{signature}: {problem}");
            assert!(problem["code"].as_str().expect("a code").starts_with("signature_"), "{problem}");
        }
        let spaced = String::from_utf8(body.clone()).expect("UTF-8").replace("\":", "\": ");
        assert_eq!(caller.signed(spaced.as_bytes(), &good).await.status(), 401, "other spacing");
        assert_eq!(caller.client("ann@example.com").await.status(), 404, "nothing was applied");
        caller.on_trail("category=webhook&outcome=refused", 7).await;
        caller.on_trail("category=webhook&outcome=refused&text=hex_decoded_key", 1).await;
        caller.assert_nothing_applied().await;
    }
}

/// W4 and W5: signed and unreadable is kept, and the same again makes no copy.
#[tokio::test]
async fn unreadable_deliveries_are_held() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let caller = system.caller();
        let deep = "[".repeat(10_000);
        let cases: [(&str, u16); 6] = [
            ("not json", 400),
            ("[1, 2]", 400),
            (&deep, 400),
            (r#"{"event":"client.registered","event":"kyc.updated","data":{}}"#, 400),
            (r#"{"event":"client.registered","data":{"email":""}}"#, 422),
            (r#"{"event":"deposit.completed","data":{"clientId":"1","amount":-1}}"#, 422),
        ];
        for (body, expected) in cases {
            let (status, first) = told(caller.webhook(body.as_bytes()).await).await;
            assert_eq!((status, &first["kept"]), (expected, &true.into()), "{body:.60}: {first}");
            assert!(first["eventId"].as_str().expect("an id").starts_with("evt_"));
            let (status, again) = told(caller.webhook(body.as_bytes()).await).await;
            assert_eq!((status, &again["eventId"]), (expected, &first["eventId"]), "{body:.60}");
        }
        caller.on_trail("action=webhook.receive&outcome=refused", 12).await;
        caller.assert_nothing_applied().await;
    }
}

/// W8: 64 copies at once are one event.
#[tokio::test]
async fn copies_at_once_are_one_event() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let caller = system.caller();
        let body = registration("1001", "ann@example.com");
        let copies: Vec<_> = (0..64)
            .map(|_| {
                let (caller, body) = (caller.clone(), body.clone());
                tokio::spawn(async move { told(caller.webhook(&body).await).await })
            })
            .collect();
        let mut accepted = 0;
        for copy in copies {
            let (status, answer) = copy.await.expect("an answer");
            assert_eq!(status, 200, "{answer}");
            accepted += usize::from(answer["status"] == "accepted");
        }
        assert_eq!(accepted, 1);
        let (_, record) = told(caller.client("ann@example.com").await).await;
        assert_eq!(record["version"], 1, "one effect: {record}");
        caller.on_trail("action=webhook.receive", 64).await;
        caller.on_trail("action=event.apply", 1).await;
    }
}

/// W9: one id, other data.
#[tokio::test]
async fn an_id_used_again_for_other_data_is_a_conflict() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let caller = system.caller();
        let event = |email: &str, time: &str| {
            format!(
                r#"{{"id":"e-1","event":"client.registered","data":{{"email":"{email}"}},"timestamp":"{time}"}}"#
            )
        };
        let (_, first) =
            told(caller.webhook(event("a@example.com", "2025-10-13T19:00:00Z").as_bytes()).await).await;
        let (_, retry) =
            told(caller.webhook(event("a@example.com", "2025-10-13T19:05:00Z").as_bytes()).await).await;
        assert_eq!((&retry["status"], &retry["eventId"]), (&"duplicate".into(), &first["eventId"]));
        let other = event("b@example.com", "2025-10-13T19:00:00Z");
        let (status, problem) = told(caller.webhook(other.as_bytes()).await).await;
        assert_eq!((status, problem["code"].as_str()), (409, Some("event_id_reused")), "{problem}");
        let (status, again) = told(caller.webhook(other.as_bytes()).await).await;
        assert_eq!((status, &again["eventId"]), (409, &problem["eventId"]));
        assert_eq!(caller.client("b@example.com").await.status(), 404);
        caller.on_trail("action=webhook.receive&outcome=refused", 2).await;
        caller.on_trail("action=event.apply", 1).await;
    }
}

/// S1: credentials that are none.
#[tokio::test]
async fn the_service_api_knows_its_token_alone() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let caller = system.caller();
        let path = "/api/service/clients/ann@example.com";
        let shorter = format!("Bearer {}", &SERVICE_API_TOKEN[..40]);
        let longer = format!("Bearer {SERVICE_API_TOKEN}x");
        let upper = format!("Bearer {}", SERVICE_API_TOKEN.to_uppercase());
        let basic = format!("Basic {SERVICE_API_TOKEN}");
        for authorization in
            [None, Some("Bearer wrong"), Some(&*shorter), Some(&*longer), Some(&*upper), Some(&*basic)]
        {
            let mut request = caller.request(Method::GET, path);
            if let Some(value) = authorization {
                request = request.header("authorization", value);
            }
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 401, "{authorization:?}");
            assert!(answer.headers().contains_key("www-authenticate"), "{authorization:?}");
        }
        let in_query = format!("{path}?access_token={SERVICE_API_TOKEN}");
        assert_eq!(caller.request(Method::GET, &in_query).send().await.expect("an answer").status(), 401);
        let lower =
            caller.request(Method::GET, path).header("authorization", format!("bearer {SERVICE_API_TOKEN}"));
        assert_eq!(lower.send().await.expect("an answer").status(), 404, "let in, and no such client");
        caller.on_trail("outcome=refused&text=credentials_", 7).await;
    }
}

/// S3: addresses that look alike are other people, and odd ones find their owner.
#[tokio::test]
async fn an_address_finds_its_owner_and_nobody_else() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let caller = system.caller();
        let people = [
            ("1", "mike@example.com", "mike%40example.com"),
            ("2", "a+b&c#d@example.com", "a%2Bb%26c%23d@example.com"),
            ("3", "per%25cent@example.com", "per%2525cent@example.com"),
            ("4", "sl/ash@example.com", "sl%2Fash@example.com"),
            ("5", "jos\u{e9}@example.com", "jose%CC%81@example.com"),
            ("6", "kim@example.com", "KIM@EXAMPLE.COM"),
        ];
        for (id, email, _) in people {
            assert_eq!(caller.webhook(&registration(id, email)).await.status(), 200);
        }
        for (id, email, path) in people {
            let (status, record) = caller.acknowledged(path).await;
            assert_eq!((status, record["clientId"].as_str()), (200, Some(id)), "{path}");
            assert_eq!(record["email"], email, "byte for byte as it came");
        }
        for (lookalike, expected) in [
            ("m%C4%B1ke@example.com", (404, "client_not_found")),
            ("%E2%84%AAim@example.com", (404, "client_not_found")),
            ("k%C4%B1m@example.com", (404, "client_not_found")),
            ("%00mike@example.com", (400, "bad_path")),
        ] {
            let (status, problem) = told(caller.client(lookalike).await).await;
            assert_eq!((status, problem["code"].as_str().expect("a code")), expected, "{lookalike}");
        }
    }
}

/// S7: roads that lead nowhere.
#[tokio::test]
async fn roads_that_lead_nowhere_are_refused_as_problems() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let caller = system.caller();
        let (status, problem) =
            told(caller.request(Method::GET, "/nowhere").send().await.expect("an answer")).await;
        assert_eq!((status, problem["code"].as_str()), (404, Some("route_not_found")));
        let answer = caller.request(Method::DELETE, "/api/webhooks/site").send().await.expect("an answer");
        assert_eq!(answer.status(), 405);
        assert_eq!(answer.headers().get("allow").map(|value| value.as_bytes()), Some(b"POST".as_slice()));
        for path in [
            "/api/service/../audit/entries",
            "/api/service/%2e%2E/audit/entries",
            "//api/service/clients/x",
            "/api/service/clients/%00",
        ] {
            let request = format!("GET {path} HTTP/1.1\r\nhost: crm\r\nconnection: close\r\n\r\n");
            let answer = raw(&system.gateway, request.as_bytes());
            let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
            assert!(head.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
            let problem: serde_json::Value = serde_json::from_str(body).expect("JSON");
            assert_eq!(problem["code"], "bad_path", "{path}");
        }
        let overridden = caller
            .request(Method::GET, "/api/service/clients/ann@example.com")
            .header("x-http-method-override", "DELETE")
            .bearer_auth(SERVICE_API_TOKEN);
        assert_eq!(overridden.send().await.expect("an answer").status(), 404, "the header is ignored");
        caller.on_trail("outcome=refused&text=bad_path", 4).await;
        caller.on_trail("outcome=refused&text=route_not_found", 1).await;
        caller.on_trail("outcome=refused&text=method_not_allowed", 1).await;
        caller.assert_nothing_applied().await;
    }
}

/// A1: the trail is for those who may, and nobody changes it.
#[tokio::test]
async fn the_trail_is_read_by_those_who_may_and_changed_by_nobody() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let caller = system.caller();
        let read =
            |token: String| caller.request(Method::GET, "/api/audit/entries").bearer_auth(token).send();
        for role in ["support", "compliance"] {
            assert_eq!(
                read(crate::calls::staff_token(role)).await.expect("an answer").status(),
                403,
                "{role}"
            );
        }
        assert_eq!(read(SERVICE_API_TOKEN.to_owned()).await.expect("an answer").status(), 401);
        for role in ["auditor", "admin"] {
            assert_eq!(
                read(crate::calls::staff_token(role)).await.expect("an answer").status(),
                200,
                "{role}"
            );
        }
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::POST] {
            let change = caller
                .request(method.clone(), "/api/audit/entries/aud_00000000000000000000000000")
                .bearer_auth(crate::calls::staff_token("admin"));
            assert_eq!(change.send().await.expect("an answer").status(), 405, "{method}");
        }
        caller.on_trail("category=audit&outcome=refused&text=permission_denied", 2).await;
    }
}
