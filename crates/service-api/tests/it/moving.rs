//! Staff give an account to another client, which closes a conflict over it.

use contract::internal::{ApplyEvent, ApplyResult};
use serde_json::{Value, json};
use test_kit::database::{TestDatabase, both};

use crate::http::Answer;
use crate::support::{Api, Asked, Ingest, NOBODY, registered, told};

/// Ann 1001 with accounts 50 and, as a part of it, 51; and Bob 1002.
async fn api_with_two(on: &TestDatabase) -> Api {
    let api = Api::start(on, &Ingest::start(Asked::None).await.url).await;
    api.applies(&[
        registered(1, Some("1001"), Some("ann@example.com")),
        registered(1, Some("1002"), Some("bob@example.com")),
        account(2, "1001", json!({"accountId": "50", "server": "s1", "balance": "10"})),
        account(3, "1001", json!({"accountId": "51", "server": "s1", "parentAccountId": "50"})),
        account(4, "1001", json!({"accountId": "60", "server": "s1", "balance": "6"})),
    ])
    .await;
    api
}

fn account(second: i64, client: &str, mut data: Value) -> ApplyEvent {
    data["clientId"] = json!(client);
    told(second, "account.updated", &data)
}

async fn move_to(api: &Api, role: &str, path: &str, body: &Value) -> Answer {
    api.as_staff(role, "POST", &format!("/api/clients/{path}/move"), body).await
}

/// The names of a client's accounts, each with those of its parts.
async fn accounts(api: &Api, who: &str) -> Vec<(String, Vec<String>)> {
    let answer = api.call("GET", &format!("/accounts/{who}@example.com"), &Value::Null).await.json();
    let id = |one: &Value| one["accountId"].as_str().expect("an id").to_owned();
    let trees = answer["accounts"].as_array().expect("a list").iter();
    trees
        .map(|one| (id(one), one["subaccounts"].as_array().expect("a list").iter().map(id).collect()))
        .collect()
}

fn named(accounts: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    accounts.iter().map(|(id, parts)| ((*id).to_owned(), owned(parts))).collect()
}

async fn moves(api: &Api, who: &str) -> Vec<Value> {
    let path = format!("/clients/{who}@example.com/activity?type=account.moved");
    let page = api.call("GET", &path, &Value::Null).await.json();
    page["activities"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_moved_account_is_the_other_clients_and_the_event_in_conflict_is_applied() {
    for on in both() {
        let api = api_with_two(&on).await;
        let of_bob = account(
            5,
            "1002",
            json!({"accountId": "50", "server": "s1", "balance": "99", "firstName": "Bob"}),
        );
        for _ in 0..2 {
            let verdict = api.apply(std::slice::from_ref(&of_bob)).await;
            assert_eq!(verdict, [(ApplyResult::Conflict, Some("account_of_another_client".to_owned()))]);
        }
        let asked = json!({"clientId": "1002", "reason": "sold"});
        let answer = move_to(&api, "admin", "1001/accounts/50", &asked).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            (&answer.json()["clientId"], &answer.json()["accounts"][0]["balance"]),
            (&json!("1002"), &json!("10"))
        );
        assert_eq!(accounts(&api, "ann").await, named(&[("60", &[])]));
        assert_eq!(accounts(&api, "bob").await, named(&[("50", &["51"])]));

        assert_eq!(api.apply(std::slice::from_ref(&of_bob)).await, [(ApplyResult::Applied, None)]);
        assert_eq!(api.apply(std::slice::from_ref(&of_bob)).await, [(ApplyResult::AlreadyApplied, None)]);
        let answer = api.call("GET", "/accounts/bob@example.com", &Value::Null).await.json();
        assert_eq!(answer["accounts"][0]["balance"], "99");
        assert_eq!(api.record("bob@example.com").await["firstName"], "Bob");
        // It is another's now for who had it.
        let of_ann = account(6, "1001", json!({"accountId": "50", "server": "s1", "balance": "1"}));
        assert_eq!(api.apply(&[of_ann]).await[0].0, ApplyResult::Conflict);

        let (anns, bobs) = (moves(&api, "ann").await, moves(&api, "bob").await);
        assert_eq!((anns.len(), bobs.len()), (1, 1));
        let (ann, bob) = (api.record("ann@example.com").await, api.record("bob@example.com").await);
        let expected = json!({"accountId": "50", "subaccounts": ["51"], "from": ann["id"], "to": bob["id"], "reason": "sold"});
        assert_eq!((&anns[0]["metadata"], &bobs[0]["metadata"]), (&expected, &expected));
        assert_ne!(anns[0]["description"], bobs[0]["description"]);
        let entry = &api.entries("account.move", 1).await[0];
        assert_eq!((&entry["category"], &entry["outcome"]), (&json!("staff"), &json!("success")));
        assert_eq!(entry["target"]["id"], ann["id"]);
        assert_eq!((&entry["details"]["to"], &entry["details"]["result"]), (&bob["id"], &json!("changed")));
        let of_event = api.entries("event.apply", 8).await.into_iter();
        let results: Vec<Value> = of_event
            .filter(|entry| entry["details"]["eventId"] == json!(of_bob.event_id))
            .map(|entry| entry["details"]["result"].clone())
            .collect();
        assert_eq!(results, ["conflict", "applied"]);
    }
}

#[tokio::test]
async fn a_move_that_was_made_is_answered_the_same_again() {
    for on in both() {
        let api = api_with_two(&on).await;
        let bob = api.record("bob@example.com").await["id"].clone();
        let first = move_to(&api, "admin", "1001/accounts/50", &json!({"clientId": bob})).await;
        let again = move_to(&api, "admin", "1001/accounts/50", &json!({"clientId": "1002", "more": 1})).await;
        let there =
            move_to(&api, "admin", "1002/accounts/50", &json!({"clientId": "1002", "server": "s1"})).await;
        assert_eq!((first.status, again.status, there.status), (200, 200, 200), "{again:?} {there:?}");
        assert_eq!(first.json(), again.json());
        assert_eq!(first.json(), there.json());
        assert_eq!((moves(&api, "ann").await.len(), moves(&api, "bob").await.len()), (1, 1));
        let entries = api.entries("account.move", 3).await;
        let results: Vec<&Value> = entries.iter().map(|entry| &entry["details"]["result"]).collect();
        assert_eq!(results, ["changed", "unchanged", "unchanged"]);
    }
}

#[tokio::test]
async fn only_an_admin_moves_and_only_what_is_there_to_whom_is_there() {
    for on in both() {
        let api = api_with_two(&on).await;
        let mut elsewhere = registered(5, Some("2001"), Some("eve@example.com"));
        elsewhere.source = "second".to_owned();
        let mut namesake = registered(6, Some("1002"), Some("bob@example.org"));
        namesake.source = "second".to_owned();
        api.applies(&[elsewhere, account(7, "1001", json!({"accountId": "60", "server": "s2"}))]).await;
        let to_bob = json!({"clientId": "1002"});
        for role in ["compliance", "support", "auditor"] {
            move_to(&api, role, "1001/accounts/50", &to_bob).await.problem(403, "permission_denied");
        }
        move_to(&api, "admin", "nobody/accounts/50", &to_bob).await.problem(404, "client_not_found");
        for nothing in ["7", "%FF", "default"] {
            let path = format!("1001/accounts/{nothing}");
            let answer = move_to(&api, "admin", &path, &to_bob).await;
            assert_eq!(answer.status, 404, "{nothing}: {answer:?}");
        }
        move_to(&api, "admin", "1001/accounts/7", &to_bob).await.problem(404, "account_not_found");
        for (path, body, pointer, code) in [
            ("1001/accounts/50", json!({}), "/clientId", "missing"),
            ("1001/accounts/50", json!({"clientId": 1002}), "/clientId", "not_a_text"),
            ("1001/accounts/50", json!({"clientId": "nobody"}), "/clientId", "unknown_client"),
            ("1001/accounts/50", json!({"clientId": "2001"}), "/clientId", "other_source"),
            ("1001/accounts/50", json!({"clientId": "1002", "reason": 5}), "/reason", "not_a_text"),
            ("1001/accounts/60", to_bob.clone(), "/server", "missing"),
        ] {
            let answer = move_to(&api, "admin", path, &body).await;
            answer.problem(422, "invalid_body");
            let fault = &answer.json()["errors"][0];
            assert_eq!((&fault["pointer"], &fault["code"]), (&json!(pointer), &json!(code)), "{answer:?}");
        }
        api.applies(&[namesake]).await;
        move_to(&api, "admin", "1001/accounts/50", &to_bob).await.problem(409, "client_ambiguous");
        assert_eq!(accounts(&api, "ann").await, named(&[("50", &["51"]), ("60", &[]), ("60", &[])]));
        let of_server = json!({"clientId": api.record("bob@example.com").await["id"], "server": "s2"});
        assert_eq!(move_to(&api, "admin", "1001/accounts/60", &of_server).await.status, 200);
        assert_eq!(accounts(&api, "ann").await, named(&[("50", &["51"]), ("60", &[])]));
    }
}

/// What was told by address alone is whose who tells of it by clientId, though nobody says that they are one person.
#[tokio::test]
async fn client_id_decides_over_address_whose_something_is() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let event = |second, named: Value, event_type: &str, data: Value| {
            let mut data = data;
            data.as_object_mut().expect("an object").extend(named.as_object().expect("an object").clone());
            told(second, event_type, &data)
        };
        let ways = [json!({"email": "ann@example.com"}), json!({"clientId": "1001"})];
        api.applies(&[registered(1, Some("1001"), Some("other@example.com"))]).await;
        for (key, order) in [("a", [0, 1]), ("b", [1, 0])] {
            for way in order {
                let money = json!({"transactionId": key, "amount": 5, "currency": "USD"});
                let account = json!({"accountId": key, "balance": 1});
                api.applies(&[
                    event(3, ways[way].clone(), "deposit.completed", money),
                    event(4, ways[way].clone(), "account.updated", account),
                ])
                .await;
            }
        }
        assert_eq!(accounts(&api, "other").await, named(&[("a", &[]), ("b", &[])]));
        assert_eq!(accounts(&api, "ann").await, named(&[]));
        let total = async |who: &str| {
            let path = format!("/clients/{who}@example.com/transactions");
            api.call("GET", &path, &Value::Null).await.json()["totals"].clone()
        };
        assert_eq!((total("other").await[0]["net"].clone(), total("ann").await), (json!("10"), json!([])));
    }
}
