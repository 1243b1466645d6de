//! Passwords of one's own.

use auth::staff::Role;
use serde_json::json;
use test_kit::database::both;

use crate::world::{World, body, password_of, problem};

const ANN: &str = "ann@broker.example";

#[tokio::test]
async fn a_new_password_ends_every_other_log_in() {
    for database in both() {
        let world = World::start(&database).await;
        let (_, other) = world.employ(ANN, Role::Support).await;
        let foreign = world.foreign(json!({ "sub": "crm-9", "email": ANN, "role": "support" }), 0);
        let mine = body(world.log_in(ANN, &password_of(ANN)).await, 200).await;
        let mine = mine["token"].as_str().expect("a token");
        let said = json!({ "password": password_of(ANN), "newPassword": "another password" });
        assert_eq!(world.post("/api/auth/password", mine, &said).await.status(), 204);
        body(world.get("/api/auth/me", mine).await, 200).await;
        for ended in [&other, &foreign] {
            problem(world.get("/api/auth/me", ended).await, 401, "credentials_invalid").await;
        }
        problem(world.log_in(ANN, &password_of(ANN)).await, 401, "login_failed").await;
        body(world.log_in(ANN, "another password").await, 200).await;
    }
}

#[tokio::test]
async fn a_token_is_no_way_to_guess_a_password() {
    for database in both() {
        let world = World::start(&database).await;
        let (_, token) = world.employ(ANN, Role::Support).await;
        let said = json!({ "password": "not the right password", "newPassword": "another password" });
        for _ in 0..10 {
            problem(world.post("/api/auth/password", &token, &said).await, 401, "login_failed").await;
        }
        problem(world.post("/api/auth/password", &token, &said).await, 429, "login_locked").await;
        problem(world.log_in(ANN, &password_of(ANN)).await, 429, "login_locked").await;
        for short in
            ["short", "            ", "   nearly long  ", "\u{2003}\u{2003}\u{2003}\u{2003}too short"]
        {
            let said = json!({ "password": password_of(ANN), "newPassword": short });
            let refused = world.post("/api/auth/password", &token, &said).await;
            let refused = problem(refused, 422, "invalid_body").await;
            assert_eq!(refused["errors"][0]["pointer"], "/newPassword", "{short:?}");
        }
        let foreign = world.foreign_admin();
        problem(world.post("/api/auth/password", &foreign, &said).await, 409, "no_session").await;
    }
}
