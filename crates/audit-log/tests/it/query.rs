//! Asking the trail: filters, pages, cursors, and what is refused.

use std::collections::BTreeSet;

use contract::audit::{Actor, ActorKind, Category, Entry, Outcome, Sealed, Target, Text};
use db::on_backend;
use diesel::RunQueryDsl as _;
use serde_json::{Value, json};
use test_kit::credentials::ring;
use test_kit::database::both;

use crate::world::{ENTRIES, World, body, entry, ids, long_ago, problem, seal, sealed};

/// Four entries that differ in what filters ask for, oldest first.
pub(crate) fn various() -> Vec<Entry> {
    let webhook = Entry {
        category: Category::Webhook,
        action: "webhook.receive".to_owned(),
        outcome: Outcome::Refused,
        reason: Some("signature_mismatch".to_owned()),
        actor: Actor { kind: ActorKind::Platform, id: Some(Text::open("site")) },
        target: None,
        details: [("looksLike".to_owned(), Text::open("body_plus_newline").into())].into_iter().collect(),
        ..entry(0)
    };
    let missing = Entry {
        outcome: Outcome::Refused,
        reason: Some("client_not_found".to_owned()),
        target: Some(Target { kind: "client".to_owned(), id: Text::personal("Zoë@Example.com") }),
        ..entry(1)
    };
    let staff = Entry {
        category: Category::Audit,
        action: "entries.read".to_owned(),
        actor: Actor { kind: ActorKind::Staff, id: Some(Text::personal("auditor@broker.example")) },
        target: None,
        ..entry(2)
    };
    vec![webhook, missing, staff, entry(3)]
}

#[tokio::test]
async fn each_filter_lets_through_what_it_says() {
    for database in both() {
        let world = World::start(&database).await;
        let entries: Vec<Sealed> = various().iter().map(seal).collect();
        world.appends(&entries, [4, 0, 0]).await;
        for (query, expected) in [
            ("", &[3, 2, 1, 0][..]),
            ("category=webhook", &[0]),
            ("category=service_api", &[3, 1]),
            ("outcome=refused", &[1, 0]),
            ("outcome=failed", &[]),
            ("action=client.read", &[3, 1]),
            ("action=client", &[]),
            ("actor=site", &[0]),
            ("actor=auditor%40broker.example", &[2]),
            ("actor=Site", &[]),
            ("target=cl_1", &[3]),
            ("target=Zo%C3%AB@Example.com", &[1]),
            ("target=cl_1&category=service_api&outcome=success", &[3]),
            ("target=cl_1&outcome=refused", &[]),
            ("from=2025-10-13T19:01:00Z", &[3, 2, 1]),
            ("from=2025-10-13T21:01:00%2B02:00", &[3, 2, 1]),
            ("from=2025-10-13T21:01:00+02:00", &[3, 2, 1]),
            ("from=2025-10-13T19:01:00.000001Z", &[3, 2]),
            ("text=ZO%C3%8B", &[1]),
            ("text=Plus_New", &[0]),
            ("text=plusxnew", &[]),
            ("text=req-2", &[2]),
            ("text=203.0.113", &[3, 2, 1, 0]),
            ("text=sha256", &[]),
            ("text=%2Fapi%2Fservice", &[3, 2, 1, 0]),
            ("text=Webhook.Rec", &[0]),
            ("text=%25", &[]),
            ("category=&actor=&limit=&cursor=", &[3, 2, 1, 0]),
        ] {
            let expected: Vec<String> =
                expected.iter().map(|nth: &usize| entries[*nth].id.to_string()).collect();
            assert_eq!(world.ids(query).await, expected, "{query}");
        }
        let before = body(world.get(&format!("{ENTRIES}?to=2025-10-13T19:02:00Z")).await, 200).await;
        assert_eq!(
            ids(&before),
            [entries[1].id.to_string(), entries[0].id.to_string()],
            "`to` is not included"
        );
    }
}

#[tokio::test]
async fn an_entry_is_answered_whole_in_the_contract_s_shape() {
    for database in both() {
        let world = World::start(&database).await;
        let entries: Vec<Sealed> = various().iter().map(seal).collect();
        world.appends(&entries, [4, 0, 0]).await;
        let refused = json!({
            "id": entries[1].id, "time": "2025-10-13T19:01:00.000000Z", "service": "service-api", "category": "service_api",
            "action": "client.read", "outcome": "refused", "reason": "client_not_found",
            "actor": { "type": "service", "id": "trading-platform" },
            "target": { "type": "client", "id": "Zoë@Example.com" },
            "address": "203.0.113.7", "requestId": "req-1", "method": "GET", "route": "/api/service/clients/{email}",
            "count": 1, "details": {},
        });
        let page = world.page("target=Zo%C3%AB@Example.com").await;
        assert_eq!(page, json!({ "entries": [refused], "nextCursor": null }));
        let webhook = world.page("actor=site").await["entries"][0].clone();
        assert_eq!(
            (&webhook["target"], &webhook["details"]),
            (&Value::Null, &json!({ "looksLike": "body_plus_newline" }))
        );
        let sorted = world.get(&format!("{ENTRIES}/{}", entries[1].id)).await;
        assert_eq!(sorted.headers()["cache-control"], "no-store");
        let one = body(sorted, 200).await;
        let mut expected = refused;
        expected["payload"] = json!(entries[1].payload);
        expected["disclosures"] = json!(entries[1].disclosures);
        assert_eq!(one, expected);
    }
}

/// A method is whatever word a caller made up: entries share no row for it, and it is found all the same.
#[tokio::test]
async fn made_up_methods_make_no_kinds_of_entries() {
    for database in both() {
        let world = World::start(&database).await;
        let made_up: Vec<Sealed> = (0..20)
            .map(|nth| seal(&Entry { method: Some(format!("MADE{nth:04}")), ..entry(nth) }))
            .chain([seal(&entry(20))])
            .collect();
        world.appends(&made_up, [21, 0, 0]).await;
        let direct = database.open(audit_log::SCHEMA);
        let kinds = direct.read(|conn| {
            let kinds = diesel::sql_query("select words from kinds where words like '%client.read%'");
            Ok(on_backend!(conn, |c| kinds.load::<Words>(c))?)
        });
        let mut kinds: Vec<String> =
            kinds.await.expect("the kinds").into_iter().map(|row| row.words).collect();
        kinds.sort();
        assert_eq!(kinds.len(), 2, "{kinds:?}");
        assert!(kinds.iter().all(|words| !words.contains("MADE")), "{kinds:?}");
        assert_eq!(world.ids("text=made0007").await, [made_up[7].id.to_string()]);
    }
}

#[derive(diesel::QueryableByName)]
struct Words {
    #[diesel(sql_type = diesel::sql_types::Text)]
    words: String,
}

#[tokio::test]
async fn pages_meet_end_to_end_while_entries_arrive() {
    for database in both() {
        let world = World::start(&database).await;
        // All of one moment: only the position tells them apart.
        let twins = (0..9).map(|_| seal(&entry(50)));
        let entries: Vec<Sealed> = sealed(40).into_iter().chain(twins).collect();
        world.appends(&entries, [49, 0, 0]).await;
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = world.page(&format!("limit=7&cursor={cursor}")).await;
            seen.extend(ids(&page));
            pages += 1;
            // Newer ones, and one that arrives late: neither repeats nor hides what was there.
            world.appends(&[seal(&entry(60 + pages)), seal(&entry(55))], [2, 0, 0]).await;
            match page["nextCursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!((pages, seen.len()), (7, 49));
        let (seen, all): (BTreeSet<_>, BTreeSet<_>) =
            (seen.into_iter().collect(), entries.iter().map(|one| one.id.to_string()).collect());
        assert_eq!(seen, all);
    }
}

#[tokio::test]
async fn the_next_page_is_linked_with_its_filters() {
    for database in both() {
        let world = World::start(&database).await;
        world.appends(&sealed(5), [5, 0, 0]).await;
        let path =
            format!("{ENTRIES}?to=2026-01-01T00:00:00%2B01:00&category=service_api&text=trading+pl%26tform");
        assert_eq!(body(world.get(&path).await, 200).await["nextCursor"], Value::Null);
        let path =
            format!("{ENTRIES}?to=2026-01-01T00:00:00%2B01:00&category=service_api&text=trading-pl&limit=4");
        let first = world.get(&path).await;
        let link = first.headers()["link"].to_str().expect("text").to_owned();
        let first = body(first, 200).await;
        let next =
            link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).expect("a link");
        let second = world.get(next).await;
        assert!(!second.headers().contains_key("link"));
        let second = body(second, 200).await;
        assert_eq!(second["nextCursor"], Value::Null);
        assert_eq!([ids(&first), ids(&second)].concat().len(), 5);
        assert_eq!(world.page("limit=5").await["nextCursor"], Value::Null, "a full last page has no next");
    }
}

#[tokio::test]
async fn parameters_that_can_t_be_are_named() {
    for database in both() {
        let world = World::start(&database).await;
        for (query, pointer, code) in [
            ("limit=0", "/limit", "out_of_range"),
            ("limit=-1", "/limit", "out_of_range"),
            ("limit=%2B5", "/limit", "out_of_range"),
            ("limit=abc", "/limit", "out_of_range"),
            ("limit=1e9", "/limit", "out_of_range"),
            ("limit=201", "/limit", "out_of_range"),
            ("limit=99999999999999999999999", "/limit", "out_of_range"),
            ("limit=5&limit=6", "/limit", "repeated"),
            ("category=Webhook", "/category", "unknown_category"),
            ("outcome=ok", "/outcome", "unknown_outcome"),
            ("from=yesterday", "/from", "not_a_time"),
            ("to=2025-10-13", "/to", "not_a_time"),
            ("actor=a%00b", "/actor", "nul"),
            ("text=%00", "/text", "nul"),
            ("actr=bob", "/actr", "unknown_parameter"),
        ] {
            let refused =
                problem(world.get(&format!("{ENTRIES}?{query}")).await, 422, "invalid_parameter").await;
            let error = &refused["errors"][0];
            assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)), "{query}");
        }
        let long = "x".repeat(201);
        problem(world.get(&format!("{ENTRIES}?text={long}")).await, 422, "invalid_parameter").await;
        let both =
            problem(world.get(&format!("{ENTRIES}?limit=0&outcome=ok")).await, 422, "invalid_parameter")
                .await;
        assert_eq!(both["errors"].as_array().map(Vec::len), Some(2));
        for limit in [1, 200] {
            assert_eq!(world.get(&format!("{ENTRIES}?limit={limit}")).await.status(), 200);
        }
    }
}

#[tokio::test]
async fn only_our_own_cursor_for_this_query_is_taken() {
    for database in both() {
        let world = World::start(&database).await;
        world.appends(&sealed(5), [5, 0, 0]).await;
        let page = world.page("limit=2&category=service_api").await;
        let cursor = page["nextCursor"].as_str().expect("a cursor");
        assert_eq!(
            world.ids(&format!("limit=200&category=service_api&cursor={cursor}")).await.len(),
            3,
            "with any limit"
        );
        let mut bad: Vec<String> = (0..cursor.len())
            .map(|at| {
                let replaced = if cursor.as_bytes()[at] == b'A' { "B" } else { "A" };
                format!("{}{replaced}{}", &cursor[..at], &cursor[at + 1..])
            })
            .collect();
        let other = audit_log_cursor_of_another_key();
        bad.extend(
            ["x", "AAAA", "%C3%A9", "..", &cursor[1..], &format!("{cursor}AAAA"), &other].map(str::to_owned),
        );
        for bad in bad {
            let path = format!("{ENTRIES}?to=2026-01-01T00:00:00Z&category=service_api&cursor={bad}");
            problem(world.get(&path).await, 400, "invalid_cursor").await;
        }
        for foreign in ["", "category=audit", "category=service_api&outcome=success"] {
            let path = format!("{ENTRIES}?to=2026-01-01T00:00:00Z&{foreign}&cursor={cursor}");
            problem(world.get(&path).await, 400, "invalid_cursor").await;
        }
    }
}

/// A place in the right form, signed by somebody else.
fn audit_log_cursor_of_another_key() -> String {
    let mut bytes = long_ago().as_micros().to_be_bytes().to_vec();
    bytes.extend(3_i64.to_be_bytes());
    let forged = auth::digest::hmac_sha256(
        ring("placeholder-of-somebody-else-0123456789").current().as_bytes(),
        &bytes,
    );
    bytes.extend(&forged[..16]);
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes)
}

#[tokio::test]
async fn a_damaged_entry_is_shown_as_that_and_hides_no_other() {
    for database in both() {
        let world = World::start(&database).await;
        let entries = sealed(4);
        world.appends(&entries, [4, 0, 0]).await;
        let entry_3 = world.page("limit=1").await["entries"][0].clone();
        let damage = |nth: usize, postgres: &str, sqlite: &str| {
            let id = entries[nth].id;
            let damage = |packed: &str, id: &str| {
                format!("update entries set packed = {packed} where entry_id = {id}")
            };
            let bytes = format!("x'{}'", id.as_uuid().simple());
            database.run(
                audit_log::SCHEMA,
                &damage(postgres, &format!("'{}'", id.as_uuid())),
                &damage(sqlite, &bytes),
            );
        };
        let unreadable = |nth: usize| json!({ "id": entries[nth].id, "unreadable": true });
        // Cut off, in a format that is not known, and plain but no entry.
        damage(0, "substr(packed, 1, 40)", "substr(packed, 1, 40)");
        damage(1, "'\\x7f'", "x'7f'");
        damage(2, "'0{\n[]'", "cast('0{' || char(10) || '[]' as blob)");
        let page = world.page("").await;
        assert_eq!(page["entries"], json!([entry_3, unreadable(2), unreadable(1), unreadable(0)]));
        for (nth, payload) in [(0, Value::Null), (1, Value::Null), (2, json!("{"))] {
            let one = body(world.get(&format!("{ENTRIES}/{}", entries[nth].id)).await, 200).await;
            assert_eq!((&one["unreadable"], &one["payload"]), (&json!(true), &payload));
        }
        // What comes again under the id of a damaged one is not taken for it.
        world.appends(&entries[..2], [0, 2, 2]).await;
    }
}

#[tokio::test]
async fn an_entry_that_is_not_there_is_404() {
    for database in both() {
        let world = World::start(&database).await;
        let absent = seal(&entry(1)).id.to_string();
        for id in [
            absent.as_str(),
            "aud_1",
            "1",
            "..%2F",
            "%F0%9F%98%80",
            "%ff",
            &absent.to_uppercase(),
            &"x".repeat(5_000),
        ] {
            let answer = world.get(&format!("{ENTRIES}/{id}")).await;
            match id {
                "..%2F" => problem(answer, 400, "bad_path").await,
                _ => problem(answer, 404, "entry_not_found").await,
            };
        }
    }
}

#[tokio::test]
async fn time_order_holds_whatever_the_order_of_arrival() {
    for database in both() {
        let world = World::start(&database).await;
        let mut entries = sealed(30);
        let expected: Vec<String> = entries.iter().rev().map(|one| one.id.to_string()).collect();
        entries.rotate_left(13);
        for part in entries.chunks(4) {
            world.append(part).await;
        }
        assert_eq!(world.ids("").await, expected);
    }
}
