//! W9b: facts that contradict each other, or look as if they did.

use contract::internal::{ApplyEvent, ApplyResult};
use serde_json::{Value, json};
use test_kit::database::both;

use crate::support::{Api, NOBODY, registered, told};

fn conflict(reason: &str) -> (ApplyResult, Option<String>) {
    (ApplyResult::Conflict, Some(reason.to_owned()))
}

fn deposit(second: i64, client: &str, amount: &str) -> ApplyEvent {
    let data = json!({"clientId": client, "transactionId": "1001", "amount": amount, "currency": "USD"});
    told(second, "deposit.completed", &data)
}

fn account(second: i64, client: &str, data: Value) -> ApplyEvent {
    let mut data = data;
    data["clientId"] = json!(client);
    told(second, "account.updated", &data)
}

/// Ann 1001 and Bob 1002.
async fn api_with_two(on: &test_kit::database::TestDatabase) -> Api {
    let api = Api::start(on, NOBODY).await;
    api.applies(&[
        registered(1, Some("1001"), Some("ann@example.com")),
        registered(1, Some("1002"), Some("bob@example.com")),
    ])
    .await;
    api
}

async fn page(api: &Api, path: &str) -> Value {
    let answer = api.call("GET", path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

/// Amount and state of each of Ann's transactions, newest first.
async fn transactions(api: &Api) -> Vec<(String, String)> {
    let page = page(api, "/clients/ann@example.com/transactions").await;
    let word = |one: &Value, name: &str| one[name].as_str().expect("a text").to_owned();
    let list = page["transactions"].as_array().expect("a list").iter();
    list.map(|one| (word(one, "amount"), word(one, "state"))).collect()
}

/// The types of a client's activities, newest first.
async fn activities(api: &Api, who: &str) -> Vec<String> {
    let page = page(api, &format!("/clients/{who}@example.com/activity")).await;
    let list = page["activities"].as_array().expect("a list").iter();
    list.map(|one| one["type"].as_str().expect("a type").to_owned()).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}

#[tokio::test]
async fn w9b_two_amounts_under_one_key_are_two_rows_however_often_they_are_told() {
    for on in both() {
        let api = api_with_two(&on).await;
        let (first, second) = (deposit(2, "1001", "100"), deposit(3, "1001", "1000"));
        api.applies(std::slice::from_ref(&first)).await;
        assert_eq!(api.apply(std::slice::from_ref(&second)).await, [conflict("transaction_conflict")]);
        assert_eq!(api.apply(&[second, first]).await[0], conflict("transaction_conflict"), "the same event");
        let again = api.apply(&[deposit(4, "1001", "100.00"), deposit(5, "1001", "1e3")]).await;
        assert_eq!(again, [conflict("transaction_conflict"), conflict("transaction_conflict")]);
        let both = pairs(&[("1000", "conflict"), ("100", "conflict")]);
        assert_eq!(transactions(&api).await, both);
        assert_eq!(page(&api, "/clients/ann@example.com/transactions").await["totals"], json!([]));
        assert_eq!(
            activities(&api, "ann").await,
            ["deposit.completed", "deposit.completed", "client.registered"],
            "repeats tell nothing"
        );
        let all = page(&api, "/clients/ann@example.com/activity?limit=1").await;
        assert_eq!(all["activities"][0]["metadata"]["conflict"], true);

        let withdrawal =
            json!({"clientId": "1001", "transactionId": "1001", "amount": "7", "currency": "USD"});
        api.applies(&[told(6, "withdrawal.completed", &withdrawal)]).await;
        assert_eq!(transactions(&api).await[0], ("7".to_owned(), "completed".to_owned()), "another key");
        // All of it in one batch ends the same.
        let other = |second, amount: &str| {
            let data = json!({"clientId": "1001", "transactionId": "b", "amount": amount, "currency": "USD"});
            told(second, "deposit.completed", &data)
        };
        let verdicts = api.apply(&[other(7, "1"), other(8, "2"), other(9, "1"), other(10, "3")]).await;
        let states: Vec<_> = verdicts.iter().map(|(result, _)| *result).collect();
        let contradicts = ApplyResult::Conflict;
        assert_eq!(states, [ApplyResult::Applied, contradicts, contradicts, contradicts]);
        let newest: Vec<_> = transactions(&api).await.into_iter().take(3).collect();
        assert_eq!(newest, pairs(&[("3", "conflict"), ("2", "conflict"), ("1", "conflict")]));
    }
}

#[tokio::test]
async fn w9b_after_the_decision_only_new_facts_open_the_conflict_again() {
    for on in both() {
        let api = api_with_two(&on).await;
        api.apply(&[deposit(2, "1001", "100"), deposit(3, "1001", "1000")]).await;
        let listed = page(&api, "/clients/ann@example.com/transactions").await;
        let id = listed["transactions"][0]["id"].as_str().expect("an id").to_owned();
        let path = format!("/api/clients/1001/transactions/{id}/accept");
        assert_eq!(api.as_staff("admin", "POST", &path, &Value::Null).await.status, 200);
        let decided = pairs(&[("1000", "completed"), ("100", "rejected")]);
        assert_eq!(transactions(&api).await, decided);
        let told = activities(&api, "ann").await;

        api.apply(&[deposit(4, "1001", "1000"), deposit(5, "1001", "100")]).await;
        assert_eq!(transactions(&api).await, decided, "what is known decides nothing anew");
        assert_eq!(activities(&api, "ann").await, told, "and is no news");

        assert_eq!(api.apply(&[deposit(6, "1001", "5")]).await, [conflict("transaction_conflict")]);
        let open = pairs(&[("5", "conflict"), ("1000", "conflict"), ("100", "conflict")]);
        assert_eq!(transactions(&api).await, open);
        assert_eq!(activities(&api, "ann").await.len(), told.len() + 1);
    }
}

#[tokio::test]
async fn w9b_an_account_of_another_client_stays_as_it_is() {
    for on in both() {
        let api = api_with_two(&on).await;
        api.applies(&[account(2, "1001", json!({"accountId": "50", "server": "s1", "balance": "10"}))]).await;
        let look = async || {
            let accounts = [
                page(&api, "/accounts/ann@example.com").await,
                page(&api, "/accounts/bob@example.com").await,
            ];
            (accounts, api.record("bob@example.com").await, activities(&api, "bob").await)
        };
        let before = look().await;
        let of_bob = json!({"accountId": "50", "server": "s1", "balance": "99", "firstName": "Bob"});
        let theft = account(3, "1002", of_bob);
        for _ in 0..2 {
            let verdict = api.apply(std::slice::from_ref(&theft)).await;
            assert_eq!(verdict, [conflict("account_of_another_client")]);
            assert_eq!(look().await, before);
        }
        // First and second of one batch, and beside events that are as they should be.
        let batch = [
            account(4, "1002", json!({"accountId": "60", "server": "s1", "balance": "6"})),
            account(5, "1001", json!({"accountId": "60", "server": "s1", "balance": "9"})),
            account(6, "1001", json!({"accountId": "50", "server": "s1", "balance": "11"})),
        ];
        let applied = (ApplyResult::Applied, None);
        let expected = [applied.clone(), conflict("account_of_another_client"), applied];
        assert_eq!(api.apply(&batch).await, expected);
        let balance = async |who: &str| {
            let accounts = page(&api, &format!("/accounts/{who}@example.com")).await["accounts"].clone();
            assert_eq!(accounts.as_array().map(Vec::len), Some(1), "{accounts}");
            accounts[0]["balance"].clone()
        };
        assert_eq!((balance("ann").await, balance("bob").await), (json!("11"), json!("6")));
        let entries = api.entries("event.apply", 7).await;
        let in_conflict = entries.iter().filter(|entry| entry["details"]["result"] == "conflict");
        assert_eq!(in_conflict.count(), 2, "each stands on the trail");
    }
}

#[tokio::test]
async fn w9b_what_only_looks_the_same_is_not() {
    for on in both() {
        let api = api_with_two(&on).await;
        api.applies(&[
            account(2, "1001", json!({"accountId": "50", "login": "50", "server": "s1", "balance": "1"})),
            account(3, "1001", json!({"accountId": "50", "login": "50", "server": "s2", "balance": "2"})),
            account(4, "1002", json!({"accountId": "50", "login": "50", "server": "s3", "balance": "3"})),
        ])
        .await;
        let accounts = page(&api, "/accounts/ann@example.com").await["accounts"].clone();
        let of = |index: usize| (accounts[index]["server"].clone(), accounts[index]["balance"].clone());
        assert_eq!((of(0), of(1)), ((json!("s1"), json!("1")), (json!("s2"), json!("2"))));
        assert_eq!(accounts.as_array().map(Vec::len), Some(2));
        // The same keys from another platform are other keys.
        let mut elsewhere = deposit(5, "1001", "5");
        elsewhere.source = "second".to_owned();
        api.applies(&[deposit(6, "1001", "6"), elsewhere]).await;
        assert_eq!(transactions(&api).await, pairs(&[("6", "completed")]));

        api.applies(&[registered(7, Some("1003"), Some("ANN@example.com"))]).await;
        let ann = api.record("ann@example.com").await;
        assert_eq!((&ann["clientId"], &ann["otherClientIds"]), (&json!("1001"), &json!(["1003"])));
        let other = api.as_staff("support", "GET", "/api/clients/1003", &Value::Null).await.json();
        assert_eq!((&other["clientId"], &other["otherClientIds"]), (&json!("1003"), &json!(["1001"])));
    }
}

/// What became of an event, as a replay of it is answered.
async fn replayed(api: &Api, event: &ApplyEvent) -> (ApplyResult, Option<String>) {
    api.apply(std::slice::from_ref(event)).await.remove(0)
}

#[tokio::test]
async fn an_event_in_conflict_that_comes_again_is_answered_as_staff_decided() {
    for on in both() {
        let api = api_with_two(&on).await;
        let [first, second, third] =
            [(2, "100"), (3, "1000"), (4, "7")].map(|(at, amount)| deposit(at, "1001", amount));
        api.applies(std::slice::from_ref(&first)).await;
        for event in [&second, &third, &second, &third] {
            assert_eq!(replayed(&api, event).await, conflict("transaction_conflict"));
        }
        let listed = page(&api, "/clients/ann@example.com/transactions").await;
        let of_second = &listed["transactions"][1];
        assert_eq!(of_second["amount"], "1000");
        let path =
            format!("/api/clients/1001/transactions/{}/accept", of_second["id"].as_str().expect("an id"));
        assert_eq!(api.as_staff("admin", "POST", &path, &Value::Null).await.status, 200);
        let decided = (transactions(&api).await, activities(&api, "ann").await);

        // Told again since in all it says: the older one still stands.
        api.applies(&[deposit(9, "1001", "1000")]).await;
        assert_eq!(
            api.apply(&[second.clone(), third.clone(), second.clone()]).await,
            [
                (ApplyResult::Applied, None),
                (ApplyResult::Superseded, Some("rejected_by_staff".to_owned())),
                (ApplyResult::AlreadyApplied, None),
            ]
        );
        assert_eq!(replayed(&api, &second).await, (ApplyResult::AlreadyApplied, None));
        assert_eq!(replayed(&api, &third).await.0, ApplyResult::Superseded);
        assert_eq!((transactions(&api).await, activities(&api, "ann").await), decided, "no second effect");
        let entries = api.entries("event.apply", 8).await;
        let of = |event: &ApplyEvent| -> Vec<(Value, Value)> {
            let of_event =
                entries.iter().filter(|entry| entry["details"]["eventId"] == json!(event.event_id));
            of_event.map(|entry| (entry["details"]["result"].clone(), entry["reason"].clone())).collect()
        };
        let in_conflict = (json!("conflict"), json!("transaction_conflict"));
        assert_eq!(
            of(&second),
            [in_conflict.clone(), (json!("applied"), Value::Null)],
            "one for each verdict"
        );
        assert_eq!(of(&third), [in_conflict, (json!("superseded"), json!("rejected_by_staff"))]);

        // New facts open it again, and with it what had been rejected.
        api.apply(&[deposit(10, "1001", "5")]).await;
        assert_eq!(replayed(&api, &third).await, conflict("transaction_conflict"));
    }
}
