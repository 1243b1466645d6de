//! S6: pages, their limits, and cursors that only we can make.

use serde_json::{Value, json};
use test_kit::database::{TestDatabase, both};
use test_kit::waiting::wait_for;

use crate::support::{Api, NOBODY, named, registered, told};

/// Ann with five notes, Bob with one.
async fn api_with_notes(on: &TestDatabase) -> Api {
    let api = Api::start(on, NOBODY).await;
    api.applies(&[
        registered(1, Some("1001"), Some("ann@example.com")),
        registered(2, Some("1002"), Some("bob@example.com")),
    ])
    .await;
    for n in 1..=5 {
        let note = json!({ "comment": format!("note {n}") });
        assert_eq!(api.call("POST", "/clients/ann@example.com/notes", &note).await.status, 201);
    }
    assert_eq!(
        api.call("POST", "/clients/bob@example.com/notes", &json!({"comment": "bob's"})).await.status,
        201
    );
    api
}

/// Every list there is as the platform asks for it, as staff do, and its action on the trail.
const LISTS: [(&str, &str, &str); 4] = [
    ("/clients", "/api/clients", "client.list"),
    ("/clients/ann@example.com/notes", "/api/clients/1001/notes", "note.list"),
    ("/clients/ann@example.com/activity", "/api/clients/1001/activity", "activity.list"),
    ("/clients/ann@example.com/transactions", "/api/clients/1001/transactions", "transaction.list"),
];

/// The refusals of this action on the trail with this reason, once there are so many: each of a known caller is there by itself.
async fn assert_refused(api: &Api, action: &str, reason: &str, count: usize) {
    let mut entries = api.entries(action, count).await;
    entries.retain(|entry| entry["outcome"] == "refused" && entry["reason"] == reason);
    assert_eq!(entries.len(), count, "{action} {reason}");
    for entry in entries {
        assert_eq!((&entry["actor"]["kind"], &entry["count"]), (&json!("service"), &json!(1)), "{entry}");
        if action != "client.list" {
            assert!(entry["target"]["id"].as_str().is_some_and(|id| id.starts_with("cl_")), "{entry}");
        }
    }
}

#[tokio::test]
async fn s6_limits_are_whole_numbers_from_1_to_200() {
    for on in both() {
        let api = api_with_notes(&on).await;
        let bad_limits = [
            "limit=0",
            "limit=-1",
            "limit=abc",
            "limit=1e9",
            "limit=201",
            "limit=",
            "limit=1&limit=2",
            "limit=%00",
            "limit=%FF",
            "limit%ED%A0%80=5",
        ];
        for (list, of_staff, action) in LISTS {
            for bad in bad_limits {
                let answer = api.call("GET", &format!("{list}?{bad}"), &Value::Null).await;
                let problem = answer.problem(422, "invalid_parameter");
                assert!(problem["errors"][0]["pointer"].as_str().expect("a pointer").starts_with("/limit"));
            }
            assert_refused(&api, action, "invalid_parameter", bad_limits.len()).await;
            // What we do not know is refused, but not on the route that platforms were built against before.
            let by_platform = api.call("GET", &format!("{list}?limits=5&page=2"), &Value::Null).await;
            let by_staff =
                api.as_staff("support", "GET", &format!("{of_staff}?limits=5"), &Value::Null).await;
            let problem = by_staff.problem(422, "invalid_parameter");
            assert_eq!(problem["errors"][0]["code"], "unknown_parameter");
            if action == "activity.list" {
                assert_eq!(by_platform.status, 200, "{by_platform:?}");
            } else {
                by_platform.problem(422, "invalid_parameter");
            }
            for good in ["", "?limit=1", "?limit=200", "?"] {
                assert_eq!(
                    api.call("GET", &format!("{list}{good}"), &Value::Null).await.status,
                    200,
                    "{list}{good}"
                );
            }
        }
        for bad in ["query=%ED%A0%80", "query=Zo%EB", "cursor=%FF%FE", "updatedSince=%C0%80"] {
            let answer = api.call("GET", &format!("/clients?{bad}"), &Value::Null).await;
            let problem = answer.problem(422, "invalid_parameter");
            assert_eq!(problem["errors"][0]["code"], "not_utf8", "{bad}");
        }
        let yesterday = api.call("GET", "/clients?updatedSince=yesterday", &Value::Null).await;
        yesterday.problem(422, "invalid_parameter");
        for bad in ["type=", "type=note.added", "type=nothing", "type=NOTE.ADDED"] {
            let status = api
                .call("GET", &format!("/clients/ann@example.com/activity?{bad}"), &Value::Null)
                .await
                .status;
            let known = matches!(bad, "type=" | "type=note.added");
            assert_eq!(status, if known { 200 } else { 422 }, "{bad}");
        }
    }
}

#[tokio::test]
async fn s6_pages_follow_each_other_without_gap_or_repetition() {
    for on in both() {
        let api = api_with_notes(&on).await;
        let mut seen = Vec::new();
        let mut path = "/clients/ann@example.com/notes?limit=2".to_owned();
        let mut pages = 0;
        loop {
            let answer = api.call("GET", &path, &Value::Null).await;
            pages += 1;
            let page = answer.json();
            let notes = page["notes"].as_array().expect("notes");
            seen.extend(notes.iter().map(|note| note["comment"].as_str().expect("text").to_owned()));
            let Some(cursor) = page["nextCursor"].as_str() else {
                assert_eq!(answer.header("link"), None);
                break;
            };
            let link = answer.header("link").expect("a link");
            let target =
                link.strip_prefix("</api/service").and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
            let target = target.expect("a link to the next page");
            assert!(target.contains(cursor) && target.contains("limit=2"), "{target}");
            path = target.to_owned();
        }
        assert_eq!(pages, 3);
        assert_eq!(seen, ["note 5", "note 4", "note 3", "note 2", "note 1"]);
    }
}

#[tokio::test]
async fn s6_a_cursor_is_good_for_its_own_list_alone() {
    for on in both() {
        let api = api_with_notes(&on).await;
        let cursor = async |path: &str| {
            let page = api.call("GET", path, &Value::Null).await.json();
            page["nextCursor"].as_str().expect("a cursor").to_owned()
        };
        let notes = cursor("/clients/ann@example.com/notes?limit=1").await;
        let activity = cursor("/clients/ann@example.com/activity?type=note.added&limit=1").await;
        let clients = cursor("/clients?limit=1").await;
        let mut edited = notes.clone();
        edited.replace_range(3..4, if &notes[3..4] == "A" { "B" } else { "A" });
        let foreign = [
            ("/clients/ann@example.com/notes", activity.as_str()),
            ("/clients/bob@example.com/notes", &notes),
            ("/clients/ann@example.com/activity", &activity),
            ("/clients/ann@example.com/activity?type=kyc.changed", &activity),
            ("/clients", &notes),
            ("/clients?query=ann", &clients),
            ("/clients/ann@example.com/notes", &edited),
            ("/clients/ann@example.com/notes", "forged"),
            ("/clients/ann@example.com/notes", "%EF%BF%BD"),
            ("/clients/ann@example.com/transactions", &notes),
        ];
        for (path, cursor) in foreign {
            let joint = if path.contains('?') { '&' } else { '?' };
            let answer = api.call("GET", &format!("{path}{joint}cursor={cursor}"), &Value::Null).await;
            answer.problem(400, "invalid_cursor");
        }
        for (action, count) in
            [("note.list", 5), ("activity.list", 2), ("client.list", 2), ("transaction.list", 1)]
        {
            assert_refused(&api, action, "invalid_cursor", count).await;
        }
        // The same list for staff is the same list, and another limit is no other question.
        let by_staff = api
            .as_staff(
                "support",
                "GET",
                &format!("/api/clients/1001/notes?limit=3&cursor={notes}"),
                &Value::Null,
            )
            .await;
        assert_eq!((by_staff.status, &by_staff.json()["notes"][0]["comment"]), (200, &json!("note 4")));
    }
}

/// What a list of the client with this address holds, asked for until the client is the one with this clientId.
async fn asked_until(api: &Api, list: &str, email: &str, client_id: &str) -> Vec<usize> {
    let path = match list {
        "accounts" => format!("/accounts/{email}"),
        list => format!("/clients/{email}/{list}"),
    };
    let name = if list == "activity" { "activities" } else { list };
    let mut lengths = Vec::new();
    loop {
        let merged = api.record(email).await["clientId"] == client_id;
        let page = api.call("GET", &path, &Value::Null).await.json();
        lengths.push(page[name].as_array().expect("a list").len());
        if merged {
            return lengths;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_whole_while_its_client_becomes_another() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        for n in 0..12 {
            let (email, id, second) = (format!("p{n}@example.com"), format!("c{n}"), n * 10);
            let account = json!({"clientEmail": email, "server": "s", "accountId": id, "balance": "1"});
            api.applies(&[
                told(second + 1, "client.registered", &json!({"clientId": id})),
                told(second + 2, "account.updated", &account),
                told(second + 2, "deposit.completed", &json!({"email": email, "amount": "1"})),
            ])
            .await;
            let note = format!("/clients/{email}/notes");
            assert_eq!(api.call("POST", &note, &json!({"comment": "x"})).await.status, 201);
            let both_names = json!({"clientId": id, "email": email, "kycStatus": "approved"});
            let event = [told(second + 3, "kyc.updated", &both_names)];
            let (notes, accounts, activity, transactions, ()) = tokio::join!(
                asked_until(&api, "notes", &email, &id),
                asked_until(&api, "accounts", &email, &id),
                asked_until(&api, "activity", &email, &id),
                asked_until(&api, "transactions", &email, &id),
                api.applies(&event),
            );
            for lengths in [notes, accounts, activity, transactions] {
                assert!(lengths.iter().all(|length| *length > 0), "{lengths:?}");
            }
        }
    }
}

/// The clientIds of those that a search finds.
async fn found(api: &Api, query: &str) -> Vec<String> {
    let page = api.call("GET", &format!("/clients?{query}"), &Value::Null).await.json();
    let clients = page["clients"].as_array().expect("clients");
    clients.iter().map(|client| client["clientId"].as_str().expect("an id").to_owned()).collect()
}

/// The search for this word, as a query string.
fn query(word: &str) -> String {
    let encoded: String = word.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("query={encoded}")
}

/// People whose names and addresses are not of ASCII, each with words that find them alone.
const ABROAD: [(&str, &str, &str, &[&str]); 4] = [
    (
        "1",
        "ivan@example.com",
        "\u{418}\u{432}\u{430}\u{43d}",
        &[
            "\u{418}\u{432}\u{430}\u{43d}",
            "\u{438}\u{432}\u{430}\u{43d}",
            "\u{418}\u{412}\u{410}\u{41d}",
            "\u{412}\u{410}",
        ],
    ),
    ("2", "zoe@example.com", "Zo\u{eb}", &["Zo\u{eb}", "ZO\u{cb}", "zoe\u{308}"]),
    (
        "3",
        "ann@xn--bcher-kva.example",
        "Ann",
        &["ann@xn--bcher-kva.example", "ANN@b\u{fc}cher.example", "ann@B\u{dc}CHER.example"],
    ),
    (
        "4",
        "bob@m\u{fc}nchen.example",
        "Nikos",
        &["bob@m\u{fc}nchen.example", "M\u{dc}NCHEN", "bob@xn--mnchen-3ya.example", "xn--mnchen-3ya"],
    ),
];

#[tokio::test]
async fn names_of_all_scripts_are_found_whatever_their_case() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let people = ABROAD.iter().zip(1..);
        let events: Vec<_> = people
            .map(|((id, email, name, _), n)| named(registered(n, Some(id), Some(email)), name))
            .collect();
        api.applies(&events).await;
        for (id, _, _, words) in ABROAD {
            for word in words {
                assert_eq!(found(&api, &query(word)).await, [id], "{word}");
            }
        }
        // A name that is not there any more finds nobody.
        api.applies(&[named(
            registered(9, Some("1"), Some("ivan@example.com")),
            "\u{41f}\u{451}\u{442}\u{440}",
        )])
        .await;
        assert_eq!(found(&api, &query("\u{418}\u{412}\u{410}\u{41d}")).await, Vec::<String>::new());
        assert_eq!(found(&api, &query("\u{41f}\u{401}\u{422}\u{420}")).await, ["1"]);
    }
}

#[tokio::test]
async fn records_from_before_are_made_searchable() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let many =
            (1..=450).map(|n| registered(n, Some(&format!("c{n}")), Some(&format!("c{n}@example.com"))));
        api.applies(&many.collect::<Vec<_>>()).await;
        api.applies(&[named(registered(500, Some("ivan"), None), "\u{418}\u{432}\u{430}\u{43d}")]).await;
        let before = "update clients set search = null";
        on.run(service_api::SCHEMA, before, before);
        let later = Api::start(&on, NOBODY).await;
        let unsearchable = "select client_id as text from clients where search is null";
        wait_for("all to be searchable", async || later.texts(unsearchable).await.is_empty()).await;
        assert_eq!(found(&later, &query("\u{438}\u{432}\u{430}\u{43d}")).await, ["ivan"]);
        assert_eq!(found(&later, "query=c450@").await, ["c450"]);
        assert_eq!(
            later.texts("select distinct cast(version as text) as text from clients").await,
            ["1"],
            "no change of a record"
        );
    }
}

#[tokio::test]
async fn clients_are_found_by_what_is_in_their_records() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        api.applies(&[
            named(registered(1, Some("A-1"), Some("ann.lee@example.com")), "Ann"),
            named(registered(2, Some("B_2"), Some("bob@example.com")), "Bob 100%"),
            named(registered(3, Some("C-3"), Some("zo\u{eb}@example.com")), "Zo\u{eb}"),
        ])
        .await;
        let found = async |query: &str| found(&api, query).await;
        assert_eq!(found("").await.len(), 3);
        assert_eq!(found("query=ANN").await, ["A-1"]);
        assert_eq!(found("query=ann+LEE").await, ["A-1"], "every word must be there");
        assert_eq!(found("query=ann+bob").await, Vec::<String>::new());
        assert_eq!(found("query=example.com").await.len(), 3);
        assert_eq!(found("query=100%25").await, ["B_2"], "a percent sign is only that");
        assert_eq!(found("query=b_").await, ["B_2"], "an underscore too");
        assert_eq!(found("query=zo%C3%AB%40").await, ["C-3"]);
        assert_eq!(found("query=%27+or+1%3D1--").await, Vec::<String>::new());

        let since = api.record("bob@example.com").await["updatedAt"].as_str().expect("a time").to_owned();
        assert_eq!(
            api.call("PATCH", "/clients/ann.lee@example.com/kyc", &json!({"kycStatus": "pending"}))
                .await
                .status,
            200
        );
        let latest = found("").await;
        assert_eq!(latest[0], "A-1", "latest change first");
        assert_eq!(found(&format!("updatedSince={since}")).await.len(), 3);
        let ann = api.record("ann.lee@example.com").await["updatedAt"].as_str().expect("a time").to_owned();
        assert_eq!(found(&format!("updatedSince={ann}")).await, ["A-1"]);
    }
}
