//! The staff table: for admins over HTTP, and for the operator. One admin is always left, and each change is on the trail.

use auth::staff::Role;
use contract::ids::StaffId;
use contract::resources::StaffStatus;
use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sso_issuer::register::{self, Change, NewMember, OneTimePassword, Refusal};
use test_kit::database::both;

use crate::world::{World, body, problem};

const ANN: &str = "ann@broker.example";

async fn patch(world: &World, id: &str, change: &Value) -> Response {
    let asked = world.request(Method::PATCH, &format!("/api/staff/{id}")).json(change);
    asked.bearer_auth(world.foreign_admin()).send().await.expect("an answer")
}

#[tokio::test]
async fn an_admin_adds_lists_changes_and_resets() {
    for database in both() {
        let world = World::start(&database).await;
        let (_, admin) = world.employ(ANN, Role::Admin).await;
        let new = json!({ "email": " Bob@Broker.example ", "name": " Bob ", "role": "compliance", "password": "mine" });
        let answer = world.post("/api/staff", &admin, &new).await;
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let added = body(answer, 201).await;
        let bob = &added["staff"];
        assert_eq!(
            json!([bob["email"], bob["name"], bob["role"], bob["status"], bob["oneTimePassword"]]),
            json!(["Bob@Broker.example", "Bob", "compliance", "active", true])
        );
        let first = added["oneTimePassword"].as_str().expect("a password").to_owned();
        assert_ne!(first, "mine");
        let same = json!({ "email": "BOB@broker.example", "name": "B", "role": "support" });
        problem(world.post("/api/staff", &admin, &same).await, 409, "staff_exists").await;
        let id = bob["id"].as_str().expect("an id");
        let changed =
            body(patch(&world, id, &json!({ "role": "support", "name": "Bobby" })).await, 200).await;
        assert_eq!((&changed["role"], &changed["name"]), (&json!("support"), &json!("Bobby")));
        assert!(changed.get("ignoredFields").is_none(), "{changed}");
        let more = json!({ "name": "Bobby", "email": "other@broker.example", "admin": true });
        let ignoring = body(patch(&world, id, &more).await, 200).await;
        assert_eq!(ignoring["ignoredFields"], json!(["admin", "email"]));
        assert_eq!(ignoring["email"], "Bob@Broker.example");
        let reset = world.post(&format!("/api/staff/{id}/reset-password"), &admin, &json!({})).await;
        let second = body(reset, 200).await["oneTimePassword"].as_str().expect("a password").to_owned();
        problem(world.log_in("bob@broker.example", &first).await, 401, "login_failed").await;
        problem(world.log_in("bob@broker.example", &second).await, 403, "password_change_required").await;

        let unknown =
            problem(world.get("/api/staff?role=admin", &admin).await, 422, "invalid_parameter").await;
        assert_eq!(unknown["errors"][0]["code"], "unknown_parameter");
        let listed = body(world.get("/api/staff", &admin).await, 200).await;
        let emails: Vec<_> =
            listed["staff"].as_array().expect("staff").iter().map(|one| &one["email"]).collect();
        assert_eq!(emails, [ANN, "Bob@Broker.example"]);
        for text in
            [listed.to_string(), world.entries("staff.create").await.iter().map(Value::to_string).collect()]
        {
            assert!(!text.contains("argon2") && !text.contains(&first) && !text.contains(&second), "{text}");
        }
        let entries = world.entries("staff.change").await;
        let details = &entries[0]["details"];
        assert_eq!((&details["role"], &details["previousRole"]), (&json!("support"), &json!("compliance")));
        assert_eq!(entries[0]["target"], json!({ "kind": "staff", "id": id }));
        for unknown in ["st_unknown", "x", "%00"] {
            let answer = patch(&world, unknown, &json!({ "role": "support" })).await;
            assert!([404, 400].contains(&answer.status().as_u16()), "{unknown}");
        }
        problem(patch(&world, "st_unknown", &json!({})).await, 404, "staff_not_found").await;
    }
}

#[tokio::test]
async fn addresses_and_names_that_can_t_be_are_refused_by_their_fields() {
    for database in both() {
        let world = World::start(&database).await;
        let admin = world.foreign_admin();
        for (bad, pointer) in [
            (json!({ "email": "bob", "name": "B", "role": "support" }), "/email"),
            (json!({ "email": "b@x.example", "name": " ", "role": "support" }), "/name"),
            (json!({ "email": "b@x.example", "name": "a\u{0}b", "role": "support" }), "/name"),
        ] {
            let refused = problem(world.post("/api/staff", &admin, &bad).await, 422, "invalid_body").await;
            assert_eq!(refused["errors"][0]["pointer"], pointer);
        }
    }
}

#[tokio::test]
async fn the_last_active_admin_stays_however_many_try_at_once() {
    for database in both() {
        let world = World::start(&database).await;
        let mut admins = Vec::new();
        for name in ["a", "b", "c", "d"] {
            admins.push(world.hire(&format!("{name}@broker.example"), Role::Admin).await.0);
        }
        let changes = admins.iter().enumerate().map(|(index, id)| {
            let change = if index % 2 == 0 {
                Change { role: Some(Role::Support), ..Change::default() }
            } else {
                Change { status: Some(StaffStatus::Disabled), ..Change::default() }
            };
            register::change(&world.database, &world.seams, id.parse().expect("an id"), change, world.entry())
        });
        let done: Vec<_> = join_all(changes).await.into_iter().map(|done| done.expect("stored")).collect();
        assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 3, "{done:?}");
        assert!(done.iter().any(|done| matches!(done, Err(Refusal::LastAdmin))));
        let listed = register::list(&world.database).await.expect("read");
        let left: Vec<_> = listed
            .iter()
            .filter(|one| one.role == "admin" && one.status == StaffStatus::Active)
            .map(|one| one.id.to_string())
            .collect();
        assert_eq!(left.len(), 1);
        let refused = patch(&world, &left[0], &json!({ "status": "disabled" })).await;
        problem(refused, 409, "last_admin").await;
        body(patch(&world, &left[0], &json!({ "role": "admin", "name": "Still here" })).await, 200).await;
    }
}

#[tokio::test]
async fn of_several_who_make_the_first_admin_one_does() {
    for database in both() {
        let world = World::start(&database).await;
        let one_time = OneTimePassword::make(&world.seams.random).expect("a password");
        let tries = (0..6).map(|index| {
            let new =
                NewMember::new(&format!("admin{index}@example.com"), "Admin", Role::Admin).expect("one");
            register::add_first(&world.database, &world.seams, new, &one_time, world.entry())
        });
        let made: Vec<bool> = join_all(tries).await.into_iter().map(|made| made.expect("stored")).collect();
        assert_eq!(made.iter().filter(|made| **made).count(), 1, "{made:?}");
        assert_eq!(register::list(&world.database).await.expect("read").len(), 1);
        assert!(!register::is_empty(&world.database).await.expect("read"));
        assert_eq!(world.entries("staff.create").await.len(), 1);
    }
}

#[tokio::test]
async fn refused_changes_say_on_the_trail_whom_they_were_about() {
    for database in both() {
        let world = World::start(&database).await;
        let admin = world.foreign_admin();
        let (ann, _) = world.hire(ANN, Role::Admin).await;
        let nobody = StaffId::new(world.seams.clock.now(), [7; 10]).to_string();
        for (id, change, status) in [
            (&ann, json!({ "status": "disabled" }), 409),
            (&ann, json!({ "name": " " }), 422),
            (&nobody, json!({ "role": "support" }), 404),
        ] {
            assert_eq!(patch(&world, id, &change).await.status(), status);
        }
        let reset = world.post(&format!("/api/staff/{nobody}/reset-password"), &admin, &json!({})).await;
        problem(reset, 404, "staff_not_found").await;
        for (email, name, status) in [("ANN@broker.example", "Ann", 409), ("bob@broker.example", " ", 422)] {
            let new = json!({ "email": email, "name": name, "role": "support" });
            assert_eq!(world.post("/api/staff", &admin, &new).await.status(), status);
        }
        let targets = async |action: &str| {
            let entries = world.entries(action).await;
            let refused = entries.into_iter().filter(|entry| entry["outcome"] == "refused");
            refused.map(|entry| entry["target"].clone()).collect::<Vec<_>>()
        };
        let staff = |id: &str| json!({ "kind": "staff", "id": id });
        assert_eq!(targets("staff.change").await, [staff(&ann), staff(&ann), staff(&nobody)]);
        assert_eq!(targets("staff.reset_password").await, [staff(&nobody)]);
        let added = targets("staff.create").await;
        assert_eq!(added.len(), 2);
        for target in added {
            assert!(target["kind"] == "staff" && target["id"].is_object(), "an address is sealed: {target}");
        }
        let beside = world.disclosed("staff.create").await;
        assert!(beside.iter().any(|one| one["/target/id"] == "bob@broker.example"), "{beside:?}");
    }
}
