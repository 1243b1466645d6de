//! I14: the eleventh attempt at a name within fifteen minutes, in a row, at once, over replicas, their clocks and restarts; and who else
//! may be kept out.

use std::collections::BTreeMap;
use std::time::Duration;

use auth::staff::Role;
use futures_util::future::join_all;
use serde_json::json;
use sso_issuer::register::{self, OneTimePassword};
use test_kit::database::both;
use test_kit::waiting::wait_for;

use crate::world::{World, body, password_of, problem};

const ANN: &str = "ann@broker.example";
const WRONG: &str = "not the right password";

#[tokio::test]
async fn the_eleventh_attempt_is_refused_also_after_a_restart_and_also_of_names_nobody_has() {
    for database in both() {
        let world = World::start(&database).await;
        world.employ(ANN, Role::Support).await;
        for name in [ANN, "nobody@broker.example"] {
            for _ in 0..10 {
                problem(world.log_in(name, WRONG).await, 401, "login_failed").await;
                world.hands.advance(Duration::from_secs(1));
            }
            let locked = world.log_in(name, WRONG).await;
            assert_eq!(locked.headers()["retry-after"], "890");
            problem(locked, 429, "login_locked").await;
        }
        // The right password is of no use either, and other ways to write the name are the same name.
        problem(world.log_in(" Ann@BROKER.example", &password_of(ANN)).await, 429, "login_locked").await;
        let again = world.beside(&database).await;
        world.running.stop().await.expect("a clean stop");
        problem(again.log_in(ANN, &password_of(ANN)).await, 429, "login_locked").await;
        // Ten seconds went by for each name, so Ann's first failure is 20 s old.
        again.hands.advance(Duration::from_secs(15 * 60 - 20 - 1));
        problem(again.log_in(ANN, &password_of(ANN)).await, 429, "login_locked").await;
        again.hands.advance(Duration::from_secs(1));
        body(again.log_in(ANN, &password_of(ANN)).await, 200).await;
        let refused = again.entries("session.create").await;
        let locked = refused.iter().filter(|entry| entry["reason"] == "login_locked").count();
        assert_eq!(locked, 5, "each is on the trail");
    }
}

#[tokio::test]
async fn a_right_password_clears_the_failures_before_it() {
    for database in both() {
        let world = World::start(&database).await;
        world.employ(ANN, Role::Support).await;
        for _ in 0..3 {
            for _ in 0..9 {
                problem(world.log_in(ANN, WRONG).await, 401, "login_failed").await;
            }
            body(world.log_in(ANN, &password_of(ANN)).await, 200).await;
        }
    }
}

/// Four replicas whose clocks are apart: at once, and from so many addresses that no other limit gets in between.
#[tokio::test]
async fn of_many_attempts_at_once_ten_are_looked_at() {
    for database in both() {
        let first = World::start(&database).await;
        first.employ(ANN, Role::Support).await;
        let mut replicas = vec![first];
        for ahead in [1, 1_000, 30_000] {
            let replica = replicas[0].beside_ahead(&database, Duration::from_millis(ahead)).await;
            replicas.push(replica);
        }
        let addresses: Vec<String> = (0..16).map(|number| format!("192.0.2.{number}")).collect();
        let attempts = addresses
            .iter()
            .flat_map(|address| replicas.iter().map(|replica| replica.log_in_from(address, ANN, WRONG)));
        let mut statuses = BTreeMap::new();
        for answer in join_all(attempts).await {
            *statuses.entry(answer.status().as_u16()).or_insert(0) += 1;
        }
        assert_eq!(statuses, BTreeMap::from([(401, 10), (429, 54)]));
    }
}

#[tokio::test]
async fn a_clock_that_is_behind_forgets_no_attempt_and_one_that_is_ahead_locks_no_longer() {
    for database in both() {
        let behind = World::start(&database).await;
        behind.employ(ANN, Role::Support).await;
        let ahead = behind.beside_ahead(&database, Duration::from_secs(60)).await;
        for _ in 0..5 {
            problem(ahead.log_in(ANN, WRONG).await, 401, "login_failed").await;
            problem(behind.log_in(ANN, WRONG).await, 401, "login_failed").await;
        }
        for replica in [&ahead, &behind, &ahead] {
            problem(replica.log_in(ANN, &password_of(ANN)).await, 429, "login_locked").await;
        }
        // Another name, locked by a clock that is years ahead.
        let wild = behind.beside_ahead(&database, Duration::from_secs(3 * 365 * 24 * 3600)).await;
        for _ in 0..10 {
            problem(wild.log_in("bob@broker.example", WRONG).await, 401, "login_failed").await;
        }
        let locked = behind.log_in("bob@broker.example", WRONG).await;
        assert_eq!(locked.headers()["retry-after"], "900");
        behind.hands.advance(Duration::from_secs(899));
        let locked = behind.log_in("bob@broker.example", WRONG).await;
        assert_eq!(locked.headers()["retry-after"], "1", "it did not begin anew");
        behind.hands.advance(Duration::from_secs(1));
        problem(behind.log_in("bob@broker.example", WRONG).await, 401, "login_failed").await;
    }
}

/// Whoever keeps the hashing busy from one address keeps nobody else out.
#[tokio::test]
async fn one_address_leaves_room_for_log_ins_from_others() {
    for database in both() {
        let world = World::start(&database).await;
        world.employ(ANN, Role::Support).await;
        let names: Vec<String> = (0..80).map(|number| format!("nobody{number}@broker.example")).collect();
        // One host has a whole /64 of addresses.
        let flood = join_all(names.iter().enumerate().map(async |(number, name)| {
            world.log_in_from(&format!("2001:db8:0:1::{number:x}"), name, WRONG).await
        }));
        let password = password_of(ANN);
        let others = join_all((0..4).map(async |number| {
            world.log_in_from(&format!("2001:db8:0:2{number}::1"), ANN, &password).await.status().as_u16()
        }));
        let (flood, others) = tokio::join!(flood, others);
        assert_eq!(others, [200; 4]);
        let mut crowded = 0;
        for answer in flood {
            if answer.status() == 429 {
                assert_eq!(answer.headers()["retry-after"], "1");
                problem(answer, 429, "rate_limited").await;
                crowded += 1;
            } else {
                problem(answer, 401, "login_failed").await;
            }
        }
        assert!(crowded > 0, "nobody was turned away");
        assert_eq!(world.log_in_from("2001:db8:0:1::1", ANN, &password).await.status(), 200, "and it passes");
    }
}

#[tokio::test]
async fn whoever_gets_a_one_time_password_is_not_locked_out() {
    for database in both() {
        let world = World::start(&database).await;
        let (id, _) = world.employ(ANN, Role::Support).await;
        let by_command = async || {
            let one_time = OneTimePassword::make(&world.seams.random).expect("a password");
            let id = id.parse().expect("an id");
            let reset =
                register::reset_password(&world.database, &world.seams, id, &one_time, world.entry()).await;
            reset.expect("stored").expect("reset");
            one_time.password.expose().to_owned()
        };
        let over_http = async || {
            let path = format!("/api/staff/{id}/reset-password");
            let reset = body(world.post(&path, &world.foreign_admin(), &json!({})).await, 200).await;
            reset["oneTimePassword"].as_str().expect("a password").to_owned()
        };
        for way in ["command", "HTTP"] {
            for _ in 0..10 {
                problem(world.log_in(ANN, WRONG).await, 401, "login_failed").await;
            }
            problem(world.log_in(ANN, WRONG).await, 429, "login_locked").await;
            let one_time = if way == "HTTP" { over_http().await } else { by_command().await };
            let new = format!("another password by {way}");
            let said = json!({ "email": ANN, "password": one_time, "newPassword": new });
            body(world.post("/api/auth/login", "", &said).await, 200).await;
        }
    }
}

#[tokio::test]
async fn what_is_over_is_swept_away() {
    for database in both() {
        let world = World::start(&database).await;
        world.employ(ANN, Role::Support).await;
        world.employ("bob@broker.example", Role::Support).await;
        problem(world.log_in("nobody@broker.example", WRONG).await, 401, "login_failed").await;
        // A day and twelve hours later less a second, one of them has just gone on.
        world.hands.advance(Duration::from_secs(36 * 3600 - 1));
        body(world.log_in(ANN, &password_of(ANN)).await, 200).await;
        let kept = async || {
            let sessions = world.texts("select id as text from sessions").await.len();
            (sessions, world.texts("select key as text from login_failures").await.len())
        };
        // Each replica sweeps when it starts.
        let early = world.beside(&database).await;
        wait_for("the names", async || kept().await == (3, 0)).await;
        early.running.stop().await.expect("a clean stop");
        world.hands.advance(Duration::from_secs(2));
        let _late = world.beside(&database).await;
        wait_for("the log-ins", async || kept().await == (1, 0)).await;
    }
}
