//! Who may (abuse cases S1, S9, I1, I2, I5): 401 before 403 before anything that the path or the body says.

use std::time::Duration;

use http_kit::caller::{Anyone, AuditorOrAdmin, Caller, Internal, Service, Staff, Webhook};
use http_kit::routes::{Access, Audit, Route, RouteTable, TableError};
use http_kit::server::Listen;
use http_kit::service::{Service as Bundle, StartError};
use serde_json::{Value, json};
use test_kit::credentials::ring;

use crate::wire::{get, send};
use crate::world::{
    SERVICE, TOKEN, World, claims, internal_token, service_bearer, staff_bearer, start_of_time, table,
};

const CLIENT: &str = "/clients/a@b.example";

#[actix_web::test]
async fn the_service_api_takes_its_token_and_nothing_like_it() {
    let world = World::start();
    let address = world.running.address();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let answer =
            send(address, "GET", CLIENT, &[("Authorization", &format!("{scheme} {TOKEN}"))], b"").await;
        assert_eq!(answer.status, 200, "{scheme}");
    }
    let missing = get(address, CLIENT).await;
    missing.problem(401, "credentials_missing");
    assert_eq!(missing.header("www-authenticate"), Some(r#"Bearer realm="crm-bridge""#));
    for bad in [
        format!("Bearer {}", &TOKEN[1..]),
        format!("Bearer {}", &TOKEN[..TOKEN.len() - 1]),
        format!("Bearer {TOKEN}x"),
        format!("Bearer {}", TOKEN.to_uppercase()),
        format!("Basic {TOKEN}"),
        TOKEN.to_owned(),
        "Bearer".to_owned(),
        "Bearer \u{e9}".to_owned(),
        staff_bearer(&claims(&json!("admin"))),
    ] {
        let answer = send(address, "GET", CLIENT, &[("Authorization", &bad)], b"").await;
        answer.problem(401, "credentials_invalid");
        assert_eq!(
            answer.header("www-authenticate"),
            Some(r#"Bearer realm="crm-bridge", error="invalid_token""#)
        );
    }
    get(address, &format!("{CLIENT}?access_token={TOKEN}")).await.problem(401, "credentials_missing");
    let twice = [("Authorization", service_bearer()), ("Authorization", service_bearer())];
    let twice = twice.each_ref().map(|(name, value)| (*name, value.as_str()));
    send(address, "GET", CLIENT, &twice, b"").await.problem(401, "credentials_invalid");
}

#[actix_web::test]
async fn credentials_come_before_what_the_path_and_the_body_say() {
    let world = World::start();
    let address = world.running.address();
    get(address, "/clients/nobody@b.example").await.problem(401, "credentials_missing");
    send(address, "POST", CLIENT, &[], &[b'x'; 1001]).await.problem(401, "credentials_missing");
    send(address, "POST", CLIENT, &[("Authorization", &service_bearer())], &[b'x'; 1001])
        .await
        .problem(413, "payload_too_large");
    send(address, "POST", "/internal/echo", &[], b"{").await.problem(401, "credentials_missing");
}

#[actix_web::test]
async fn staff_are_let_in_by_role_exactly() {
    let world = World::start();
    let address = world.running.address();
    for (role, status) in [
        (json!("admin"), 200),
        (json!("auditor"), 200),
        (json!("support"), 403),
        (json!("compliance"), 403),
        (json!("Admin"), 403),
        (json!("admin "), 403),
        (json!(["admin"]), 403),
        (json!({ "admin": 1 }), 403),
        (json!(null), 403),
    ] {
        let token = staff_bearer(&claims(&role));
        let answer = send(address, "GET", "/staff/trail", &[("Authorization", &token)], b"").await;
        assert_eq!(answer.status, status, "{role}");
        if status == 403 {
            answer.problem(403, "permission_denied");
        }
    }
    let several = json!({ "sub": "stf_1", "email": "s@x.example", "roles": ["support", "auditor"], "exp": start_of_time().as_seconds() + 9 });
    assert_eq!(
        send(address, "GET", "/staff/trail", &[("Authorization", &staff_bearer(&several))], b"").await.status,
        200
    );
    let admin = staff_bearer(&claims(&json!("admin")));
    send(address, "GET", "/staff/none", &[("Authorization", &admin)], b"")
        .await
        .problem(403, "permission_denied");
}

#[actix_web::test]
async fn a_staff_token_lives_to_its_exp_and_not_a_second_longer() {
    let world = World::start();
    let address = world.running.address();
    let token = staff_bearer(&claims(&json!("admin")));
    world.hands.advance(Duration::from_secs(59));
    assert_eq!(send(address, "GET", "/staff/trail", &[("Authorization", &token)], b"").await.status, 200);
    world.hands.advance(Duration::from_secs(1));
    send(address, "GET", "/staff/trail", &[("Authorization", &token)], b"")
        .await
        .problem(401, "credentials_invalid");
    let without = staff_bearer(&json!({ "sub": "stf_1", "email": "s@x.example", "role": "admin" }));
    send(address, "GET", "/staff/trail", &[("Authorization", &without)], b"")
        .await
        .problem(401, "credentials_invalid");
    let service = service_bearer();
    send(address, "GET", "/staff/trail", &[("Authorization", &service)], b"")
        .await
        .problem(401, "credentials_invalid");
    get(address, "/staff/trail").await.problem(401, "credentials_missing");
}

/// What `/staff/trail` says to a token of `sub` with the role auditor.
async fn as_auditor(world: &World, sub: &str) -> crate::wire::Answer {
    let mut claims = claims(&json!("auditor"));
    claims["sub"] = json!(sub);
    send(world.running.address(), "GET", "/staff/trail", &[("Authorization", &staff_bearer(&claims))], b"")
        .await
}

#[actix_web::test]
async fn the_staff_table_has_the_last_word_and_its_silence_admits_nobody() {
    let world = World::start();
    assert_eq!(as_auditor(&world, "stf_1").await.status, 200);
    as_auditor(&world, "stf_known").await.problem(403, "permission_denied");
    let refused = as_auditor(&world, "stf_disabled").await;
    assert!(refused.header("www-authenticate").is_some());
    let problem = refused.problem(401, "credentials_invalid");
    assert!(!problem.to_string().contains("disabled"), "{problem}");
    let away = as_auditor(&world, "stf_trouble").await;
    assert_eq!(away.header("retry-after"), Some("1"));
    let problem = away.problem(503, "unavailable");
    assert!(!problem.to_string().contains("secret cause"), "{problem}");

    let entries = world.trail.adding_up_to(4).await;
    let of = |outcome: &str, code: &str| {
        let found = entries.iter().find(|entry| entry["outcome"] == outcome && entry["reason"] == code);
        found.unwrap_or_else(|| panic!("no {outcome} {code} among {entries:?}")).clone()
    };
    let disabled = of("refused", "credentials_invalid");
    assert_eq!(disabled["actor"], json!({ "kind": "staff", "id": "stf_disabled" }));
    assert_eq!(disabled["details"], json!({ "refusal": "staff_disabled" }));
    assert_eq!(of("refused", "permission_denied")["actor"]["id"], "stf_known");
    assert_eq!(of("failed", "unavailable")["actor"]["kind"], "anonymous");
    let admitted = entries.iter().find(|entry| entry["outcome"] == "success").expect("an entry");
    assert_eq!(admitted["details"]["external"], true);
    // Who it was is on the trail, and is a person's: sealed, with what opens it beside.
    assert!(admitted["details"]["actorEmail"].is_object(), "{admitted}");
}

async fn echo(world: &World, headers: &[(&str, &str)]) -> crate::wire::Answer {
    send(world.running.address(), "POST", "/internal/echo", headers, b"{}").await
}

#[actix_web::test]
async fn internal_routes_take_tokens_made_for_this_service_only() {
    let world = World::start();
    let good = internal_token("webhook-ingest", SERVICE);
    let answer = echo(&world, &[("x-crm-internal", &good)]).await;
    assert_eq!(answer.json()["from"], json!("Internal(\"webhook-ingest\")"));
    let foreign = auth::internal_token::issue(
        &ring("placeholder-other-secret-0123456789abcdef"),
        "gateway",
        SERVICE,
        start_of_time(),
    );
    for bad in [
        internal_token("webhook-ingest", "another-service"),
        foreign,
        "x".to_owned(),
        String::new(),
        TOKEN.to_owned(),
    ] {
        echo(&world, &[("x-crm-internal", &bad)]).await.problem(401, "credentials_invalid");
    }
    echo(&world, &[("x-crm-internal", &good), ("x-crm-internal", &good)])
        .await
        .problem(401, "credentials_invalid");
    echo(&world, &[("Authorization", &service_bearer())]).await.problem(401, "credentials_missing");
    world.hands.advance(Duration::from_secs(61));
    echo(&world, &[("x-crm-internal", &good)]).await.problem(401, "credentials_invalid");
}

#[actix_web::test]
async fn only_the_gateway_s_word_on_the_client_s_address_counts() {
    let world = World::start();
    let told = |answer: crate::wire::Answer| answer.json()["address"].clone();
    let gateway = internal_token("gateway", SERVICE);
    let other = internal_token("webhook-ingest", SERVICE);
    let claimed = ("x-crm-client-address", "203.0.113.9");
    assert_eq!(told(echo(&world, &[("x-crm-internal", &gateway), claimed]).await), "203.0.113.9");
    assert_eq!(told(echo(&world, &[("x-crm-internal", &other), claimed]).await), "127.0.0.1");
    let nonsense = ("x-crm-client-address", "nonsense");
    assert_eq!(told(echo(&world, &[("x-crm-internal", &gateway), nonsense]).await), "127.0.0.1");
}

#[actix_web::test]
async fn a_service_without_an_internal_key_trusts_no_internal_header() {
    // The gateway has no internal route, so here the address shows on the trail.
    let world = World::start();
    let token = service_bearer();
    let forged = [
        ("Authorization", token.as_str()),
        ("x-crm-client-address", "203.0.113.9"),
        ("X-Forwarded-For", "203.0.113.9"),
    ];
    assert_eq!(send(world.running.address(), "GET", CLIENT, &forged, b"").await.status, 200);
    let disclosed = world.trail.now().remove(0).disclosures.join("\n");
    assert!(disclosed.contains("127.0.0.1") && !disclosed.contains("203.0.113.9"), "{disclosed}");
}

#[test]
fn access_is_what_the_first_argument_says() {
    const QUIET: Audit = Audit::Quiet("a test");
    let routes = [
        Route::get("/a", QUIET, async |_: Caller<Anyone>| ""),
        Route::get("/b", QUIET, async |_: Caller<Webhook>, _: String| ""),
        Route::get("/c", QUIET, async |_: Caller<Service>, _: String, _: actix_web::HttpRequest| ""),
        Route::get("/d", QUIET, async |_: Caller<Staff<AuditorOrAdmin>>| ""),
        Route::get("/e", QUIET, async |_: Caller<Internal>| ""),
    ];
    let access: Vec<Access> = RouteTable::new(routes).iter().map(Route::access).collect();
    let roles = &[auth::staff::Role::Auditor, auth::staff::Role::Admin];
    assert_eq!(
        access,
        [Access::Public, Access::Webhook, Access::Service, Access::Staff(roles), Access::Internal]
    );
}

#[actix_web::test]
async fn an_unsound_table_does_not_start() {
    const QUIET: Audit = Audit::Quiet("a test");
    let start = |routes: Vec<Route>| {
        let started =
            Bundle::new(World::bare_kit(), &RouteTable::new(routes)).start(&Listen::on("127.0.0.1:0"));
        match started {
            Err(StartError::Table(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    let open = || Route::get("/open", QUIET, async |_: Caller<Anyone>| "");
    assert_eq!(start(vec![open(), open()]), TableError::Twice("/open"));
    assert_eq!(
        start(vec![Route::any("/livez", QUIET, async |_: Caller<Anyone>| "")]),
        TableError::Twice("/livez")
    );
    assert_eq!(
        start(vec![Route::get("/open/", QUIET, async |_: Caller<Anyone>| "")]),
        TableError::Path("/open/")
    );
    assert_eq!(
        start(vec![Route::get("open", QUIET, async |_: Caller<Anyone>| "")]),
        TableError::Path("open")
    );
    let staff = Route::get("/s", QUIET, async |_: Caller<Internal>| "");
    assert_eq!(start(vec![staff]), TableError::NoKey { path: "/s", access: Access::Internal });
}

/// What system-tests do for every service, done here for every kind of route: no credential, a bad one, a too weak one.
#[actix_web::test]
async fn the_table_can_be_walked() {
    let world = World::start();
    for route in table().iter().filter(|route| route.access() != Access::Public) {
        let path = route.path().replace("{email}", "a@b.example").replace("{source}", "site");
        let method = route.method().map_or("GET", |method| method.as_str());
        let expected =
            if route.access() == Access::Webhook { "signature_mismatch" } else { "credentials_missing" };
        send(world.running.address(), method, &path, &[], b"").await.problem(401, expected);
    }
    let refused: Vec<Value> = world.trail.adding_up_to(7).await;
    assert!(refused.iter().all(|entry| entry["outcome"] == "refused"), "{refused:#?}");
}
