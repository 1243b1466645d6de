//! What the trail says, and that it says so before the answer leaves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use auth::digest::sha256;
use auth::random::Random;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::audit::{Actor, ActorKind, Category, Entry, Outcome, Target, Text, Value as Detail};
use contract::ids::EntryId;
use http_kit::audit::seal;
use http_kit::health::Readiness;
use serde_json::{Value, json};
use test_kit::waiting::{eventually, wait_for};

use crate::wire::{get, send};
use crate::world::{SERVICE, World, claims, internal_token, service_bearer, staff_bearer, start_of_time};

const CLIENT: &str = "/clients/ada@b.example";

async fn read_client(world: &World, path: &str) -> crate::wire::Answer {
    send(world.running.address(), "GET", path, &[("Authorization", &service_bearer())], b"").await
}

fn parsed(world: &World) -> Vec<Value> {
    world.trail.now().iter().map(|sealed| serde_json::from_str(&sealed.payload).expect("JSON")).collect()
}

#[actix_web::test]
async fn a_known_caller_s_success_is_on_the_trail_before_the_answer() {
    let world = World::start();
    let answer = read_client(&world, CLIENT).await;
    assert_eq!(answer.status, 200);
    let entries = parsed(&world);
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    let expected = json!({
        "id": world.trail.now()[0].id,
        "time": start_of_time(),
        "service": SERVICE,
        "category": "service_api",
        "action": "client.read",
        "outcome": "success",
        "actor": { "kind": "service", "id": "service-api" },
        "target": { "kind": "client", "id": entry["target"]["id"] },
        "address": entry["address"],
        "requestId": answer.header("x-request-id"),
        "method": "GET",
        "route": "/clients/{email}",
        "count": 1,
    });
    assert_eq!(*entry, expected);
}

#[actix_web::test]
async fn a_known_caller_s_refusal_is_durable_too() {
    let world = World::start();
    read_client(&world, "/clients/nobody@b.example").await.problem(404, "client_not_found");
    let support = staff_bearer(&claims(&json!("support")));
    send(world.running.address(), "GET", "/staff/trail", &[("Authorization", &support)], b"")
        .await
        .problem(403, "permission_denied");
    send(world.running.address(), "POST", "/webhooks/site", &[], b"signed nonsense")
        .await
        .problem(422, "invalid_event");
    send(world.running.address(), "GET", "/broken", &[("Authorization", &service_bearer())], b"")
        .await
        .problem(500, "internal_error");
    let said: Vec<Value> = parsed(&world)
        .into_iter()
        .map(|entry| json!([entry["outcome"], entry["reason"], entry["actor"]]))
        .collect();
    let expected = [
        json!(["refused", "client_not_found", { "kind": "service", "id": "service-api" }]),
        json!(["refused", "permission_denied", { "kind": "staff", "id": "stf_1" }]),
        json!(["refused", "invalid_event", { "kind": "platform", "id": "site" }]),
        json!(["failed", "internal_error", { "kind": "service", "id": "service-api" }]),
    ];
    assert_eq!(said, expected);
}

#[actix_web::test]
async fn without_a_durable_entry_a_known_caller_gets_503_and_nothing_else() {
    let world = World::start();
    world.trail.fails.store(true, Ordering::SeqCst);
    for path in [CLIENT, "/clients/nobody@b.example"] {
        let answer = read_client(&world, path).await;
        let problem = answer.problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(
            !problem.to_string().contains("Lovelace") && !problem.to_string().contains("ada@"),
            "{problem}"
        );
    }
    assert_eq!(get(world.running.address(), "/open").await.status, 200, "a quiet route needs no trail");
    get(world.running.address(), CLIENT).await.problem(401, "credentials_missing");
    world.trail.fails.store(false, Ordering::SeqCst);
    assert_eq!(read_client(&world, CLIENT).await.status, 200);
    let entries = world.trail.adding_up_to(2).await;
    assert_eq!(
        entries.iter().filter(|entry| entry["reason"] == "credentials_missing").count(),
        1,
        "it waited: {entries:?}"
    );
}

/// A start is one entry, as soon as the service is ready for it, however long that takes.
#[actix_web::test]
async fn a_start_is_on_the_trail_once() {
    let world = World::start_with(|kit| kit.readiness = Readiness::new(), |_| {});
    let starts = eventually(async || world.trail.starts(), |starts| !starts.is_empty()).await;
    let [start] = starts.as_slice() else { panic!("{starts:?}") };
    let said =
        json!([start["service"], start["category"], start["outcome"], start["actor"], start["details"]]);
    let version = json!({ "version": env!("CARGO_PKG_VERSION") });
    assert_eq!(said, json!(["test-service", "system", "success", { "kind": "system" }, version]));
    assert_eq!(start["address"], Value::Null);
    world.running.stop().await.expect("stopped");
    assert_eq!(world.trail.starts().len(), 1);
}

/// While the trail takes nothing, or the service is not ready, it serves all the same, and the entry of its start waits.
#[actix_web::test]
async fn a_start_waits_for_the_trail_and_holds_nobody_up() {
    let broken = Arc::new(AtomicBool::new(true));
    let watched = Arc::clone(&broken);
    let readiness = Readiness::new().check("database", move || {
        let broken = watched.load(Ordering::SeqCst);
        async move { if broken { Err("away") } else { Ok(()) } }
    });
    let world = World::start_with(|kit| kit.readiness = readiness, |_| {});
    world.trail.fails.store(true, Ordering::SeqCst);
    assert_eq!(get(world.running.address(), "/open").await.status, 200);
    broken.store(false, Ordering::SeqCst);
    wait_for("the service to be ready", async || get(world.running.address(), "/readyz").await.status == 200)
        .await;
    assert_eq!(world.trail.starts(), Vec::<Value>::new());
    world.trail.fails.store(false, Ordering::SeqCst);
    eventually(async || world.trail.starts(), |starts| starts.len() == 1).await;
}

#[actix_web::test]
async fn an_entry_that_the_handler_stored_is_not_stored_again() {
    let world = World::start();
    let answer =
        send(world.running.address(), "POST", CLIENT, &[("Authorization", &service_bearer())], b"12345")
            .await;
    assert_eq!(answer.status, 201);
    let entries = parsed(&world);
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((&entry["action"], &entry["details"]), (&json!("client.write"), &json!({ "bytes": 5 })));
}

#[actix_web::test]
async fn quiet_routes_and_what_is_recorded_elsewhere_leave_no_entry() {
    let world = World::start();
    let address = world.running.address();
    for path in ["/open", "/livez", "/readyz", "/pass/anything"] {
        get(address, path).await;
    }
    get(address, "/nowhere").await.problem(404, "route_not_found");
    let entries = world.trail.adding_up_to(1).await;
    assert_eq!(entries[0]["reason"], "route_not_found");
    assert_eq!(
        (&entries[0]["category"], &entries[0]["action"]),
        (&json!("system"), &json!("request.refuse"))
    );
    assert_eq!(entries[0].get("route"), None);
    let path = &entries[0]["details"]["path"];
    assert!(path["sha256"].is_string(), "what was tried, as a person's: {}", entries[0]);
}

#[actix_web::test]
async fn refusals_of_unknown_callers_are_counted_and_add_up() {
    let world = World::start();
    let address = world.running.address();
    for _ in 0..40 {
        get(address, CLIENT).await.problem(401, "credentials_missing");
    }
    for _ in 0..10 {
        send(address, "POST", "/webhooks/site", &[], b"forged").await.problem(401, "signature_mismatch");
    }
    send(address, "PUT", "/open", &[], b"").await.problem(405, "method_not_allowed");
    get(address, "/open/../x").await.problem(400, "bad_path");
    get(address, "/page").await.problem(422, "invalid_parameter");
    let entries = world.trail.adding_up_to(53).await;
    let mut counts = BTreeMap::new();
    for entry in &entries {
        assert_eq!(entry["outcome"], "refused");
        let key = (entry["action"].as_str().expect("text"), entry["reason"].as_str().expect("text"));
        *counts.entry(key).or_insert(0) += entry["count"].as_u64().expect("a number");
    }
    let expected = BTreeMap::from([
        (("client.read", "credentials_missing"), 40),
        (("webhook.receive", "signature_mismatch"), 10),
        (("request.refuse", "method_not_allowed"), 1),
        (("request.refuse", "bad_path"), 1),
        (("request.refuse", "invalid_parameter"), 1),
    ]);
    assert_eq!(counts, expected);
    let whole: Vec<&Value> = entries.iter().filter(|entry| entry.get("requestId").is_some()).collect();
    assert_eq!(whole.len(), 5, "the clock stands: one of each kind is kept in full: {entries:#?}");
    let webhook = whole.iter().find(|entry| entry["action"] == "webhook.receive").expect("one");
    assert_eq!(webhook["actor"], json!({ "kind": "platform", "id": "site" }));
}

#[actix_web::test]
async fn different_addresses_are_told_apart_and_a_new_second_is_told_in_full() {
    let world = World::start();
    let gateway = internal_token("gateway", SERVICE);
    for address in ["203.0.113.1", "203.0.113.2", "2001:db8::1"] {
        let told = [("x-crm-internal", gateway.as_str()), ("x-crm-client-address", address)];
        for _ in 0..3 {
            send(world.running.address(), "GET", CLIENT, &told, b"")
                .await
                .problem(401, "credentials_missing");
        }
    }
    let entries = world.trail.adding_up_to(9).await;
    assert_eq!(entries.iter().filter(|entry| entry.get("requestId").is_some()).count(), 3);
    world.hands.advance(Duration::from_secs(1));
    let told = [("x-crm-internal", gateway.as_str()), ("x-crm-client-address", "203.0.113.1")];
    send(world.running.address(), "GET", CLIENT, &told, b"").await.problem(401, "credentials_missing");
    let entries = world.trail.adding_up_to(10).await;
    assert_eq!(entries.iter().filter(|entry| entry.get("requestId").is_some()).count(), 4);
    let disclosed: String = world.trail.now().iter().flat_map(|sealed| sealed.disclosures.clone()).collect();
    for address in ["203.0.113.1", "203.0.113.2", "2001:db8::1"] {
        assert!(disclosed.contains(address), "{disclosed}");
    }
    let payloads: String = world.trail.now().iter().map(|sealed| sealed.payload.clone()).collect();
    assert!(!payloads.contains("203.0.113") && !payloads.contains("2001:db8"), "{payloads}");
}

#[actix_web::test]
async fn a_diagnosis_is_kept_even_if_it_is_not_the_first_of_its_kind() {
    let world = World::start();
    for body in ["forged", "diagnosed", "forged"] {
        send(world.running.address(), "POST", "/webhooks/site", &[], body.as_bytes())
            .await
            .problem(401, "signature_mismatch");
    }
    let entries = world.trail.adding_up_to(3).await;
    let hints: Vec<&Value> = entries.iter().filter_map(|entry| entry.get("details")).collect();
    assert_eq!(hints, [&json!({ "looksLike": "body_plus_newline" })]);
}

#[actix_web::test]
async fn what_is_counted_reaches_the_trail_before_the_service_ends() {
    let world = World::start();
    for _ in 0..7 {
        get(world.running.address(), "/nowhere").await.problem(404, "route_not_found");
    }
    world.running.stop().await.expect("stops");
    let sum: u64 = world.trail.now().iter().map(|sealed| count(&sealed.payload)).sum();
    assert_eq!(sum, 7);
}

fn count(payload: &str) -> u64 {
    let payload: Value = serde_json::from_str(payload).expect("JSON");
    payload["count"].as_u64().expect("a count")
}

fn entry() -> Entry {
    Entry {
        id: EntryId::new(start_of_time(), [1; 10]),
        time: start_of_time(),
        service: SERVICE,
        category: Category::Webhook,
        action: "webhook.receive".to_owned(),
        outcome: Outcome::Refused,
        reason: Some("invalid_event".to_owned()),
        actor: Actor { kind: ActorKind::Platform, id: Some(Text::open("site")) },
        target: Some(Target { kind: "client".to_owned(), id: Text::personal("ada@b.example") }),
        address: Some(Text::personal("203.0.113.9")),
        request_id: Some("req-1".to_owned()),
        method: Some("POST".to_owned()),
        route: Some("/api/webhooks/{source}".to_owned()),
        count: 1,
        details: BTreeMap::from([
            ("names".to_owned(), Detail::List(vec![Text::personal("Ada").into(), Text::open("x").into()])),
            ("a/b~c".to_owned(), Text::personal("\u{e9}\"").into()),
            ("flag".to_owned(), true.into()),
            ("bytes".to_owned(), 5.into()),
        ]),
    }
}

#[test]
fn a_sealed_entry_is_canonical_and_hides_persons() {
    let sealed = seal(&entry(), &Random::seeded(7));
    for personal in ["ada@b.example", "203.0.113.9", "Ada", "\u{e9}"] {
        assert!(!sealed.payload.contains(personal), "{}", sealed.payload);
    }
    let payload: Value = serde_json::from_str(&sealed.payload).expect("JSON");
    assert_eq!(serde_json_canonicalizer::to_string(&payload).expect("canonical"), sealed.payload);
    assert_eq!(payload["details"]["names"][1], "x");
    assert_eq!(payload["details"]["bytes"], 5);
    assert_eq!(payload["target"]["kind"], "client");
}

/// Names beyond ASCII, in another order by bytes than by UTF-16, and numbers that ECMAScript does not hold.
#[test]
fn an_entry_with_odd_details_is_canonical_too() {
    for (name, value) in [
        ("\u{1f600}", 1_i64),
        ("\u{ff5e}", -1),
        ("large", (1 << 53) + 1),
        ("small", i64::MIN),
        ("z", 1 << 53),
    ] {
        let mut entry = entry();
        entry.details.insert("\u{ffff}".to_owned(), true.into());
        entry.details.insert(name.to_owned(), contract::audit::Value::List(vec![value.into()]));
        let sealed = seal(&entry, &Random::seeded(7));
        let payload: Value = serde_json::from_str(&sealed.payload).expect("JSON");
        assert_eq!(
            serde_json_canonicalizer::to_string(&payload).expect("canonical"),
            sealed.payload,
            "{name}"
        );
        assert!(payload["details"].get(name).is_some());
    }
    let counted = seal(&Entry { count: u64::MAX, ..entry() }, &Random::seeded(7));
    let payload: Value = serde_json::from_str(&counted.payload).expect("JSON");
    assert_eq!(serde_json_canonicalizer::to_string(&payload).expect("canonical"), counted.payload);
}

#[test]
fn every_disclosure_opens_the_digest_at_its_pointer() {
    let sealed = seal(&entry(), &Random::seeded(7));
    let payload: Value = serde_json::from_str(&sealed.payload).expect("JSON");
    let mut opened = BTreeMap::new();
    for disclosure in &sealed.disclosures {
        let [salt, pointer, value]: [String; 3] = serde_json::from_str(disclosure).expect("three texts");
        assert_eq!(URL_SAFE_NO_PAD.decode(&salt).expect("base64url").len(), 16);
        let digest = URL_SAFE_NO_PAD.encode(sha256(disclosure.as_bytes()));
        assert_eq!(payload.pointer(&pointer), Some(&json!({ "sha256": digest })), "{pointer}");
        opened.insert(pointer, (value, salt));
    }
    let values: BTreeMap<&str, &str> =
        opened.iter().map(|(pointer, (value, _))| (pointer.as_str(), value.as_str())).collect();
    let expected = BTreeMap::from([
        ("/address", "203.0.113.9"),
        ("/target/id", "ada@b.example"),
        ("/details/names/0", "Ada"),
        ("/details/a~1b~0c", "\u{e9}\""),
    ]);
    assert_eq!(values, expected);
    let salts: std::collections::BTreeSet<&String> = opened.values().map(|(_, salt)| salt).collect();
    assert_eq!(salts.len(), opened.len(), "no salt twice");
}

/// A refusal that people read as a page is a refusal with its code all the same.
#[actix_web::test]
async fn a_refusal_as_a_page_is_counted_under_its_code() {
    let world = World::start();
    let answer = get(world.running.address(), "/html").await;
    assert_eq!((answer.status, answer.header("content-type")), (404, Some("text/html; charset=utf-8")));
    assert_eq!(
        (answer.body.as_slice(), answer.header("cache-control")),
        (b"<p>Not there</p>".as_slice(), Some("no-store"))
    );
    let entries = world.trail.adding_up_to(1).await;
    assert_eq!((&entries[0]["reason"], &entries[0]["route"]), (&json!("entry_not_found"), &json!("/html")));
}
