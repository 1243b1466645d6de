//! One key for many transactions, as of a platform that sends a constant id.

use contract::internal::{ApplyEvent, ApplyResult};
use serde_json::{Value, json};
use service_api::SCHEMA;
use test_kit::database::{TestDatabase, both};

use crate::support::{Api, NOBODY, registered, told};

fn deposit(second: i64, amount: i64) -> ApplyEvent {
    let data = json!({"clientId": "1001", "transactionId": "0", "amount": amount, "currency": "USD"});
    told(second, "deposit.completed", &data)
}

/// From now on every row of a transaction that is written leaves a mark.
fn count_writes(on: &TestDatabase) {
    on.run(
        SCHEMA,
        "create table marks (id text); \
         create function mark() returns trigger language plpgsql as $$ begin insert into marks values (new.id); return new; end $$; \
         create trigger marks after insert or update on transactions for each row execute function mark()",
        "create table marks (id text); \
         create trigger marks_new after insert on transactions begin insert into marks values (new.id); end; \
         create trigger marks_changed after update on transactions begin insert into marks values (new.id); end",
    );
}

/// How many rows were written since the last look.
async fn written(api: &Api, on: &TestDatabase) -> String {
    let count = api.texts("select cast(count(*) as text) as text from marks").await.remove(0);
    on.run(SCHEMA, "delete from marks", "delete from marks");
    count
}

#[tokio::test]
async fn an_event_writes_no_more_than_it_changes_however_many_variants_its_key_has() {
    const VARIANTS: i64 = 300;
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        api.applies(&[registered(1, Some("1001"), Some("ann@example.com"))]).await;
        count_writes(&on);
        let variants: Vec<_> = (1..=VARIANTS).map(|n| deposit(n, n)).collect();
        for batch in variants.chunks(70) {
            api.apply(batch).await;
        }
        assert!(written(&api, &on).await.parse::<i64>().expect("a number") <= VARIANTS + 1, "each once");

        let conflict = [(ApplyResult::Conflict, Some("transaction_conflict".to_owned()))];
        assert_eq!(api.apply(&[deposit(400, VARIANTS + 1)]).await, conflict);
        assert_eq!(written(&api, &on).await, "1", "the new one");
        assert_eq!(api.apply(&[deposit(401, 17)]).await, conflict);
        assert_eq!(written(&api, &on).await, "1", "the one that is told again");
        assert_eq!(api.apply(&[variants[16].clone()]).await, conflict);
        assert_eq!(written(&api, &on).await, "0", "the same event");
        let states = "select state || ' ' || cast(count(*) as text) as text from transactions group by state order by 1";
        assert_eq!(api.texts(states).await, ["conflict 301"]);

        let page =
            api.call("GET", "/clients/ann@example.com/transactions?limit=1", &Value::Null).await.json();
        let id = page["transactions"][0]["id"].as_str().expect("an id");
        let path = format!("/api/clients/1001/transactions/{id}/accept");
        assert_eq!(api.as_staff("admin", "POST", &path, &Value::Null).await.status, 200);
        assert_eq!(api.texts(states).await, ["completed 1", "rejected 300"]);
        // Neither of the decided ones is looked at, but all are in conflict again.
        assert_eq!(api.apply(&[deposit(500, 1_000)]).await, conflict);
        assert_eq!(api.texts(states).await, ["conflict 302"]);
        let numbers = "select cast(count(distinct variant) as text) || ' ' || cast(max(variant) as text) as text from transactions";
        assert_eq!(api.texts(numbers).await, ["302 301"]);
    }
}

/// The longest ids that an event can bring: they fit every index, and nothing is refused for them.
#[tokio::test]
async fn ids_of_255_characters_of_four_bytes_each_are_keys_like_any_other() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        // No two alike, so that no index can make them shorter.
        let long = |from: u32| -> String {
            (0..255).map(|n| char::from_u32(0x1_0000 + from * 0x1000 + n * 7).expect("a character")).collect()
        };
        let (client, account, server, transaction) = (long(0), long(1), long(2), long(3));
        api.applies(&[
            registered(1, Some(&client), Some("ann@example.com")),
            told(2, "account.updated", &json!({"clientId": client, "accountId": account, "server": server, "parentAccountId": long(4)})),
            told(3, "deposit.completed", &json!({"clientId": client, "transactionId": transaction, "amount": 5, "accountId": account})),
        ])
        .await;
        let page = api.call("GET", "/clients/ann@example.com/transactions", &Value::Null).await.json();
        assert_eq!(page["transactions"][0]["transactionId"], json!(transaction));
        let accounts = api.call("GET", "/accounts/ann@example.com", &Value::Null).await.json();
        assert_eq!(accounts["accounts"][0]["accountId"], json!(account));
    }
}
