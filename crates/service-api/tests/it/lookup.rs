//! S3 and the answer's shape: every odd address finds its own client, and never another person.

use contract::events::Event;
use serde_json::{Value, json};
use test_kit::database::both;

use crate::support::{Api, Asked, Ingest, NOBODY, named, registered, told};

/// Addresses of different people, each with spellings of it that may stand in a path.
const PEOPLE: [(&str, &[&str]); 17] = [
    (
        "plain@example.com",
        &["plain@example.com", "PLAIN@Example.COM", "%70lain%40example.com", "%20plain@example.com%20"],
    ),
    ("plus+tag@example.com", &["plus+tag@example.com", "plus%2Btag@example.com", "plus%2btag@example.com"]),
    ("plus tag@example.com", &["plus%20tag@example.com"]),
    ("amp&=;@example.com", &["amp&=;@example.com", "amp%26%3D%3B@example.com"]),
    ("hash#@example.com", &["hash%23@example.com"]),
    ("percent%25@example.com", &["percent%2525@example.com"]),
    ("percent%@example.com", &["percent%25@example.com", "percent%@example.com"]),
    (
        "slash/in@example.com",
        &["slash%2Fin@example.com", "slash%2fin@example.com", "slash%2Fin@example.com/"],
    ),
    ("slash%2Fin@example.com", &["slash%252Fin@example.com"]),
    (
        "question?@example.com",
        &["question%3F@example.com", "question%3F@example.com?email=plain@example.com"],
    ),
    ("o'neil\"@example.com", &["o'neil%22@example.com"]),
    ("mike@example.com", &["mike@example.com", "MIKE@example.com"]),
    ("m\u{131}ke@example.com", &["m%C4%B1ke@example.com"]),
    ("mi\u{212a}e@example.com", &["mi%E2%84%AAe@example.com"]),
    ("caf\u{e9}@example.com", &["caf%C3%A9@example.com", "cafe%CC%81@example.com", "CAF%C3%89@example.com"]),
    ("cafe@example.com", &["cafe@example.com"]),
    (
        "ann@b\u{fc}cher.example",
        &["ann@b%C3%BCcher.example", "ann@xn--bcher-kva.example", "ann@B%C3%9CCHER.example"],
    ),
];

#[tokio::test]
async fn s3_every_odd_address_finds_its_own_client() {
    for on in both() {
        let ingest = Ingest::start(Asked::None).await;
        let api = Api::start(&on, &ingest.url).await;
        let people = PEOPLE.iter().zip(1..);
        let events: Vec<_> =
            people.map(|((email, _), n)| registered(n, Some(&format!("c{n}")), Some(email))).collect();
        api.applies(&events).await;
        for ((email, spellings), n) in PEOPLE.iter().zip(1..) {
            for spelling in *spellings {
                let record = api.record(spelling).await;
                assert_eq!(record["clientId"], format!("c{n}"), "{spelling}");
                assert_eq!(record["email"], *email, "byte for byte as sent");
                assert_eq!(record["otherClientIds"], Value::Array(Vec::new()));
            }
        }
    }
}

#[tokio::test]
async fn s3_who_only_looks_alike_is_nobody() {
    for on in both() {
        let ingest = Ingest::start(Asked::None).await;
        let api = Api::start(&on, &ingest.url).await;
        let known = [
            registered(1, Some("1"), Some("mike@example.com")),
            registered(2, Some("2"), Some("a\u{fffd}@example.com")),
            registered(3, Some("3"), Some("plus+tag@example.com")),
        ];
        api.applies(&known).await;
        for alike in [
            "m%C4%B1ke@example.com",
            "m%C4%B0ke@example.com",
            "mi%E2%84%AAe@example.com",
            "%EF%BD%8Dike@example.com",
            "mike@example.com.",
            "mike@%C2%ADexample.com",
            "m%69%CC%87ke@example.com",
            "%250amike@example.com",
            "a%FF@example.com",
            "a%ED%A0%80@example.com",
            "plus%20tag@example.com",
            "plus@example.com",
            "mike%40example.com@example.com",
            "*",
            "%25@example.com",
        ] {
            api.get(alike).await.problem(404, "client_not_found");
        }
        assert_eq!(api.record("a%EF%BF%BD@example.com").await["clientId"], "2");
    }
}

#[tokio::test]
async fn the_answer_has_all_fields_in_the_contract_s_order() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let mut event = named(registered(1, Some("1001"), Some("Ann@Example.com")), "Ann");
        if let Event::ClientRegistered(said) = &mut event.event {
            said.last_name = Some("O'Neil <b>".to_owned());
            said.phone = Some("+44 20 0000".to_owned());
            said.country = Some("GB".to_owned());
        }
        api.applies(&[event]).await;
        let alone = api.get("ann@example.com").await;
        assert_eq!((alone.status, alone.header("etag")), (200, Some("\"1\"")));
        api.applies(&[registered(2, Some("1002"), Some("ann@example.com"))]).await;
        let answer = api.get("ann@example.com").await;
        // The record's version is the same; what is answered beside it is not.
        let tag = answer.header("etag").expect("a tag");
        assert!(tag.starts_with("\"1-") && tag.ends_with('"'), "{tag}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let record = answer.json();
        let (id, updated) =
            (record["id"].as_str().expect("an id"), record["updatedAt"].as_str().expect("a time"));
        assert!(id.parse::<contract::ids::ClientRef>().is_ok(), "{id}");
        assert!(updated.parse::<contract::clock::Timestamp>().is_ok(), "{updated}");
        let text = answer.text.replace(id, "[id]").replace(updated, "[updated]").replace(",\"", ",\n\"");
        insta::allow_duplicates! {
            insta::assert_snapshot!("record", text);
        }
    }
}

/// Names that mean something to a spreadsheet, a browser, a database or a terminal: here they are text.
const HOSTILE: [(&str, &str); 5] = [
    ("=cmd|' /C calc'!A0", "@SUM(1+1)"),
    ("<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>"),
    ("Robert'); drop table clients; --", "%_\\"),
    ("\u{202e}nnA", "\u{1b}[2J"),
    ("{{7*7}} ${7*7}", "&lt;b&gt; \u{fffd}"),
];

#[tokio::test]
async fn s5_names_are_kept_and_answered_byte_for_byte() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        for ((first, last), n) in HOSTILE.iter().zip(1..) {
            let (id, email) = (format!("c{n}"), format!("p{n}@example.com"));
            let said = json!({"clientId": id, "email": email, "firstName": first, "lastName": last});
            api.applies(&[told(n, "client.registered", &said)]).await;
            let answer = api.get(&email).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
            let record = answer.json();
            assert_eq!(
                (record["firstName"].as_str(), record["lastName"].as_str()),
                (Some(*first), Some(*last))
            );
            let page = api.call("GET", &format!("/clients?query=p{n}@"), &Value::Null).await.json();
            assert_eq!(page["clients"], json!([record]));
        }
        let stored =
            api.texts("select first_name || '|' || last_name as text from clients order by email_key").await;
        assert_eq!(stored, HOSTILE.map(|(first, last)| format!("{first}|{last}")));
    }
}

#[tokio::test]
async fn two_client_ids_with_one_address_both_live() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        api.applies(&[
            registered(5, Some("late"), Some("both@example.com")),
            registered(2, Some("early"), Some("BOTH@example.com")),
        ])
        .await;
        let record = api.record("both@example.com").await;
        assert_eq!(
            (&record["clientId"], &record["email"]),
            (&Value::from("early"), &Value::from("BOTH@example.com"))
        );
        assert_eq!(record["otherClientIds"], serde_json::json!(["late"]));
        // The one that was meant moves away: the other is.
        api.applies(&[registered(9, Some("early"), Some("moved@example.com"))]).await;
        let record = api.record("both@example.com").await;
        assert_eq!(
            (&record["clientId"], &record["otherClientIds"]),
            (&Value::from("late"), &serde_json::json!([]))
        );
        assert_eq!(api.record("moved@example.com").await["clientId"], "early");
    }
}

#[tokio::test]
async fn a_former_address_finds_until_another_takes_it() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        api.applies(&[
            registered(1, Some("1"), Some("old@example.com")),
            registered(2, Some("1"), Some("new@example.com")),
        ])
        .await;
        let record = api.record("old@example.com").await;
        assert_eq!(
            (&record["clientId"], &record["email"]),
            (&Value::from("1"), &Value::from("new@example.com"))
        );
        api.applies(&[registered(3, Some("2"), Some("old@example.com"))]).await;
        assert_eq!(api.record("old@example.com").await["clientId"], "2");
        assert_eq!(api.record("new@example.com").await["clientId"], "1");
    }
}
