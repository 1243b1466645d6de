//! Appending: once for each id, all or nothing where an entry is none, bytes untouched.

use contract::audit::{Entry, Sealed, Target, Text, Value as Detail};
use serde_json::{Value, json};
use test_kit::database::both;

use crate::world::{ENTRIES, World, body, entry, problem, seal, sealed};

#[tokio::test]
async fn an_entry_is_appended_once_however_often_it_comes() {
    for database in both() {
        let world = World::start(&database).await;
        let entries = sealed(5);
        world.appends(&entries[..3], [3, 0, 0]).await;
        world.appends(&entries, [2, 3, 0]).await;
        world.appends(&entries, [0, 5, 0]).await;
        assert_eq!(
            world.ids("").await,
            entries.iter().rev().map(|one| one.id.to_string()).collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn nothing_to_append_is_fine() {
    for database in both() {
        World::start(&database).await.appends(&[], [0, 0, 0]).await;
    }
}

#[tokio::test]
async fn the_first_entry_of_an_id_stays() {
    for database in both() {
        let world = World::start(&database).await;
        let first = entry(1);
        let other = Entry { action: "client.forge".to_owned(), ..first.clone() };
        let (first, other) = (seal(&first), seal(&other));
        world.appends(std::slice::from_ref(&first), [1, 0, 0]).await;
        world.appends(&[other.clone(), first.clone()], [0, 2, 1]).await;
        // Sealed again, with other salts, it is another entry too.
        let resealed = seal(&Entry { id: first.id, ..entry(1) });
        world.appends(&[resealed], [0, 1, 1]).await;
        let kept = body(world.get(&format!("{ENTRIES}/{}", first.id)).await, 200).await;
        assert_eq!(kept["payload"], first.payload);
        assert_eq!(kept["disclosures"], json!(first.disclosures));
        assert_eq!(kept["action"], "client.read");
    }
}

#[tokio::test]
async fn twins_in_one_call_are_one_entry() {
    for database in both() {
        let world = World::start(&database).await;
        let (one, two) = (seal(&entry(1)), seal(&entry(2)));
        let forged = seal(&Entry { id: one.id, action: "client.forge".to_owned(), ..entry(1) });
        world.appends(&[one.clone(), two.clone(), one.clone(), forged], [2, 2, 1]).await;
        assert_eq!(world.ids("").await, [two.id.to_string(), one.id.to_string()]);
        assert_eq!(world.page("").await["entries"][1]["action"], "client.read");
    }
}

#[tokio::test]
async fn an_erased_disclosure_does_not_come_back() {
    for database in both() {
        let world = World::start(&database).await;
        let whole = seal(&entry(1));
        let erased = Sealed { disclosures: Vec::new(), ..whole.clone() };
        world.appends(&[erased], [1, 0, 0]).await;
        world.appends(std::slice::from_ref(&whole), [0, 1, 0]).await;
        let kept = body(world.get(&format!("{ENTRIES}/{}", whole.id)).await, 200).await;
        assert_eq!((&kept["address"], &kept["disclosures"]), (&Value::Null, &json!([])));
        assert_eq!(kept["payload"], whole.payload);
    }
}

/// The member of a payload replaced, canonical again.
fn with(sealed: &Sealed, member: &str, value: Option<Value>) -> Sealed {
    let mut payload: Value = serde_json::from_str(&sealed.payload).expect("JSON");
    let members = payload.as_object_mut().expect("an object");
    match value {
        Some(value) => members.insert(member.to_owned(), value),
        None => members.remove(member),
    };
    let payload = serde_json_canonicalizer::to_string(&payload).expect("canonical");
    Sealed { payload, ..sealed.clone() }
}

/// The entry with a payload that is none, and what is wrong with it.
fn bad_payloads(good: &Sealed) -> Vec<(Sealed, &'static str)> {
    let payload = |payload: String| Sealed { payload, ..good.clone() };
    let foreign = seal(&entry(2));
    vec![
        (payload(String::new()), "not_canonical"),
        (payload("{".to_owned()), "not_canonical"),
        (payload(format!(" {}", good.payload)), "not_canonical"),
        (payload(good.payload.replacen("\"action\"", "\"action\" ", 1)), "not_canonical"),
        (
            payload(good.payload.replacen(
                "{\"action\":\"client.read\"",
                "{\"action\":\"x\",\"action\":\"client.read\"",
                1,
            )),
            "not_canonical",
        ),
        (payload(good.payload.replacen("client.read", "client\\u002eread", 1)), "not_canonical"),
        (payload("[".repeat(100_000)), "not_canonical"),
        (payload("[]".to_owned()), "foreign_disclosure"),
        (with(good, "time", None), "member_missing"),
        (with(good, "time", Some(json!("yesterday"))), "member_missing"),
        (with(good, "service", Some(json!(7))), "member_missing"),
        (with(good, "action", Some(json!(""))), "member_missing"),
        (with(good, "count", Some(json!(0))), "member_missing"),
        (with(good, "count", Some(json!(1.5))), "member_missing"),
        (with(good, "actor", Some(json!({ "id": "nobody" }))), "member_missing"),
        (with(good, "details", Some(json!("none"))), "member_missing"),
        (with(good, "id", Some(json!(foreign.id))), "other_id"),
    ]
}

/// The entry with disclosures that it does not vouch for.
fn bad_disclosures(good: &Sealed) -> Vec<(Sealed, &'static str)> {
    let foreign = seal(&entry(2));
    let moved: Vec<Value> = serde_json::from_str(&good.disclosures[0]).expect("JSON");
    vec![
        (with(good, "address", None), "foreign_disclosure"),
        (Sealed { disclosures: foreign.disclosures.clone(), ..good.clone() }, "foreign_disclosure"),
        (Sealed { disclosures: vec![good.disclosures[0].clone(); 2], ..good.clone() }, "foreign_disclosure"),
        (Sealed { disclosures: vec!["not JSON".to_owned()], ..good.clone() }, "foreign_disclosure"),
        (
            Sealed {
                disclosures: vec![json!([moved[0], "/actor/id", moved[2]]).to_string()],
                ..good.clone()
            },
            "foreign_disclosure",
        ),
        (
            Sealed {
                disclosures: vec![json!([moved[0], moved[1], "198.51.100.1"]).to_string()],
                ..good.clone()
            },
            "foreign_disclosure",
        ),
    ]
}

#[tokio::test]
async fn what_is_no_entry_is_refused_with_its_place_and_nothing_is_appended() {
    let good = seal(&entry(1));
    let cases: Vec<(Sealed, &str)> = bad_payloads(&good).into_iter().chain(bad_disclosures(&good)).collect();
    for database in both() {
        let world = World::start(&database).await;
        for (bad, code) in &cases {
            let refused =
                problem(world.append(&[seal(&entry(3)), bad.clone()]).await, 422, "invalid_parameter").await;
            let errors = refused["errors"].as_array().expect("errors");
            assert_eq!(errors.len(), 1, "{refused}");
            assert_eq!(
                (errors[0]["pointer"].as_str(), errors[0]["code"].as_str()),
                (Some("/entries/1"), Some(*code)),
                "{bad:?}"
            );
            assert!(!refused.to_string().contains("203.0.113.7"), "{refused}");
        }
        assert_eq!(world.ids("").await, Vec::<String>::new());
        world.appends(std::slice::from_ref(&good), [1, 0, 0]).await;
    }
}

#[tokio::test]
async fn bodies_that_are_no_batch_are_refused() {
    for database in both() {
        let world = World::start(&database).await;
        problem(world.append_raw(&json!({})).await, 422, "invalid_parameter").await;
        problem(
            world
                .append_raw(&json!({ "entries": [{ "id": "aud_1", "payload": "{}", "disclosures": [] }] }))
                .await,
            422,
            "invalid_parameter",
        )
        .await;
        let one = seal(&entry(1));
        let refused = problem(world.append(&vec![one.clone(); 1001]).await, 422, "invalid_parameter").await;
        assert_eq!(refused["errors"][0]["pointer"], "/entries");
        let fat = Sealed { payload: "x".repeat(4 * 1024 * 1024), ..one.clone() };
        problem(world.append(&[fat]).await, 413, "payload_too_large").await;
        assert_eq!(world.ids("").await, Vec::<String>::new());
        world.appends(&vec![one; 1000], [1, 999, 0]).await;
    }
}

#[tokio::test]
async fn awkward_values_are_kept_byte_for_byte_and_found() {
    let long = "x".repeat(10_000);
    let awkward = Entry {
        target: Some(Target {
            kind: "client".to_owned(),
            id: Text::personal(format!("{long}a@example.com")),
        }),
        details: [
            ("nul".to_owned(), Detail::Text(Text::personal("a\0b"))),
            ("text".to_owned(), Detail::Text(Text::open("\u{e9}\u{1F600}\"\\\n\u{202e}% _ ÄÖ"))),
            ("list/~".to_owned(), Detail::List(vec![Text::personal("Ann").into(), 7.into(), true.into()])),
        ]
        .into_iter()
        .collect(),
        ..entry(1)
    };
    let sealed = seal(&awkward);
    for database in both() {
        let world = World::start(&database).await;
        world.appends(std::slice::from_ref(&sealed), [1, 0, 0]).await;
        let kept = body(world.get(&format!("{ENTRIES}/{}", sealed.id)).await, 200).await;
        assert_eq!(kept["payload"], sealed.payload);
        assert_eq!(kept["disclosures"], json!(sealed.disclosures));
        assert_eq!(kept["target"]["id"], format!("{long}a@example.com"));
        let details = json!({ "nul": "a\0b", "text": "\u{e9}\u{1F600}\"\\\n\u{202e}% _ ÄÖ", "list/~": ["Ann", 7, true] });
        assert_eq!(kept["details"], details);
        for text in ["%C3%84%C3%B6", "ann", "%25+_", "%22%5C", "%F0%9F%98%80"] {
            assert_eq!(world.ids(&format!("text={text}")).await, [sealed.id.to_string()], "{text}");
        }
        assert_eq!(world.ids("text=%25%25").await, Vec::<String>::new());
    }
}
