//! Reads of the trail are on the trail: durable before the answer, by whom, and what was asked, with nobody's name in the open.

use contract::audit::Category;
use http_kit::routes::{Access, Audit};
use serde_json::json;
use test_kit::database::both;

use crate::world::{ENTRIES, World, body, entry, problem, seal};

#[tokio::test]
async fn a_read_is_recorded_with_what_was_asked() {
    for database in both() {
        let world = World::start(&database).await;
        let one = seal(&entry(1));
        world.appends(std::slice::from_ref(&one), [1, 0, 0]).await;
        let query = "category=service_api&actor=ann@example.com&text=Ann+Smith&from=2025-01-01T00:00:00Z";
        world.ids(query).await;
        body(world.get(&format!("{ENTRIES}/{}", one.id)).await, 200).await;

        let asked = "action=entries.read&text=ann+smith&actor=stf_1";
        let entries = world.own_entries(asked, |entries| !entries.is_empty()).await;
        let read = entries.last().expect("an entry");
        assert_eq!(
            (&read["outcome"], &read["category"], &read["service"]),
            (&json!("success"), &json!("audit"), &json!("audit-log"))
        );
        assert_eq!(read["actor"], json!({ "type": "staff", "id": "stf_1" }));
        let details = json!({
            "category": "service_api", "actor": "ann@example.com", "text": "Ann Smith", "from": "2025-01-01T00:00:00.000000Z",
            "to": "2026-01-01T00:00:00.000000Z", "returned": 0, "external": true,
            "actorEmail": "staff@broker.example",
        });
        assert_eq!(read["details"], details);
        let id = read["id"].as_str().expect("an id");
        let stored = body(world.get(&format!("{ENTRIES}/{id}")).await, 200).await;
        let payload = stored["payload"].as_str().expect("a payload");
        for name in ["ann@example.com", "Ann Smith", "staff@broker.example", "127.0.0.1"] {
            assert!(!payload.contains(name), "{name} stands in the open: {payload}");
        }

        let of_one = format!("action=entries.read&target={}", one.id);
        let entries = world.own_entries(&of_one, |entries| entries.len() == 1).await;
        assert_eq!(entries[0]["target"], json!({ "type": "entry", "id": one.id }));
        assert_eq!(entries[0]["route"], "/api/audit/entries/{id}");
    }
}

#[tokio::test]
async fn refused_reads_by_known_staff_are_recorded_too() {
    for database in both() {
        let world = World::start(&database).await;
        problem(world.get(&format!("{ENTRIES}?limit=0")).await, 422, "invalid_parameter").await;
        problem(world.get(&format!("{ENTRIES}?cursor=x")).await, 400, "invalid_cursor").await;
        problem(world.get(&format!("{ENTRIES}/aud_1")).await, 404, "entry_not_found").await;
        for reason in ["invalid_parameter", "invalid_cursor", "entry_not_found"] {
            let query = format!("action=entries.read&outcome=refused&text={reason}&actor=stf_1");
            let entries = world.own_entries(&query, |entries| !entries.is_empty()).await;
            assert_eq!((entries.len(), &entries[0]["reason"]), (1, &json!(reason)));
        }
    }
}

#[tokio::test]
async fn what_can_t_be_recorded_is_not_answered() {
    for database in both() {
        let world = World::start(&database).await;
        let one = seal(&entry(1));
        world.appends(std::slice::from_ref(&one), [1, 0, 0]).await;
        let away = "alter table outbox rename to outbox_away";
        database.run(audit_log::SCHEMA, away, away);
        for path in [ENTRIES.to_owned(), format!("{ENTRIES}/{}", one.id)] {
            let refused = problem(world.get(&path).await, 503, "unavailable").await;
            assert!(!refused.to_string().contains("cl_1"), "{refused}");
        }
        let back = "alter table outbox_away rename to outbox";
        database.run(audit_log::SCHEMA, back, back);
        assert_eq!(world.ids("").await, [one.id.to_string()]);
    }
}

#[test]
fn every_route_names_its_caller_and_says_what_it_leaves_on_the_trail() {
    let table = audit_log::routes::table();
    let lines: Vec<_> = table.iter().map(|route| (route.path(), route.access(), route.audit())).collect();
    assert_eq!(lines.len(), 4);
    for (path, access, audit) in lines {
        match (path, access, audit) {
            ("/internal/entries" | "/internal/entries/attempts", Access::Internal, Audit::Quiet(reason)) => {
                assert!(!reason.is_empty());
            }
            (
                _,
                Access::Staff(roles),
                Audit::Action { category: Category::Audit, action: "entries.read" },
            ) => {
                assert_eq!(roles, [auth::staff::Role::Auditor, auth::staff::Role::Admin]);
            }
            other => panic!("{other:?}"),
        }
    }
}
