//! Logging in, going on, and logging out.

use std::time::Duration;

use auth::staff::Role;
use reqwest::Method;
use serde_json::{Value, json};
use test_kit::database::both;

use crate::world::{TOKEN_START, World, body, password_of, problem};

const ANN: &str = "ann@broker.example";

#[tokio::test]
async fn a_one_time_password_is_good_for_one_log_in_together_with_a_new_one() {
    for database in both() {
        let world = World::start(&database).await;
        let (id, one_time) = world.hire(ANN, Role::Support).await;
        problem(world.log_in(ANN, &one_time).await, 403, "password_change_required").await;
        for (new, why) in [("short", "12 to 256"), (one_time.as_str(), "another")] {
            let said = json!({ "email": ANN, "password": one_time, "newPassword": new });
            let refused = problem(world.post("/api/auth/login", "", &said).await, 422, "invalid_body").await;
            assert_eq!(refused["errors"][0]["pointer"], "/newPassword");
            assert!(refused.to_string().contains(why), "{refused}");
        }
        let said =
            json!({ "email": " ANN@broker.example", "password": one_time, "newPassword": password_of(ANN) });
        let answer = world.post("/api/auth/login", "", &said).await;
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let answer = body(answer, 200).await;
        assert_eq!(answer["expiresIn"], 12 * 3600);
        assert_eq!(
            (&answer["staff"]["id"], &answer["staff"]["role"], &answer["staff"]["oneTimePassword"]),
            (&json!(id), &json!("support"), &json!(false))
        );
        problem(world.log_in(ANN, &one_time).await, 401, "login_failed").await;
        body(world.log_in(ANN, &password_of(ANN)).await, 200).await;

        let token = answer["token"].as_str().expect("a token");
        let me = body(world.get("/api/auth/me", token).await, 200).await;
        assert_eq!(
            me,
            json!({ "id": id, "email": ANN, "name": "Somebody", "roles": ["support"], "external": false })
        );
        let stored = world.all_texts().await;
        for secret in [one_time.as_str(), &password_of(ANN), token, TOKEN_START] {
            assert!(!stored.contains(secret), "{secret} is in the database");
        }
    }
}

#[tokio::test]
async fn of_two_who_use_a_one_time_password_at_once_one_succeeds() {
    for database in both() {
        let world = World::start(&database).await;
        let (_, one_time) = world.hire(ANN, Role::Admin).await;
        let other = world.beside(&database).await;
        let said = |new: &str| json!({ "email": ANN, "password": one_time, "newPassword": new });
        let (first, second) = (said("the first new password"), said("the second new password"));
        let (one, two) = tokio::join!(
            world.post("/api/auth/login", "", &first),
            other.post("/api/auth/login", "", &second)
        );
        let mut statuses = [one.status().as_u16(), two.status().as_u16()];
        let winner = if statuses[0] == 200 { "the first new password" } else { "the second new password" };
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401]);
        body(world.log_in(ANN, winner).await, 200).await;
    }
}

#[tokio::test]
async fn unknown_wrong_and_disabled_are_answered_and_recorded_alike() {
    for database in both() {
        let world = World::start(&database).await;
        world.employ(ANN, Role::Admin).await;
        let (bob, _) = world.employ("bob@broker.example", Role::Support).await;
        let boss = world.foreign_admin();
        let disable = world
            .request(Method::PATCH, &format!("/api/staff/{bob}"))
            .bearer_auth(&boss)
            .json(&json!({ "status": "disabled" }));
        assert_eq!(disable.send().await.expect("an answer").status(), 200);

        let mut said = Vec::new();
        for (email, password) in [
            (ANN, "not the password of ann".to_owned()),
            ("nobody@broker.example", "not the password of ann".to_owned()),
            ("not an address", "not the password of ann".to_owned()),
            ("bob@broker.example", password_of("bob@broker.example")),
        ] {
            let mut refused = problem(world.log_in(email, &password).await, 401, "login_failed").await;
            refused["requestId"] = Value::Null;
            said.push(refused);
        }
        assert!(said.iter().all(|one| *one == said[0]), "{said:?}");

        // Never just counted: each has an entry of its own, with the name that was tried, sealed.
        let entries = world.entries("session.create").await;
        let refused: Vec<_> = entries.iter().filter(|entry| entry["outcome"] == "refused").collect();
        assert_eq!(refused.len(), 4);
        for entry in refused {
            assert_eq!((&entry["reason"], &entry["count"]), (&json!("login_failed"), &json!(1)));
            assert!(entry["target"]["id"]["sha256"].is_string(), "{entry}");
        }
    }
}

#[tokio::test]
async fn a_log_in_lasts_twelve_idle_hours_and_a_week_at_most() {
    for database in both() {
        let world = World::start(&database).await;
        let (_, mut token) = world.employ(ANN, Role::Support).await;
        for day in 0..14 {
            world.hands.advance(Duration::from_secs(12 * 3600 - 1));
            let refreshed = world.post("/api/auth/refresh", &token, &json!({})).await;
            let refreshed = body(refreshed, 200).await;
            token = refreshed["token"].as_str().expect("a token").to_owned();
            let left = 7 * 24 * 3600 - (day + 1) * (12 * 3600 - 1);
            assert_eq!(refreshed["expiresIn"], json!(left.min(12 * 3600)), "after {} half days", day + 1);
        }
        body(world.get("/api/auth/me", &token).await, 200).await;
        world.hands.advance(Duration::from_secs(14));
        problem(world.get("/api/auth/me", &token).await, 401, "credentials_invalid").await;
        problem(world.post("/api/auth/refresh", &token, &json!({})).await, 401, "credentials_invalid").await;
    }
}

#[tokio::test]
async fn who_is_idle_for_twelve_hours_logs_in_again() {
    for database in both() {
        let world = World::start(&database).await;
        let (_, token) = world.employ(ANN, Role::Support).await;
        world.hands.advance(Duration::from_secs(12 * 3600));
        problem(world.post("/api/auth/refresh", &token, &json!({})).await, 401, "credentials_invalid").await;
    }
}

#[tokio::test]
async fn a_log_out_ends_this_log_in_or_all() {
    for database in both() {
        let world = World::start(&database).await;
        let (_, first) = world.employ(ANN, Role::Support).await;
        let log_in = async || {
            let answer = body(world.log_in(ANN, &password_of(ANN)).await, 200).await;
            answer["token"].as_str().expect("a token").to_owned()
        };
        let (second, third) = (log_in().await, log_in().await);
        let out = world.request(Method::POST, "/api/auth/logout").bearer_auth(&first);
        assert_eq!(out.send().await.expect("an answer").status(), 204);
        problem(world.get("/api/auth/me", &first).await, 401, "credentials_invalid").await;
        body(world.get("/api/auth/me", &second).await, 200).await;
        let out = world.post("/api/auth/logout", &second, &json!({ "everywhere": true })).await;
        assert_eq!(out.status(), 204);
        for token in [&first, &second, &third] {
            problem(world.get("/api/auth/me", token).await, 401, "credentials_invalid").await;
            problem(world.post("/api/auth/refresh", token, &json!({})).await, 401, "credentials_invalid")
                .await;
        }
        body(world.get("/api/auth/me", &log_in().await).await, 200).await;
        assert_eq!(world.entries("session.end").await.len(), 2);
    }
}

#[tokio::test]
async fn a_token_of_another_part_has_no_log_in_to_go_on_with_or_to_end() {
    for database in both() {
        let world = World::start(&database).await;
        let foreign = world.foreign_admin();
        for path in ["/api/auth/refresh", "/api/auth/logout"] {
            problem(world.post(path, &foreign, &json!({})).await, 409, "no_session").await;
        }
        let everywhere = world.post("/api/auth/logout", &foreign, &json!({ "everywhere": true })).await;
        problem(everywhere, 409, "no_session").await;
        let me = body(world.get("/api/auth/me", &foreign).await, 200).await;
        assert_eq!((&me["id"], &me["external"]), (&json!("crm-7"), &json!(true)));
    }
}

#[tokio::test]
async fn bodies_that_are_no_log_in_are_refused() {
    for database in both() {
        let world = World::start(&database).await;
        for said in ["", "{", "[]", r#"{"email":"a@b.c"}"#, r#"{"email":1,"password":"x"}"#] {
            let asked = world.request(Method::POST, "/api/auth/login").body(said);
            let status = asked.send().await.expect("an answer").status().as_u16();
            assert!([400, 422].contains(&status), "{said}: {status}");
        }
        let long = json!({ "email": "a@b.c", "password": "x".repeat(20_000) });
        problem(world.post("/api/auth/login", "", &long).await, 413, "payload_too_large").await;
        assert_eq!(world.entries("session.create").await.len(), 6, "each is on the trail");
    }
}
