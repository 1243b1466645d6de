//! I5, I6: what a JWT is worth now. The same over this service's own routes and over what it tells the others.

use std::time::Duration;

use auth::staff::Role;
use contract::internal::{AUDIT_LOG, GATEWAY};
use reqwest::Method;
use serde_json::{Value, json};
use sso_issuer::UnknownStaff;
use test_kit::credentials::internal_token;
use test_kit::database::both;

use crate::world::{INTERNAL, World, body, problem};

const ANN: &str = "ann@broker.example";

async fn change(world: &World, id: &str, change: &Value) {
    let asked = world.request(Method::PATCH, &format!("/api/staff/{id}")).json(change);
    let answer = asked.bearer_auth(world.foreign_admin()).send().await.expect("an answer");
    body(answer, 200).await;
}

/// The status that a list for admins alone answers with.
async fn as_admin(world: &World, token: &str) -> u16 {
    world.get("/api/staff", token).await.status().as_u16()
}

#[tokio::test]
async fn disabled_demoted_and_logged_out_count_at_once() {
    for database in both() {
        let world = World::start(&database).await;
        world.employ("other@broker.example", Role::Admin).await;
        let (id, token) = world.employ(ANN, Role::Admin).await;
        assert_eq!(as_admin(&world, &token).await, 200);
        change(&world, &id, &json!({ "role": "auditor" })).await;
        assert_eq!(as_admin(&world, &token).await, 403);
        let me = body(world.get("/api/auth/me", &token).await, 200).await;
        assert_eq!(me["roles"], json!(["auditor"]));
        change(&world, &id, &json!({ "role": "admin" })).await;
        assert_eq!(as_admin(&world, &token).await, 200);
        change(&world, &id, &json!({ "status": "disabled" })).await;
        assert_eq!(as_admin(&world, &token).await, 401);
        change(&world, &id, &json!({ "status": "active" })).await;
        assert_eq!(as_admin(&world, &token).await, 401, "what was ended stays ended");
    }
}

#[tokio::test]
async fn a_token_can_only_lower_what_the_table_says() {
    for database in both() {
        let world = World::start(&database).await;
        let (ann, _) = world.employ(ANN, Role::Admin).await;
        let (sue, _) = world.employ("sue@broker.example", Role::Support).await;
        let me = async |claims: Value| {
            let answer = world.get("/api/auth/me", &world.foreign(claims, 0)).await;
            match answer.status().as_u16() {
                200 => body(answer, 200).await["roles"].clone(),
                403 => json!("refused"),
                other => panic!("{other}"),
            }
        };
        for (claims, roles) in [
            (json!({ "sub": ann, "role": "admin" }), json!(["admin"])),
            (json!({ "sub": ann, "role": "support" }), json!(["support"])),
            (
                json!({ "sub": "crm-1", "email": " Ann@Broker.Example", "roles": ["support", "auditor"] }),
                json!(["support", "auditor"]),
            ),
            (json!({ "sub": sue, "role": "admin" }), json!(["support"])),
            (json!({ "sub": "SUE@broker.example", "role": "support" }), json!(["support"])),
            (
                json!({ "sub": "sue@broker.example", "email": "x@y.example", "role": "admin" }),
                json!(["support"]),
            ),
            (json!({ "sub": sue, "role": "auditor" }), json!("refused")),
            (json!({ "sub": sue, "email": ANN, "role": "admin" }), json!(["support"])),
            (json!({ "sub": ann }), json!("refused")),
            (json!({ "sub": "crm-2", "role": "auditor" }), json!(["auditor"])),
        ] {
            assert_eq!(me(claims.clone()).await, roles, "{claims}");
        }
    }
}

#[tokio::test]
async fn roles_are_exact_words() {
    for database in both() {
        let world = World::start(&database).await;
        for role in [
            json!("support"),
            json!("Admin "),
            json!("Admin"),
            json!(["Admin"]),
            json!({ "admin": 1 }),
            json!(null),
        ] {
            let token = world.foreign(json!({ "sub": "crm-1", "email": ANN, "role": role }), 0);
            problem(world.get("/api/staff", &token).await, 403, "permission_denied").await;
            problem(
                world.post("/api/clients/nobody/impersonate", &token, &json!({})).await,
                403,
                "permission_denied",
            )
            .await;
        }
        assert_eq!(world.service_api.asked().await, 0);
    }
}

/// PostgreSQL takes no U+0000; whoever signs one gets the answer to any other bad token, not a fault of ours.
#[tokio::test]
async fn a_name_with_control_characters_is_no_credential() {
    for database in both() {
        let world = World::start(&database).await;
        for claim in ["sub", "email", "sid"] {
            let mut claims = json!({ "sub": "crm-1", "email": ANN, "sid": "s", "role": "admin" });
            claims[claim] = json!("a\0b@broker.example");
            let answer = world.get("/api/auth/me", &world.foreign(claims, 0)).await;
            problem(answer, 401, "credentials_invalid").await;
        }
    }
}

#[tokio::test]
async fn tokens_of_other_parts_end_with_a_log_out_everywhere() {
    for database in both() {
        let world = World::start(&database).await;
        let (_, token) = world.employ(ANN, Role::Admin).await;
        let claims = || json!({ "sub": "crm-1", "email": ANN, "role": "admin" });
        let mut undated = claims();
        undated["exp"] = json!(world.seams.clock.now().as_seconds() + 3600);
        let undated = test_kit::credentials::signed(crate::world::JWT, &undated);
        let before = [world.foreign(claims(), 60), world.foreign(claims(), 0), undated];
        for token in &before {
            assert_eq!(as_admin(&world, token).await, 200);
        }
        world.post("/api/auth/logout", &token, &json!({ "everywhere": true })).await;
        for token in &before {
            assert_eq!(as_admin(&world, token).await, 401);
        }
        assert_eq!(as_admin(&world, &world.foreign(claims(), 0)).await, 401, "of the same second");
        assert_eq!(as_admin(&world, &world.foreign(claims(), -61)).await, 401, "from the future");
        world.hands.advance(Duration::from_secs(1));
        assert_eq!(as_admin(&world, &world.foreign(claims(), 0)).await, 200);
    }
}

#[tokio::test]
async fn a_log_in_that_was_never_ours_is_none() {
    for database in both() {
        let world = World::start(&database).await;
        let (ann, _) = world.employ(ANN, Role::Admin).await;
        let (sue, _) = world.employ("sue@broker.example", Role::Admin).await;
        let of = async |staff: &str| {
            let sessions = world.texts("select staff || ' ' || id as text from sessions").await;
            let own = sessions.iter().find_map(|line| line.strip_prefix(&format!("{staff} ")));
            own.expect("a log-in").to_owned()
        };
        let (anns, sues) = (of(&ann).await, of(&sue).await);
        let made_up = contract::ids::SessionId::new(crate::world::start_of_time(), [1; 10]).to_string();
        for (sub, sid, expected) in [
            (ann.as_str(), anns.as_str(), 200),
            (ann.as_str(), sues.as_str(), 401),
            (sue.as_str(), sues.as_str(), 200),
            (ann.as_str(), made_up.as_str(), 401),
            ("crm-1", made_up.as_str(), 401),
            ("crm-1", "a-session-of-another-part", 200),
        ] {
            let token = world.foreign(json!({ "sub": sub, "role": "admin", "sid": sid }), 0);
            assert_eq!(as_admin(&world, &token).await, expected, "{sub} {sid}");
        }
    }
}

#[tokio::test]
async fn whom_the_table_does_not_know_is_refused_where_it_must() {
    for database in both() {
        let world = World::start_with(&database, |config| config.unknown_staff = UnknownStaff::Refuse).await;
        let (_, token) = world.employ(ANN, Role::Admin).await;
        assert_eq!(as_admin(&world, &token).await, 200);
        assert_eq!(
            as_admin(&world, &world.foreign(json!({ "sub": "x", "email": ANN, "role": "admin" }), 0)).await,
            200
        );
        problem(world.get("/api/staff", &world.foreign_admin()).await, 401, "credentials_invalid").await;
        let refused = world.entries("staff.list").await;
        let entry = refused.iter().find(|entry| entry["outcome"] == "refused").expect("on the trail");
        assert_eq!(entry["details"]["refusal"], "staff_unknown");
        assert_eq!(entry["actor"], json!({ "kind": "staff", "id": "crm-7" }));
    }
}

#[tokio::test]
async fn other_services_hear_the_same_and_the_gateway_hears_nothing() {
    for database in both() {
        let world = World::start(&database).await;
        let (id, _) = world.employ(ANN, Role::Support).await;
        let ask = async |service: &str, question: Value| {
            world
                .request(Method::POST, "/internal/staff/check")
                .header(
                    "x-crm-internal",
                    auth::internal_token::issue(
                        &test_kit::credentials::ring(INTERNAL),
                        service,
                        sso_issuer::NAME,
                        world.seams.clock.now(),
                    ),
                )
                .json(&question)
                .send()
                .await
                .expect("an answer")
        };
        let question =
            json!({ "sub": id, "email": null, "roles": ["admin"], "session": null, "issuedAt": null });
        let verdict = body(ask(AUDIT_LOG, question.clone()).await, 200).await;
        assert_eq!(
            verdict,
            json!({ "verdict": "known", "id": id, "email": ANN, "roles": ["support"], "external": false })
        );
        problem(ask(GATEWAY, question.clone()).await, 403, "permission_denied").await;
        change(&world, &id, &json!({ "status": "disabled" })).await;
        let verdict = body(ask(AUDIT_LOG, question).await, 200).await;
        assert_eq!(verdict, json!({ "verdict": "refused", "reason": "staff_disabled" }));
        let elsewhere = internal_token(INTERNAL, AUDIT_LOG, "somewhere-else");
        let asked = world.request(Method::POST, "/internal/staff/check").header("x-crm-internal", elsewhere);
        problem(asked.json(&json!({})).send().await.expect("an answer"), 401, "credentials_invalid").await;
    }
}
