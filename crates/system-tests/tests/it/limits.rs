//! The gateway's limits as they are by default, on the whole system. When exactly they let in again is in the gateway's own tests,
//! which turn the clock.

use reqwest::{Method, Response};
use test_kit::database::both;

use crate::calls::{Caller, registration, told};
use crate::harness::{AllInOne, SERVICE_API_TOKEN};

/// A service-API call that claims to come from elsewhere each time.
async fn call(caller: &Caller, number: u8) -> Response {
    caller
        .request(Method::GET, "/api/service/clients/ann@example.com")
        .bearer_auth(SERVICE_API_TOKEN)
        .header("x-forwarded-for", format!("192.0.2.{number}"))
        .send()
        .await
        .expect("an answer")
}

fn field<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

/// S2: request 100 of a minute is answered, 101 is not, wherever it says it comes from.
#[tokio::test]
async fn a_credential_has_a_hundred_calls_a_minute() {
    for database in both() {
        let system = AllInOne::start_limited(database).await;
        let caller = system.caller();
        assert_eq!(caller.webhook(&registration("1001", "ann@example.com")).await.status(), 200);
        // Each of the hundred is to find the client.
        caller.on_trail("action=event.apply", 1).await;
        for number in 0..100_u8 {
            let answer = call(&caller, number).await;
            assert_eq!(answer.status(), 200, "call {number}");
            assert_eq!(field(&answer, "ratelimit-policy"), r#""service-api";q=100;w=60"#);
            let left = format!(r#""service-api";r={};t="#, 99 - number);
            assert!(field(&answer, "ratelimit").starts_with(&left), "{answer:?}");
        }
        for number in 100..110 {
            let answer = call(&caller, number).await;
            let wait: u64 = field(&answer, "retry-after").parse().expect("seconds");
            assert!((1..=60).contains(&wait), "{answer:?}");
            assert_eq!(field(&answer, "ratelimit-policy"), r#""service-api";q=100;w=60"#);
            assert_eq!(field(&answer, "ratelimit"), format!(r#""service-api";r=0;t={wait}"#));
            let (status, problem) = told(answer).await;
            assert_eq!((status, problem["code"].as_str()), (429, Some("rate_limited")), "{problem}");
        }
        let webhook = caller.webhook(&registration("1002", "bob@example.com")).await;
        assert_eq!(webhook.status(), 200, "webhooks are under no such limit");
        assert_eq!(field(&webhook, "ratelimit"), "");
        caller.on_trail("category=service_api&outcome=refused&text=rate_limited&actor=platform", 10).await;
    }
}

/// W12, as far as one test goes: a flood of forgeries costs nobody else at its address anything, and all of it is on the trail.
#[tokio::test]
async fn forgeries_take_nothing_from_who_signs_well_at_the_same_address() {
    for database in both() {
        let system = AllInOne::start_limited(database).await;
        let caller = system.caller();
        let mut statuses = Vec::new();
        for number in 0..100 {
            let forged = caller.signed(&registration("1", "eve@example.com"), &"00".repeat(32)).await;
            statuses.push(forged.status().as_u16());
            if number % 10 == 9 {
                let body = registration(&format!("c{number}"), &format!("c{number}@example.com"));
                assert_eq!(caller.webhook(&body).await.status(), 200, "{number}");
                assert_eq!(caller.acknowledged(&format!("c{number}@example.com")).await.0, 200, "{number}");
            }
        }
        assert_eq!(statuses, [vec![401; 60], vec![429; 40]].concat());
        caller.on_trail("category=webhook&outcome=refused&text=signature_mismatch", 100).await;
        caller.on_trail("action=webhook.receive&outcome=success", 10).await;
    }
}
