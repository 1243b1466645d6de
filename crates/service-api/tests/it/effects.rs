//! W11: the newer statement stands, whichever comes last; and what is told of effects as activities.

use contract::internal::{ApplyEvent, ApplyResult};
use serde_json::{Value, json};
use test_kit::database::{TestDatabase, both};

use crate::support::{Api, NOBODY, at, told};

fn of_ann(second: i64, event_type: &str, data: Value) -> ApplyEvent {
    let mut data = data;
    data["clientId"] = json!("1001");
    told(second, event_type, &data)
}

async fn api_with_ann(on: &TestDatabase) -> Api {
    let api = Api::start(on, NOBODY).await;
    let data = json!({"email": "ann@example.com", "firstName": "Ann"});
    api.applies(&[of_ann(1, "client.registered", data)]).await;
    api
}

/// Ann's activities, oldest first.
async fn activities(api: &Api) -> Vec<Value> {
    let page = api.call("GET", "/clients/ann@example.com/activity", &Value::Null).await.json();
    let mut list = page["activities"].as_array().expect("a list").clone();
    list.reverse();
    list
}

const SUPERSEDED: (ApplyResult, Option<String>) = (ApplyResult::Superseded, None);

#[tokio::test]
async fn w11_the_older_of_two_events_arrives_last_and_changes_nothing() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let look = async || {
            let accounts = api.call("GET", "/accounts/ann@example.com", &Value::Null).await.json();
            (api.record("ann@example.com").await, accounts, activities(&api).await)
        };
        let newer = [
            of_ann(9, "kyc.updated", json!({"kycStatus": "approved", "kycNotes": "passport"})),
            of_ann(
                9,
                "account.updated",
                json!({"accountId": "50", "balance": "9", "phone": "+9", "leverage": 100}),
            ),
        ];
        api.applies(&newer).await;
        let before = look().await;
        let kyc = |record: &Value| (record["kycStatus"].clone(), record["kycNotes"].clone());
        assert_eq!(kyc(&before.0), (json!("approved"), json!("passport")));
        assert_eq!((&before.0["kycUpdatedAt"], &before.0["phone"]), (&json!(at(9)), &json!("+9")));
        let older = [
            of_ann(5, "kyc.updated", json!({"kycStatus": "rejected"})),
            of_ann(5, "account.updated", json!({"accountId": "50", "balance": "5", "phone": "+5"})),
            of_ann(5, "client.registered", json!({"email": "ann@example.com", "phone": "+0"})),
        ];
        let verdicts = api.apply(&older).await;
        assert_eq!(verdicts[..2], [SUPERSEDED, SUPERSEDED]);
        assert_eq!(verdicts[2].0, ApplyResult::Applied, "it states an address that had been stated earlier");
        assert_eq!(look().await, before, "neither records nor versions nor activities");
        assert_eq!(api.apply(&older[..2]).await, [SUPERSEDED, SUPERSEDED], "said again, it is so still");

        // Field by field: what nothing newer was said of, stands.
        let partly = of_ann(6, "account.updated", json!({"accountId": "50", "balance": "6", "equity": "66"}));
        api.applies(&[partly]).await;
        let (record, accounts, told) = look().await;
        let account = &accounts["accounts"][0];
        assert_eq!(
            (&account["balance"], &account["equity"], &account["leverage"]),
            (&json!("9"), &json!("66"), &json!(100))
        );
        assert_eq!(record, before.0);
        assert_eq!(told.last().expect("one more")["metadata"]["changed"], json!(["equity"]));
        // The notes go with the status: a newer check without any has none.
        api.applies(&[of_ann(10, "kyc.updated", json!({"kycStatus": "expired"}))]).await;
        assert_eq!(kyc(&api.record("ann@example.com").await), (json!("expired"), Value::Null));
    }
}

/// One of everything, and some of it overtaken before it comes.
fn busy_day() -> Vec<ApplyEvent> {
    vec![
        of_ann(
            9,
            "deposit.completed",
            json!({"transactionId": "d", "amount": "10.50", "currency": "EUR", "accountId": "50"}),
        ),
        of_ann(8, "withdrawal.completed", json!({"amount": 2})),
        of_ann(7, "kyc.updated", json!({"kycStatus": "pending"})),
        of_ann(3, "kyc.updated", json!({"kycStatus": "rejected"})),
        of_ann(7, "account.updated", json!({"accountId": "50", "balance": "1", "phone": "+1"})),
        of_ann(8, "account.updated", json!({"accountId": "50", "balance": "2"})),
        of_ann(9, "account.updated", json!({"accountId": "50", "balance": "2"})),
        of_ann(9, "kyc.updated", json!({"kycStatus": "approved", "kycNotes": "passport"})),
        of_ann(10, "deposit.completed", json!({"transactionId": "d", "amount": "10.5", "method": "card"})),
        of_ann(10, "client.registered", json!({"lastName": "Lee"})),
    ]
}

#[tokio::test]
async fn w11_every_effect_is_told_in_the_order_of_application() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let batch = busy_day();
        api.apply(&batch).await;
        let told = activities(&api).await;
        let lines: Vec<(&str, &str)> = told
            .iter()
            .map(|one| (one["type"].as_str().expect("a type"), one["description"].as_str().expect("a text")))
            .collect();
        let expected = [
            ("client.registered", "Client registered"),
            ("deposit.completed", "Deposit of 10.5 EUR completed"),
            ("withdrawal.completed", "Withdrawal of 2 completed"),
            ("kyc.changed", "KYC status changed from not_started to pending"),
            ("account.changed", "Account 50 recorded"),
            ("client.changed", "Profile changed: phone"),
            ("account.changed", "Account 50 changed: balance"),
            ("kyc.changed", "KYC status changed from pending to approved"),
            ("deposit.completed", "Deposit of 10.5 was told again with more"),
            ("client.changed", "Profile changed: lastName"),
        ];
        assert_eq!(lines, expected);
        let times: Vec<_> = told.iter().map(|one| one["createdAt"].as_str().expect("a time")).collect();
        assert!(times.is_sorted(), "{times:?}");
        for (index, event) in [(1, &batch[0]), (3, &batch[2]), (6, &batch[5]), (7, &batch[7])] {
            let one = &told[index];
            assert_eq!(one["actor"], json!({"type": "platform", "id": "site"}));
            assert_eq!(one["metadata"]["eventId"], json!(event.event_id), "{index}");
            assert_eq!(one["metadata"]["effectiveAt"], json!(event.effective_at), "{index}");
        }
        for (index, name, value) in [
            (1, "transactionId", json!("d")),
            (1, "amount", json!("10.5")),
            (1, "currency", json!("EUR")),
            (1, "accountId", json!("50")),
            (1, "conflict", json!(false)),
            (2, "transactionId", Value::Null),
            (3, "from", json!("not_started")),
            (3, "to", json!("pending")),
            (3, "notes", Value::Null),
            (7, "notes", json!("passport")),
            (4, "accountId", json!("50")),
            (4, "new", json!(true)),
            (6, "new", json!(false)),
            (6, "changed", json!(["balance"])),
            (9, "changed", json!(["lastName"])),
        ] {
            assert_eq!(told[index]["metadata"][name], value, "{index} {name}");
        }
    }
}

#[tokio::test]
async fn the_bounds_of_keys_refuse_their_own_event_alone() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let long = "k".repeat(1_021);
        let mut batch = vec![
            of_ann(2, "account.updated", json!({"accountId": "a", "balance": "1"})),
            of_ann(3, "account.updated", json!({"accountId": "b", "server": "s"})),
            of_ann(4, "account.updated", json!({"accountId": "c", "parentAccountId": "p"})),
            of_ann(5, "deposit.completed", json!({"transactionId": "t", "amount": "1"})),
            of_ann(6, "withdrawal.completed", json!({"transactionId": "t", "amount": "1"})),
            of_ann(7, "account.updated", json!({"accountId": "d", "server": "s"})),
        ];
        use contract::events::Event;
        for (event, part) in batch.iter_mut().zip(0..5) {
            match (&mut event.event, part) {
                (Event::AccountUpdated(said), 0) => said.account_id = Some(long.clone()),
                (Event::AccountUpdated(said), 1) => said.server = Some(long.clone()),
                (Event::AccountUpdated(said), _) => said.parent_account_id = Some(long.clone()),
                (Event::DepositCompleted(said) | Event::WithdrawalCompleted(said), _) => {
                    said.transaction_id = Some(long.clone());
                }
                other => panic!("{other:?}"),
            }
        }
        // As long as may be, incompressible, in the same index row.
        if let Event::AccountUpdated(said) = &mut batch[5].event {
            let noise: String = (0..1_020_u32)
                .map(|n| char::from(b'!' + u8::try_from(n * n * 31 % 89).expect("small")))
                .collect();
            said.account_id = Some(noise.clone());
            said.server = Some(noise);
        }
        let verdicts = api.apply(&batch).await;
        let refused = (ApplyResult::Refused, Some("key_too_long".to_owned()));
        for refuses in [0, 1, 3, 4] {
            assert_eq!(verdicts[refuses], refused, "{refuses}");
        }
        assert_eq!(verdicts[2], (ApplyResult::Applied, None), "a parent is in no index");
        assert_eq!(verdicts[5], (ApplyResult::Applied, None), "and the others go on");
        let accounts = api.call("GET", "/accounts/ann@example.com", &Value::Null).await.json();
        assert_eq!(accounts["accounts"].as_array().map(Vec::len), Some(2));
        let page = api.call("GET", "/clients/ann@example.com/transactions", &Value::Null).await.json();
        assert_eq!(page["transactions"], json!([]));
    }
}

#[tokio::test]
async fn money_and_times_come_back_as_they_were_said() {
    for on in both() {
        let api = api_with_ann(&on).await;
        let nines = "99999999999999999999.999999999999999999";
        let least = "0.000000000000000001";
        let ancient = "0001-01-01T00:00:00.000000Z";
        let mut first = of_ann(
            3,
            "deposit.completed",
            json!({"transactionId": "d", "amount": least, "fee": nines, "completedAt": "0000-06-01T00:00:00Z"}),
        );
        first.effective_at = contract::clock::Timestamp::MIN;
        api.applies(&[
            of_ann(2, "account.updated", json!({"accountId": "50", "balance": format!("-{nines}"), "equity": least, "credit": "1e19", "margin": 0, "freeMargin": "-0.00", "marginLevel": nines, "createdAt": "0000-01-01T00:00:00Z", "currency": "BTC"})),
            first,
            of_ann(4, "deposit.completed", json!({"transactionId": "e", "amount": nines, "completedAt": "9999-12-31T23:59:59.999999Z"})),
        ])
        .await;
        let accounts = api.call("GET", "/accounts/ann@example.com", &Value::Null).await.json();
        let account = &accounts["accounts"][0];
        for (name, value) in [
            ("balance", format!("-{nines}")),
            ("equity", least.to_owned()),
            ("credit", "10000000000000000000".to_owned()),
            ("margin", "0".to_owned()),
            ("freeMargin", "0".to_owned()),
            ("marginLevel", nines.to_owned()),
            ("createdAt", ancient.to_owned()),
        ] {
            assert_eq!(account[name], value, "{name}");
        }
        let page = api.call("GET", "/clients/ann@example.com/transactions", &Value::Null).await.json();
        let (last, first) = (&page["transactions"][0], &page["transactions"][1]);
        assert_eq!(
            (&last["amount"], &last["completedAt"]),
            (&json!(nines), &json!("9999-12-31T23:59:59.999999Z"))
        );
        assert_eq!(
            (&first["amount"], &first["fee"], &first["completedAt"]),
            (&json!(least), &json!(nines), &json!(ancient))
        );
        assert_eq!(page["totals"][0]["net"], "100000000000000000000", "exactly, one digit more");
        // Read back and written again, it is the same.
        api.applies(&[of_ann(5, "account.updated", json!({"accountId": "50", "name": "main"}))]).await;
        let again = api.call("GET", "/accounts/ann@example.com", &Value::Null).await.json();
        for name in ["balance", "equity", "marginLevel", "createdAt"] {
            assert_eq!(again["accounts"][0][name], account[name], "{name}");
        }
    }
}
