//! Accounts and transactions as they are answered, and conflicts as staff decide them.

use contract::internal::ApplyResult;
use serde_json::{Value, json};
use test_kit::database::{TestDatabase, both};

use crate::support::{Api, Asked, Ingest, registered, told};

const TRANSACTIONS: &str = "/clients/ann@example.com/transactions";

async fn api_with_ann(on: &TestDatabase) -> Api {
    let api = Api::start(on, &Ingest::start(Asked::None).await.url).await;
    api.applies(&[registered(1, Some("1001"), Some("ann@example.com"))]).await;
    api
}

fn ids(page: &Value) -> Vec<&str> {
    let transactions = page["transactions"].as_array().expect("transactions");
    transactions.iter().map(|one| one["transactionId"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn accounts_stand_with_their_subaccounts() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let none = api.call("GET", "/accounts/ann@example.com", &Value::Null).await;
        assert_eq!(none.json(), json!({"clientId": "1001", "email": "ann@example.com", "accounts": []}));
        let account = |second, data: Value| {
            let mut data = data;
            data["clientId"] = json!("1001");
            told(second, "account.updated", &data)
        };
        api.applies(&[
            account(2, json!({"accountId": "50", "server": "s1", "login": "50", "platform": "MT5", "type": "live", "group": "g", "name": "main", "currency": "eur", "leverage": "1:100", "balance": "-10.50", "equity": 0.30000000000000004, "status": "active", "createdAt": "2025-01-01T00:00:00Z"})),
            account(3, json!({"accountId": "51", "server": "s1", "parentAccountId": "50", "leverage": "unlimited"})),
            account(4, json!({"accountId": "60", "server": "s1", "parentAccountId": "nobody"})),
        ])
        .await;
        let answer = api.call("GET", "/accounts/Ann%40example.com/", &Value::Null).await.json();
        let main = &answer["accounts"][0];
        for (name, value) in [
            ("accountId", json!("50")),
            ("login", json!("50")),
            ("platform", json!("MT5")),
            ("server", json!("s1")),
            ("type", json!("live")),
            ("group", json!("g")),
            ("name", json!("main")),
            ("currency", json!("EUR")),
            ("leverage", json!(100)),
            ("leverageText", json!("1:100")),
            ("balance", json!("-10.5")),
            ("equity", json!("0.3")),
            ("credit", Value::Null),
            ("margin", Value::Null),
            ("freeMargin", Value::Null),
            ("marginLevel", Value::Null),
            ("status", json!("active")),
            ("createdAt", json!("2025-01-01T00:00:00.000000Z")),
        ] {
            assert_eq!(main[name], value, "{name}");
        }
        assert!(main.get("parentAccountId").is_none() && main["updatedAt"].is_string());
        let sub = &main["subaccounts"][0];
        assert_eq!((&sub["accountId"], &sub["parentAccountId"]), (&json!("51"), &json!("50")));
        assert_eq!((&sub["leverage"], &sub["leverageText"]), (&Value::Null, &json!("unlimited")));
        assert!(sub.get("subaccounts").is_none(), "one level");
        assert_eq!(answer["accounts"][1]["accountId"], "60", "an orphan stands at the top");
        assert_eq!(answer["warnings"][0]["pointer"], "/accounts/1/parentAccountId");
        let by_staff = api.as_staff("support", "GET", "/api/clients/1001/accounts", &Value::Null).await;
        assert_eq!(by_staff.json(), answer);
    }
}

#[tokio::test]
async fn transactions_come_with_what_they_come_to() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let nines = "99999999999999999999.999999999999999999";
        let deposit = |second, data: Value| told(second, "deposit.completed", &data);
        api.applies(&[
            deposit(2, json!({"clientId": "1001", "transactionId": "d1", "amount": "100.10", "currency": "USD", "fundType": "real", "method": "card", "fee": "1", "externalId": "x", "completedAt": "2025-10-01T00:00:00Z"})),
            deposit(3, json!({"email": "ANN@example.com", "transactionId": "d2", "amount": 0.2, "currency": "USD", "fundType": "real"})),
            told(4, "withdrawal.completed", &json!({"clientId": "1001", "transactionId": "w1", "amount": "200.3", "currency": "USD", "fundType": "real", "reason": "asked"})),
            deposit(5, json!({"clientId": "1001", "transactionId": "d3", "amount": "5", "accountId": "50"})),
            deposit(6, json!({"clientId": "1001", "transactionId": "d4", "amount": nines, "currency": "BTC"})),
            deposit(7, json!({"clientId": "1001", "transactionId": "d5", "amount": nines, "currency": "BTC"})),
        ])
        .await;
        let page = api.call("GET", TRANSACTIONS, &Value::Null).await.json();
        assert_eq!(ids(&page), ["d5", "d4", "d3", "w1", "d2", "d1"], "newest first");
        let first = &page["transactions"][5];
        for (name, value) in [
            ("type", json!("deposit")),
            ("state", json!("completed")),
            ("amount", json!("100.1")),
            ("currency", json!("USD")),
            ("currencyAssumed", json!(false)),
            ("fundType", json!("real")),
            ("method", json!("card")),
            ("fee", json!("1")),
            ("externalId", json!("x")),
            ("reason", Value::Null),
            ("completedAt", json!("2025-10-01T00:00:00.000000Z")),
        ] {
            assert_eq!(first[name], value, "{name}");
        }
        let assumed = |page: &Value| {
            (page["transactions"][2]["currency"].clone(), page["transactions"][2]["currencyAssumed"].clone())
        };
        assert_eq!(assumed(&page), (json!("USD"), json!(true)), "nobody says: the default");
        assert_eq!(
            page["totals"],
            json!([
                {"currency": "BTC", "fundType": null, "deposits": "199999999999999999999.999999999999999998", "withdrawals": "0", "net": "199999999999999999999.999999999999999998"},
                {"currency": "USD", "fundType": null, "deposits": "5", "withdrawals": "0", "net": "5"},
                {"currency": "USD", "fundType": "real", "deposits": "100.3", "withdrawals": "200.3", "net": "-100"},
            ])
        );
        // An account that is told of later says in which currency it was.
        api.applies(&[told(
            8,
            "account.updated",
            &json!({"clientId": "1001", "accountId": "50", "currency": "EUR"}),
        )])
        .await;
        let page = api.call("GET", TRANSACTIONS, &Value::Null).await.json();
        assert_eq!(assumed(&page), (json!("EUR"), json!(true)));
        let first = api.call("GET", &format!("{TRANSACTIONS}?limit=4"), &Value::Null).await.json();
        let cursor = first["nextCursor"].as_str().expect("a cursor");
        let second =
            api.call("GET", &format!("{TRANSACTIONS}?limit=4&cursor={cursor}"), &Value::Null).await.json();
        assert_eq!((ids(&first).len(), ids(&second)), (4, vec!["d2", "d1"]));
        assert_eq!(second["totals"], page["totals"], "of all, not of the page");
    }
}

#[tokio::test]
async fn w9b_facts_in_conflict_count_nowhere_until_an_admin_decides() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let deposit = |second, amount: &str| {
            told(
                second,
                "deposit.completed",
                &json!({"clientId": "1001", "transactionId": "7", "amount": amount, "currency": "USD"}),
            )
        };
        api.applies(&[
            deposit(2, "100"),
            told(
                3,
                "withdrawal.completed",
                &json!({"clientId": "1001", "transactionId": "7", "amount": "1", "currency": "USD"}),
            ),
        ])
        .await;
        assert_eq!(api.apply(&[deposit(4, "1000")]).await[0].0, ApplyResult::Conflict);
        let page = api.call("GET", TRANSACTIONS, &Value::Null).await.json();
        let states: Vec<_> = page["transactions"]
            .as_array()
            .expect("some")
            .iter()
            .map(|one| (one["amount"].as_str().expect("text"), one["state"].as_str().expect("a word")))
            .collect();
        assert_eq!(states, [("1000", "conflict"), ("1", "completed"), ("100", "conflict")]);
        let total = |page: &Value| (page["totals"][0]["deposits"].clone(), page["totals"][0]["net"].clone());
        assert_eq!(total(&page), (json!("0"), json!("-1")));

        let id = |index: usize| page["transactions"][index]["id"].as_str().expect("an id").to_owned();
        let accept = async |role: &str, client: &str, id: &str| {
            api.as_staff(
                role,
                "POST",
                &format!("/api/clients/{client}/transactions/{id}/accept"),
                &Value::Null,
            )
            .await
        };
        let accepted = accept("admin", "1001", &id(0)).await;
        assert_eq!((accepted.status, &accepted.json()["state"]), (200, &json!("completed")), "{accepted:?}");
        accept("admin", "1001", &id(2)).await.problem(409, "transaction_not_in_conflict");
        let page = api.call("GET", TRANSACTIONS, &Value::Null).await.json();
        assert_eq!(
            (&page["transactions"][0]["state"], &page["transactions"][2]["state"]),
            (&json!("completed"), &json!("rejected"))
        );
        assert_eq!(total(&page), (json!("1000"), json!("999")));
        let told = api
            .call("GET", "/clients/ann@example.com/activity?type=transaction.decided", &Value::Null)
            .await
            .json();
        assert_eq!(told["activities"].as_array().map(Vec::len), Some(1));
        assert_eq!(told["activities"][0]["metadata"]["accepted"], json!(id(0)));
        let entries = api.entries("transaction.accept", 2).await;
        assert!(entries.iter().any(|entry| entry["outcome"] == "success" && entry["details"]["transaction"] == json!(id(0))), "{entries:?}");
    }
}

#[tokio::test]
async fn only_an_admin_decides_and_only_what_is_in_conflict() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let deposit = |second, id: &str, amount: &str| {
            told(
                second,
                "deposit.completed",
                &json!({"clientId": "1001", "transactionId": id, "amount": amount, "currency": "USD"}),
            )
        };
        api.applies(&[deposit(2, "7", "100"), deposit(3, "8", "1")]).await;
        assert_eq!(api.apply(&[deposit(4, "7", "1000")]).await[0].0, ApplyResult::Conflict);
        let page = api.call("GET", TRANSACTIONS, &Value::Null).await.json();
        let id = |index: usize| page["transactions"][index]["id"].as_str().expect("an id").to_owned();
        let accept = async |role: &str, client: &str, id: &str| {
            let path = format!("/api/clients/{client}/transactions/{id}/accept");
            api.as_staff(role, "POST", &path, &Value::Null).await
        };
        for role in ["compliance", "support", "auditor"] {
            accept(role, "1001", &id(0)).await.problem(403, "permission_denied");
        }
        api.applies(&[registered(9, Some("1002"), Some("bob@example.com"))]).await;
        accept("admin", "1002", &id(0)).await.problem(404, "transaction_not_found");
        accept("admin", "nobody", &id(0)).await.problem(404, "client_not_found");
        for nothing in ["tx_", "7", "tx_00000000000000000000000000", "%FF"] {
            accept("admin", "1001", nothing).await.problem(404, "transaction_not_found");
        }
        accept("admin", "1001", &id(1)).await.problem(409, "transaction_not_in_conflict");
        let after = api.call("GET", TRANSACTIONS, &Value::Null).await.json();
        assert_eq!(after, page, "nothing changed");
    }
}

#[tokio::test]
async fn a_conflict_over_whose_it_is_is_told_to_both() {
    for on in both() {
        let api = api_with_ann(&on).await;
        api.applies(&[registered(2, Some("1002"), Some("bob@example.com"))]).await;
        let deposit = |second, client: &str| {
            told(
                second,
                "deposit.completed",
                &json!({"clientId": client, "transactionId": "7", "amount": "5", "currency": "USD"}),
            )
        };
        api.applies(&[deposit(3, "1001")]).await;
        assert_eq!(api.apply(&[deposit(4, "1002")]).await[0].0, ApplyResult::Conflict);
        let page = async |who: &str| {
            api.call("GET", &format!("/clients/{who}@example.com/transactions"), &Value::Null).await.json()
        };
        assert_eq!((&page("ann").await["totals"], &page("bob").await["totals"]), (&json!([]), &json!([])));
        let bobs = page("bob").await["transactions"][0]["id"].as_str().expect("an id").to_owned();
        let accepted = api
            .as_staff("admin", "POST", &format!("/api/clients/1002/transactions/{bobs}/accept"), &Value::Null)
            .await;
        assert_eq!(accepted.status, 200, "{accepted:?}");
        assert_eq!(page("ann").await["transactions"][0]["state"], "rejected");
        assert_eq!(page("bob").await["totals"][0]["net"], "5");
        for who in ["ann", "bob"] {
            let told = api
                .call(
                    "GET",
                    &format!("/clients/{who}@example.com/activity?type=transaction.decided"),
                    &Value::Null,
                )
                .await
                .json();
            assert_eq!(told["activities"].as_array().map(Vec::len), Some(1), "{who}");
        }
    }
}
