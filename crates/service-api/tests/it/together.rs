//! Many look-ups by address at once share a transaction: each gets its own answer all the same.

use contract::internal::ApplyEvent;
use futures_util::future::join_all;
use serde_json::{Value, json};
use service_api::SCHEMA;
use test_kit::database::both;

use crate::support::{Api, Asked, Ingest, registered, told};

/// How many of each kind.
const EACH: i64 = 12;

/// Of each kind of address: one that is, one that was, one whose record was merged, one of two clients, and one whose new owner is another.
fn events() -> Vec<ApplyEvent> {
    let of = |n: i64| {
        let id = |kind: &str| format!("{kind}{n}");
        let email = |kind: &str| format!("{kind}{n}@example.com");
        let says = |second, client: &str, address: &str| {
            registered(second, Some(&id(client)), Some(&email(address)))
        };
        let second = n * 20;
        let by_address = json!({"email": email("merged"), "firstName": "Ann"});
        let by_id = json!({"clientId": id("merged"), "firstName": "Anna"});
        let both = json!({"clientId": id("merged"), "email": email("merged"), "kycStatus": "approved"});
        [
            says(second, "present", "present"),
            says(second + 1, "moved", "former"),
            says(second + 2, "moved", "moved"),
            told(second + 3, "client.registered", &by_address),
            told(second + 4, "client.registered", &by_id),
            told(second + 5, "kyc.updated", &both),
            says(second + 6, "early", "shared"),
            says(second + 7, "late", "shared"),
            says(second + 8, "gone", "taken"),
            says(second + 9, "gone", "elsewhere"),
            says(second + 10, "taker", "taken"),
        ]
    };
    (1..=EACH).flat_map(of).collect()
}

/// Each address, with the clientId and the others that it must be answered with; `None` where nobody has it.
fn expected() -> Vec<(String, Option<(String, Value)>)> {
    let of = |n: i64| {
        let found = |address: &str, client: &str, others: Value| {
            (format!("{address}{n}@example.com"), Some((format!("{client}{n}"), others)))
        };
        [
            found("present", "present", json!([])),
            found("PRESENT", "present", json!([])),
            found("former", "moved", json!([])),
            found("moved", "moved", json!([])),
            found("merged", "merged", json!([])),
            found("shared", "early", json!([format!("late{n}")])),
            found("taken", "taker", json!([])),
            found("elsewhere", "gone", json!([])),
            (format!("absent{n}@example.com"), None),
        ]
    };
    (1..=EACH).flat_map(of).collect()
}

async fn assert_each_its_own(api: &Api) {
    let expected = expected();
    let answers = join_all(expected.iter().map(|(email, _)| api.get(email))).await;
    for ((email, found), answer) in expected.iter().zip(answers) {
        match found {
            Some((client_id, others)) => {
                assert_eq!(answer.status, 200, "{email}: {answer:?}");
                let record = answer.json();
                assert_eq!(
                    (&record["clientId"], &record["otherClientIds"]),
                    (&json!(client_id), others),
                    "{email}"
                );
            }
            None => drop(answer.problem(404, "client_not_found")),
        }
    }
}

#[tokio::test]
async fn of_many_reads_at_once_each_gets_its_own_answer() {
    for on in both() {
        let ingest = Ingest::start(Asked::None).await;
        let api = Api::start(&on, &ingest.url).await;
        api.applies(&events()).await;
        assert_each_its_own(&api).await;
        // Whether a present address is in both tables or in one makes no difference.
        let doubled = "insert into client_emails (client, email_key) select id, email_key from clients \
                       where email_key is not null and merged_into is null on conflict do nothing";
        on.run(SCHEMA, doubled, doubled);
        assert_each_its_own(&api).await;
        let bared = "delete from client_emails where exists (select 1 from clients where id = client \
                     and clients.email_key = client_emails.email_key)";
        on.run(SCHEMA, bared, bared);
        assert_each_its_own(&api).await;
        // Each address of a list, too.
        let emails: Vec<String> = expected().into_iter().map(|(email, _)| email).collect();
        let looked = api.call("POST", "/clients/lookup", &json!({"emails": emails})).await.json();
        let found: Vec<(Value, Value)> = looked["found"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| (one["email"].clone(), one["client"]["clientId"].clone()))
            .collect();
        let known = expected().into_iter().filter_map(|(email, found)| Some((json!(email), json!(found?.0))));
        assert_eq!(found, known.collect::<Vec<_>>());
        // Each of them is on the trail by whose record was given away, and as what it was asked by where there was none.
        let entries = api.entries("client.read", 3 * expected().len()).await;
        let refused = entries.iter().filter(|entry| entry["outcome"] == "refused").count();
        assert_eq!((entries.len(), refused), (3 * expected().len(), 3 * usize::try_from(EACH).expect("few")));
    }
}

#[tokio::test]
async fn a_record_that_can_t_be_read_costs_nobody_else_an_answer() {
    for on in both() {
        let ingest = Ingest::start(Asked::None).await;
        let api = Api::start(&on, &ingest.url).await;
        api.applies(&events()).await;
        let spoilt = "update clients set field_orders = '?' where client_id = 'present1'";
        on.run(SCHEMA, spoilt, spoilt);
        let asked: Vec<String> = (1..=EACH).map(|n| format!("present{n}@example.com")).collect();
        for (n, answer) in join_all(asked.iter().map(|email| api.get(email))).await.iter().enumerate() {
            match n {
                0 => drop(answer.problem(500, "internal_error")),
                _ => assert_eq!(answer.json()["clientId"], format!("present{}", n + 1)),
            }
        }
    }
}
