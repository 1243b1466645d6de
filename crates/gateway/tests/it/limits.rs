//! S2 and W12: a credential's calls are limited by its name and exactly; failed authentications by address, and nothing else of it.

use std::net::SocketAddr;
use std::time::Duration;

use contract::clock::{Clock, ManualClock, Timestamp};
use gateway::Config;

use crate::harness::{
    Gateway, Message, OK, Seen, Service, answering, answering_by, before_at, before_with, nowhere,
};
use crate::harness::{SERVICE_API_TOKEN, soon};
use crate::trail::{Entries, text};

/// An obvious placeholder, and another valid value while a rotation is under way.
const FORMER_TOKEN: &str = "test-former-token-test-former-token-test-former-token-00000009";

const REFUSED: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/problem+json\r\nwww-authenticate: Bearer realm=\"crm-bridge\"\r\ncontent-length: 2\r\n\r\n{}";

/// A gateway with an upright service behind it, by a clock of the test's.
struct World {
    gateway: Gateway,
    seen: Seen,
    hands: ManualClock,
}

fn world(change: impl FnOnce(&mut Config)) -> World {
    world_with(nowhere(), change)
}

fn world_with(audit_log: SocketAddr, change: impl FnOnce(&mut Config)) -> World {
    let (clock, hands) = Clock::manual(Timestamp::from_micros(1_800_000_000_000_000));
    let (service, seen) = answering_by(upright);
    World { gateway: before_at(clock, service, audit_log, change), seen, hands }
}

/// What a service says: whoever shows the token or the signature is let in, nobody else.
fn upright(request: &Message) -> &'static str {
    let shown = request.all("authorization");
    let token = shown.first().filter(|_| shown.len() == 1).and_then(|value| value.split_once(' '));
    let signed = request.field("x-webhook-signature") == Some("good");
    let good = signed || token.is_some_and(|(_, token)| [SERVICE_API_TOKEN, FORMER_TOKEN].contains(&token));
    if good { OK } else { REFUSED }
}

impl World {
    async fn call(&self, token: &str) -> Message {
        self.get("/api/service/clients/ann@example.com", &format!("authorization: Bearer {token}\r\n")).await
    }

    async fn webhook(&self, signature: &str) -> Message {
        let head = format!("host: x\r\ncontent-length: 2\r\nx-webhook-signature: {signature}\r\n");
        self.gateway.exchange(&format!("POST /api/webhooks/site HTTP/1.1\r\n{head}\r\n{{}}")).await
    }

    async fn get(&self, path: &str, fields: &str) -> Message {
        self.gateway.exchange(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n{fields}\r\n")).await
    }

    /// The token's next `count` calls are all let in.
    async fn pass(&self, count: usize) {
        for number in 0..count {
            assert_eq!(self.call(SERVICE_API_TOKEN).await.status(), 200, "{number}");
        }
    }
}

/// What an answer tells of the limit: what is left, and when more is.
fn told(answer: &Message) -> (u64, u64) {
    assert_eq!(answer.field("ratelimit-policy"), Some(r#""service-api";q=100;w=60"#), "{answer:?}");
    let told = answer.field("ratelimit").expect("how it stands");
    let (remaining, frees_in) =
        told.strip_prefix(r#""service-api";r="#).and_then(|rest| rest.split_once(";t=")).expect(told);
    (remaining.parse().expect(told), frees_in.parse().expect(told))
}

fn assert_untold(answer: &Message) {
    assert_eq!((answer.field("ratelimit"), answer.field("ratelimit-policy")), (None, None), "{answer:?}");
}

fn assert_limited(answer: &Message, seconds: u64) {
    assert_eq!((answer.status(), answer.problem().as_str()), (429, "rate_limited"));
    assert_eq!(answer.field("retry-after"), Some(seconds.to_string().as_str()), "{answer:?}");
}

#[tokio::test]
async fn a_hundred_calls_in_any_minute_and_no_more() {
    let mut world = world(|_| {});
    for number in 0..60 {
        assert_eq!(told(&world.call(SERVICE_API_TOKEN).await), (99 - number, 60));
    }
    world.hands.advance(Duration::from_millis(30_500));
    for number in 0..40 {
        assert_eq!(told(&world.call(SERVICE_API_TOKEN).await), (39 - number, 30));
    }
    for _ in 0..100 {
        world.seen.next().await;
    }
    for (millis, seconds) in [(0, 30), (29_499, 1)] {
        world.hands.advance(Duration::from_millis(millis));
        for _ in 0..3 {
            let refused = world.call(SERVICE_API_TOKEN).await;
            assert_limited(&refused, seconds);
            assert_eq!(told(&refused), (0, seconds));
        }
    }
    world.seen.assert_empty();
    // What was refused cost nothing: as the first 60 leave the window, just as many come in.
    world.hands.advance(Duration::from_millis(1));
    world.pass(60).await;
    assert_limited(&world.call(SERVICE_API_TOKEN).await, 31);
    world.hands.advance(Duration::from_secs(31));
    world.pass(40).await;
    assert_limited(&world.call(SERVICE_API_TOKEN).await, 29);
}

#[tokio::test]
async fn a_clock_that_is_set_back_lets_nobody_in() {
    let world = world(|_| {});
    world.pass(100).await;
    world.hands.set(Timestamp::from_micros(0));
    assert_limited(&world.call(SERVICE_API_TOKEN).await, 60);
    world.hands.set(Timestamp::from_micros(1_800_000_060_000_000));
    world.pass(1).await;
}

/// The two values of a rotation are one credential; who passes it on, and what is called, makes no difference.
#[tokio::test]
async fn the_limit_is_the_credentials_by_name() {
    let world = world(|config| {
        config.service_token = auth::keyring::KeyRing::new(
            auth::secret::Secret::new(SERVICE_API_TOKEN),
            vec![auth::secret::Secret::new(FORMER_TOKEN)],
        );
    });
    world.pass(50).await;
    for number in 0..50 {
        assert_eq!(world.call(FORMER_TOKEN).await.status(), 200, "{number}");
    }
    for number in 0..10 {
        let token = [SERVICE_API_TOKEN, FORMER_TOKEN][number % 2];
        let fields = format!(
            "authorization: bearer {token}\r\nx-forwarded-for: 192.0.2.{number}\r\nforwarded: for=192.0.2.{number}\r\nx-crm-client-address: 192.0.2.{number}\r\n"
        );
        for path in ["/api/service/accounts/ann@example.com", "/api/service/nothing", "/api/service/"] {
            assert_limited(&world.get(path, &fields).await, 60);
        }
    }
    for _ in 0..5 {
        let webhook = world.webhook("good").await;
        assert_eq!(webhook.status(), 200, "webhooks are under no such limit");
        assert_untold(&webhook);
        let elsewhere =
            world.get("/api/clients", &format!("authorization: Bearer {SERVICE_API_TOKEN}\r\n")).await;
        assert_eq!(elsewhere.status(), 200, "nor is what is no service API");
        assert_untold(&elsewhere);
    }
}

#[tokio::test]
async fn the_workers_share_one_limit() {
    let world = world(|_| {});
    let calls = futures_util::future::join_all((0..250).map(|_| world.call(SERVICE_API_TOKEN)));
    let statuses: Vec<_> = soon("answers", calls).await.iter().map(Message::status).collect();
    let passed = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(passed, 100, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn what_is_over_the_limit_is_refused_before_its_body() {
    let world = world(|config| config.service_api_rate_limit = 1);
    world.pass(1).await;
    let head = format!(
        "POST /api/service/clients/ann@example.com/notes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {SERVICE_API_TOKEN}\r\ncontent-length: 1000000\r\n\r\n"
    );
    assert_limited(&world.gateway.exchange(&head).await, 60);
}

#[tokio::test]
async fn calls_without_the_token_go_on_and_cost_nothing() {
    let mut world = world(|config| {
        config.service_api_rate_limit = 1;
        config.failed_auth_rate_limit = 0;
    });
    let twice =
        format!("authorization: Bearer {SERVICE_API_TOKEN}\r\nauthorization: Bearer {SERVICE_API_TOKEN}\r\n");
    for fields in ["", "authorization: Basic eDp5\r\n", "authorization: Bearer other\r\n", &twice] {
        for _ in 0..3 {
            let answer = world.get("/api/service/clients/ann@example.com", fields).await;
            assert_eq!(answer.status(), 401, "{fields}");
            assert_eq!(answer.field("www-authenticate"), Some(r#"Bearer realm="crm-bridge""#));
            assert_untold(&answer);
            world.seen.next().await;
        }
    }
    world.pass(1).await;
    assert_eq!(world.call(SERVICE_API_TOKEN).await.status(), 429);
}

#[tokio::test]
async fn a_limit_of_0_is_none() {
    let world = world(|config| config.service_api_rate_limit = 0);
    for _ in 0..150 {
        let answer = world.call(SERVICE_API_TOKEN).await;
        assert_eq!(answer.status(), 200);
        assert_untold(&answer);
    }
}

/// An answer that the gateway gives in a service's place tells how the limit stands too, and one that a service gives tells it once.
#[tokio::test]
async fn every_answer_to_a_limited_call_tells_how_it_stands() {
    let bearer = format!("authorization: Bearer {SERVICE_API_TOKEN}\r\n");
    let get = format!("GET /api/service/clients/a HTTP/1.1\r\nhost: x\r\n{bearer}\r\n");
    let away = before_with(nowhere(), nowhere(), |_| {});
    let answer = away.exchange(&get).await;
    assert_eq!((answer.status(), told(&answer).0), (503, 99));
    assert_eq!(answer.field("retry-after"), Some("1"));
    let (service, _seen) = answering(
        "HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\nratelimit: \"mine\";r=1\r\nratelimit-policy: \"mine\";q=1\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let answer = before_with(service, nowhere(), |_| {}).exchange(&get).await;
    assert_eq!((answer.status(), told(&answer).0), (404, 99));
}

#[tokio::test]
async fn what_a_limit_refuses_is_on_the_trail_under_the_credentials_name() {
    const REFUSALS: u64 = 50;
    let audit_log = nowhere();
    let mut entries = Entries::at(audit_log).await;
    let world = world_with(audit_log, |config| config.service_api_rate_limit = 2);
    world.pass(2).await;
    for _ in 0..REFUSALS {
        assert_eq!(world.call(SERVICE_API_TOKEN).await.status(), 429);
    }
    let mut counted = 0;
    while counted < REFUSALS {
        let entry = entries.next().await;
        let said = ["reason", "outcome", "action", "route", "category"].map(|member| text(&entry, member));
        let expected =
            ["rate_limited", "refused", "service_api.pass_on", "/api/service/{rest:.*}", "service_api"];
        assert_eq!(said, expected, "{entry}");
        assert_eq!(
            (text(&entry["actor"], "kind"), text(&entry["actor"], "id")),
            ("service", "platform"),
            "{entry}"
        );
        counted += entry["count"].as_u64().expect("a count");
    }
    assert_eq!(counted, REFUSALS);
}

/// W12: a flood of forgeries from one address takes nothing from who signs well there.
#[tokio::test]
async fn failures_are_limited_by_address_and_nothing_else_is() {
    let mut world = world(|_| {});
    for number in 0..60 {
        let answer = if number % 2 == 0 { world.webhook("forged").await } else { world.call("guess").await };
        assert_eq!((answer.status(), answer.body.as_slice()), (401, b"{}".as_slice()), "{number}");
        assert_eq!(answer.field("www-authenticate"), Some(r#"Bearer realm="crm-bridge""#));
        assert_eq!(answer.field("retry-after"), None);
        world.seen.next().await;
    }
    for number in 0..30 {
        let forwarded = format!("x-forwarded-for: 192.0.2.{number}\r\nauthorization: Bearer guess\r\n");
        let forged = world.webhook("forged").await;
        assert_limited(&forged, 60);
        assert_untold(&forged);
        assert_eq!(forged.field("www-authenticate"), None);
        world.seen.next().await;
        assert_limited(&world.get("/api/staff", &forwarded).await, 60);
        world.seen.next().await;
        assert_eq!(world.webhook("good").await.status(), 200, "a good signature from the same address");
        world.seen.next().await;
        assert_eq!(world.call(SERVICE_API_TOKEN).await.status(), 200, "a good token from the same address");
        world.seen.next().await;
        // That a service token is bad can be seen here: it need not be passed on.
        assert_limited(&world.get("/api/service/clients/a", &forwarded).await, 60);
        world.seen.assert_empty();
    }
    world.hands.advance(Duration::from_secs(60));
    assert_eq!(world.webhook("forged").await.status(), 401);
    assert_eq!(world.call("guess").await.status(), 401);
}

/// A person at a browser gets a page, not JSON; it counts as the failure that it is.
#[tokio::test]
async fn a_failure_on_a_page_is_that_page_over_the_limit_too() {
    const PAGE: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-type: text/html; charset=utf-8\r\nwww-authenticate: Bearer realm=\"crm-bridge\"\r\ncontent-length: 7\r\n\r\n<p>no\r\n";
    let (service, _seen) =
        answering_by(|request| if request.line.contains("/login ") { PAGE } else { REFUSED });
    let gateway = before_with(service, nowhere(), |config| config.failed_auth_rate_limit = 2);
    let get = async |path: &str| gateway.exchange(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
    for _ in 0..4 {
        let page = get("/login").await;
        assert_eq!((page.status(), page.body.as_slice()), (401, b"<p>no\r\n".as_slice()));
        assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    }
    assert_eq!(get("/api/staff").await.status(), 429, "the pages were counted");
}

#[tokio::test]
async fn failures_without_a_limit_are_all_passed_back() {
    let world = world(|config| config.failed_auth_rate_limit = 0);
    for _ in 0..100 {
        assert_eq!(world.call("guess").await.status(), 401);
    }
}

/// A failure that a service saw is on its trail, and not once more on the gateway's.
#[tokio::test]
async fn a_replaced_failure_is_the_services_to_record() {
    let audit_log = nowhere();
    let mut entries = Entries::at(audit_log).await;
    let world = world_with(audit_log, |config| config.failed_auth_rate_limit = 1);
    assert_eq!(world.webhook("forged").await.status(), 401);
    assert_limited(&world.webhook("forged").await, 60);
    let here = world.call("guess").await;
    assert_limited(&here, 60);
    let entry = entries.next().await;
    assert_eq!(text(&entry, "requestId"), here.field("x-request-id").expect("an id"), "{entry}");
    assert_eq!(
        (text(&entry, "reason"), text(&entry["actor"], "kind")),
        ("rate_limited", "anonymous"),
        "{entry}"
    );
}

/// A flood of failures does not cost the services a connection each.
#[tokio::test]
async fn a_replaced_failure_leaves_the_connection_in_use() {
    let service = Service::new();
    let gateway = before_with(service.address, nowhere(), |config| config.failed_auth_rate_limit = 1);
    let mut client = gateway.connect().await;
    let request = b"GET /api/staff HTTP/1.1\r\nhost: x\r\n\r\n";
    client.write(request).await;
    let mut behind = service.accept().await;
    for status in [401, 429, 429, 429] {
        behind.answer().await;
        behind.write(REFUSED.as_bytes()).await;
        assert_eq!(client.answer().await.status(), status);
        client.write(request).await;
    }
    // The request that was sent last came over the same connection, so no other waits.
    behind.answer().await;
    service.assert_untouched().await;
}
