//! What is told of an event afterwards: what it changed, what of it still stands, and which event stands in its place.

use contract::internal::{ApplyEvent, TRACE_EVENT};
use serde_json::{Value, json};
use test_kit::database::both;

use crate::support::{Api, NOBODY, registered, told};

async fn trace(api: &Api, event: &ApplyEvent) -> Value {
    let question = json!({ "eventId": event.event_id, "said": event });
    let answer = api.as_service("webhook-ingest", TRACE_EVENT, &question).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["traces"].clone()
}

/// `field standing intake` of all that it states.
fn fields(traces: &Value) -> Vec<String> {
    let fields = traces["fields"].as_array().expect("fields").iter();
    let word = |field: &Value, name: &str| field[name].as_str().expect("a word").to_owned();
    fields
        .map(|field| format!("{} {} {}", word(field, "field"), word(field, "standing"), field["intake"]))
        .collect()
}

fn person(second: i64, phone: &str) -> ApplyEvent {
    told(
        second,
        "client.registered",
        &json!({"clientId": "1001", "email": "ann@example.com", "firstName": "Ann", "phone": phone}),
    )
}

#[tokio::test]
async fn each_field_says_whether_it_stands_and_by_which_event() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let first = person(1, "+44 1");
        assert_eq!(trace(&api, &first).await, Value::Null, "it was not applied");
        api.applies(std::slice::from_ref(&first)).await;
        let traces = trace(&api, &first).await;
        assert_eq!(fields(&traces), ["email stands 1", "firstName stands 1", "phone stands 1"]);
        assert_eq!(traces["changes"][0]["type"], "client.registered");

        let account = json!({"clientId": "1001", "accountId": "A1", "balance": "5.00", "phone": "+44 2", "firstName": "Ann"});
        let second = told(2, "account.updated", &account);
        let kyc = told(3, "kyc.updated", &json!({"clientId": "1001", "kycStatus": "approved"}));
        api.applies(&[second.clone(), kyc.clone()]).await;
        assert_eq!(
            fields(&trace(&api, &first).await),
            ["email stands 1", "firstName confirmed 2", "phone overtaken 2"]
        );
        let traces = trace(&api, &second).await;
        assert_eq!(fields(&traces), ["firstName stands 2", "phone stands 2", "balance stands 2"]);
        let changes: Vec<_> =
            traces["changes"].as_array().expect("changes").iter().map(|one| &one["fields"]).collect();
        assert_eq!(changes, [&json!(["balance"]), &json!(["phone"])]);

        // An older statement arrives last, and changed nothing; staff change the KYC status.
        let late = person(0, "+44 0");
        api.apply(std::slice::from_ref(&late)).await;
        let stand = fields(&trace(&api, &late).await);
        assert_eq!(stand, ["email confirmed 1", "firstName confirmed 2", "phone overtaken 2"]);
        let patched =
            api.call("PATCH", "/clients/ann@example.com/kyc", &json!({"kycStatus": "rejected"})).await;
        assert_eq!(patched.status, 200);
        assert_eq!(fields(&trace(&api, &kyc).await), ["kycStatus overtaken 0"]);
        let text = trace(&api, &second).await.to_string();
        assert!(!["+44", "Ann", "5.00", "example.com"].iter().any(|value| text.contains(value)), "{text}");
    }
}

#[tokio::test]
async fn a_client_known_by_an_address_alone_is_followed_to_who_it_became_part_of() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        api.applies(&[registered(1, Some("1001"), Some("ann@example.com"))]).await;
        let alone = told(
            2,
            "account.updated",
            &json!({"email": "old@example.com", "accountId": "A1", "balance": "1"}),
        );
        api.applies(std::slice::from_ref(&alone)).await;
        let before = trace(&api, &alone).await;
        assert_eq!(before["mergedInto"], Value::Null);
        api.applies(&[registered(3, Some("1001"), Some("old@example.com"))]).await;
        let after = trace(&api, &alone).await;
        assert_eq!(after["client"], before["client"]);
        assert_eq!(after["mergedInto"], api.record("old@example.com").await["id"]);
        assert_eq!(
            (&after["changes"], after["changes"].as_array().map(Vec::len)),
            (&before["changes"], Some(2))
        );
    }
}

#[tokio::test]
async fn of_contradicting_events_each_says_how_its_own_facts_stand() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        api.applies(&[registered(1, Some("1001"), Some("ann@example.com"))]).await;
        let deposit = |second, amount: &str| {
            told(
                second,
                "deposit.completed",
                &json!({"clientId": "1001", "transactionId": "7", "amount": amount, "method": "card"}),
            )
        };
        let (one, other) = (deposit(2, "5"), deposit(3, "6"));
        api.applies(std::slice::from_ref(&one)).await;
        assert_eq!(trace(&api, &one).await["transaction"], "completed");
        api.apply(std::slice::from_ref(&other)).await;
        for (event, intake) in [(&one, 2), (&other, 3)] {
            let traces = trace(&api, event).await;
            assert_eq!(traces["transaction"], "conflict");
            assert_eq!(fields(&traces), [format!("method stands {intake}")]);
        }
        // Another client's account: nothing of the event reached a record.
        api.applies(&[registered(4, Some("1002"), Some("bob@example.com"))]).await;
        let account = |second, client: &str| {
            told(second, "account.updated", &json!({"clientId": client, "accountId": "A1", "balance": "1"}))
        };
        let taken = account(6, "1002");
        api.apply(&[account(5, "1001"), taken.clone()]).await;
        assert_eq!(fields(&trace(&api, &taken).await), Vec::<String>::new());
    }
}

#[tokio::test]
async fn only_webhook_ingest_may_ask_and_an_event_that_reads_no_more_is_traced_all_the_same() {
    for on in both() {
        let api = Api::start(&on, NOBODY).await;
        let event = registered(1, Some("1001"), Some("ann@example.com"));
        api.applies(std::slice::from_ref(&event)).await;
        let question = json!({ "eventId": event.event_id, "said": null });
        for other in ["gateway", "sso-issuer", "audit-log", "dashboard"] {
            assert_eq!(api.as_service(other, TRACE_EVENT, &question).await.status, 403, "{other}");
        }
        let traces = api.as_service("webhook-ingest", TRACE_EVENT, &question).await.json()["traces"].clone();
        assert_eq!(
            (traces["fields"].clone(), &traces["changes"][0]["type"]),
            (json!([]), &json!("client.registered"))
        );
    }
}
