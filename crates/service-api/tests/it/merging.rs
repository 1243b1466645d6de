//! Two records turn out to be one person's: all that either had is the person's.

use contract::internal::ApplyEvent;
use serde_json::{Value, json};
use test_kit::database::both;

use crate::support::{Api, NOBODY, told};

/// What Ann did, told under her address alone.
fn by_address(second: i64, event_type: &str, data: Value) -> ApplyEvent {
    let mut data = data;
    let name = if event_type == "account.updated" { "clientEmail" } else { "email" };
    data[name] = json!("ann@example.com");
    told(second, event_type, &data)
}

/// The same, told under her clientId alone.
fn by_id(second: i64, event_type: &str, data: Value) -> ApplyEvent {
    let mut data = data;
    data["clientId"] = json!("1001");
    told(second, event_type, &data)
}

fn under_both_names() -> Vec<ApplyEvent> {
    vec![
        by_id(1, "client.registered", json!({"firstName": "Ann"})),
        by_id(2, "account.updated", json!({"balance": "1", "currency": "EUR"})),
        by_id(3, "account.updated", json!({"server": "s", "accountId": "50", "balance": "50"})),
        by_id(4, "deposit.completed", json!({"transactionId": "a", "amount": "4"})),
        by_address(5, "client.registered", json!({"firstName": "Anna", "phone": "+1"})),
        by_address(6, "account.updated", json!({"balance": "6"})),
        by_address(7, "account.updated", json!({"server": "s", "accountId": "60", "balance": "60"})),
        by_address(8, "deposit.completed", json!({"transactionId": "b", "amount": "8"})),
        by_address(9, "kyc.updated", json!({"kycStatus": "pending"})),
        by_address(9, "account.updated", json!({"email": "new@example.com"})),
    ]
}

/// The event that names her both ways.
fn connecting(second: i64) -> ApplyEvent {
    told(
        second,
        "kyc.updated",
        &json!({"clientId": "1001", "email": "ann@example.com", "kycStatus": "approved"}),
    )
}

async fn page(api: &Api, path: &str) -> Value {
    let answer = api.call("GET", path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

/// One record has all of it, whichever address is asked for.
async fn assert_whole(api: &Api) {
    let record = api.record("new@example.com").await;
    let said = |name: &str| record[name].clone();
    assert_eq!(
        (said("clientId"), said("firstName"), said("phone")),
        (json!("1001"), json!("Anna"), json!("+1"))
    );
    assert_eq!((said("email"), said("kycStatus")), (json!("new@example.com"), json!("approved")));
    assert_eq!(api.record("ann@example.com").await, record, "the former address finds her too");
    let accounts = page(api, "/accounts/ann@example.com").await["accounts"].clone();
    let texts = |name: &str| -> Vec<String> {
        let list = accounts.as_array().expect("a list").iter();
        list.map(|one| one[name].as_str().unwrap_or("-").to_owned()).collect()
    };
    assert_eq!(
        (texts("accountId"), texts("balance")),
        (
            vec!["50".to_owned(), "60".into(), "default".into()],
            vec!["50".to_owned(), "60".into(), "6".into()]
        )
    );
    assert_eq!(texts("currency"), ["-", "-", "EUR"], "what both said of the nameless one is together");
    let transactions = page(api, "/clients/new@example.com/transactions").await;
    assert_eq!(transactions["totals"][0]["net"], "12");
    assert_eq!(transactions["transactions"].as_array().map(Vec::len), Some(2));
    let activities = page(api, "/clients/new@example.com/activity?limit=200").await["activities"].clone();
    let mut types: Vec<_> = activities
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["type"].as_str().expect("a type"))
        .collect();
    types.retain(|one| *one != "note.added");
    types.sort_unstable();
    let expected = [
        ["account.changed"; 4].as_slice(),
        &["client.changed"],
        &["client.registered"; 2],
        &["deposit.completed"; 2],
        &["kyc.changed"; 2],
    ];
    assert_eq!(types, expected.concat(), "{activities:#}");
    for (table, query) in [
        (
            "accounts",
            "select cast(count(*) as text) as text from accounts where client in (select id from clients where merged_into is not null)",
        ),
        (
            "transactions",
            "select cast(count(*) as text) as text from transactions where client in (select id from clients where merged_into is not null)",
        ),
        (
            "activities",
            "select cast(count(*) as text) as text from activities where client in (select id from clients where merged_into is not null)",
        ),
    ] {
        assert_eq!(api.texts(query).await, ["0"], "{table} of a record that is only a pointer");
    }
}

#[tokio::test]
async fn all_that_two_records_had_is_one_person_s() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        api.applies(&under_both_names()).await;
        let alone = api.record("ann@example.com").await["id"].as_str().expect("an id").to_owned();
        for (path, comment) in [(alone.as_str(), "of the address"), ("1001", "of the id")] {
            let note = json!({"comment": comment});
            let path = format!("/api/clients/{path}/notes");
            assert_eq!(api.as_staff("support", "POST", &path, &note).await.status, 201);
        }
        api.applies(&[connecting(20)]).await;
        assert_whole(&api).await;
        let notes = page(&api, "/clients/new@example.com/notes").await["notes"].clone();
        let said: Vec<_> = notes.as_array().expect("a list").iter().map(|note| &note["comment"]).collect();
        assert_eq!(said, ["of the id", "of the address"]);
        assert!(notes[1]["clientId"] == "1001", "{notes}");
        let by_staff = api.as_staff("support", "GET", &format!("/api/clients/{alone}"), &Value::Null).await;
        assert_eq!(by_staff.json()["clientId"], "1001", "our former id finds her too");
    }
}

#[tokio::test]
async fn all_in_one_batch_ends_the_same_wherever_she_is_recognised() {
    for on in [test_kit::database::sqlite as fn() -> _, test_kit::database::postgres] {
        for place in [0, 3, 6, 10] {
            let on: test_kit::database::TestDatabase = on();
            let api = Api::start(&on, NOBODY).await;
            let mut batch = under_both_names();
            batch.insert(place, connecting(20));
            api.apply(&batch).await;
            assert_whole_record(&api, place).await;
        }
    }
}

/// As [`assert_whole`], but for the activities: which of them were changes depends on what was known by then.
async fn assert_whole_record(api: &Api, place: usize) {
    if place == 10 {
        return assert_whole(api).await;
    }
    let record = api.record("ann@example.com").await;
    assert_eq!(
        (&record["clientId"], &record["email"]),
        (&json!("1001"), &json!("new@example.com")),
        "{place}"
    );
    let accounts = page(api, "/accounts/new@example.com").await["accounts"].clone();
    assert_eq!(accounts.as_array().map(Vec::len), Some(3), "{place}");
    let transactions = page(api, "/clients/new@example.com/transactions").await;
    assert_eq!(transactions["totals"][0]["net"], "12", "{place}");
    let stray = "select cast(count(*) as text) as text from activities a join clients c on c.id = a.client where c.merged_into is not null";
    assert_eq!(api.texts(stray).await, ["0"], "{place}");
}

#[tokio::test]
async fn what_staff_decided_of_either_record_stands() {
    for on in both() {
        for (of_address, of_id, expected) in
            [("suspended", None, "suspended"), ("closed", Some("suspended"), "closed")]
        {
            let on: &test_kit::database::TestDatabase = &on;
            let api = Api::start(on, NOBODY).await;
            let name = format!("{of_address}@example.com");
            let registered = |data: Value| told(1, "client.registered", &data);
            api.applies(&[registered(json!({"email": name})), registered(json!({"clientId": expected}))])
                .await;
            let alone = api.record(&name).await["id"].as_str().expect("an id").to_owned();
            let put = async |id: &str, status: &str| {
                let path = format!("/api/clients/{id}/status");
                let answer = api
                    .as_staff("admin", "PATCH", &path, &json!({"status": status, "reason": "asked"}))
                    .await;
                assert_eq!(answer.status, 200, "{answer:?}");
            };
            put(&alone, of_address).await;
            if let Some(status) = of_id {
                put(expected, status).await;
            }
            api.applies(&[registered(json!({"clientId": expected, "email": name}))]).await;
            let record = api.record(&name).await;
            assert_eq!((&record["clientId"], &record["status"]), (&json!(expected), &json!(expected)));
        }
    }
}

/// Many at once, and some of them through others that were merged themselves.
#[tokio::test]
async fn a_batch_merges_whole_chains() {
    const PERSONS: i64 = 40;
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let deposit = |n: i64, email: &str| {
            told(
                1,
                "deposit.completed",
                &json!({"email": email, "transactionId": format!("{n}{email}"), "amount": 1}),
            )
        };
        let address = |n: i64, which: &str| format!("{which}{n}@example.com");
        let before: Vec<_> = (0..PERSONS)
            .flat_map(|n| [deposit(n, &address(n, "a")), deposit(n, &address(n, "b"))])
            .chain((0..PERSONS).map(|n| told(2, "client.registered", &json!({"clientId": n}))))
            .collect();
        api.applies(&before).await;
        let connecting: Vec<_> = (0..PERSONS)
            .flat_map(|n| {
                let (a, b) = (address(n, "a"), address(n, "b"));
                [
                    told(3, "account.updated", &json!({"clientEmail": a, "email": b})),
                    told(4, "account.updated", &json!({"clientId": n, "clientEmail": a})),
                ]
            })
            .collect();
        api.applies(&connecting).await;
        for n in 0..PERSONS {
            for which in ["a", "b"] {
                let found = api.record(&address(n, which)).await;
                assert_eq!(
                    (&found["clientId"], &found["email"]),
                    (&json!(n.to_string()), &json!(address(n, "b")))
                );
            }
            let transactions = page(&api, &format!("/clients/a{n}@example.com/transactions")).await;
            assert_eq!(transactions["totals"][0]["net"], "2", "{n}");
            let activities = page(&api, &format!("/clients/b{n}@example.com/activity")).await;
            assert_eq!(activities["activities"].as_array().map(Vec::len), Some(4), "{activities:#}");
        }
        let pointers = "select cast(count(*) as text) as text from clients where merged_into is not null";
        assert_eq!(api.texts(pointers).await, [(PERSONS * 2).to_string()]);
    }
}
