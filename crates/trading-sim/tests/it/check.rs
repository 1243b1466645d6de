//! How the CRM's answers are held against the platform's life: nothing that it must know may be missing unnoticed.

use auth::secret::Secret;
use serde_json::{Value, json};
use trading_sim::check;
use trading_sim::crm::ServiceApi;
use trading_sim::platform::{ExpectedClient, Plan, PlanOptions};
use wiremock::matchers::{any, path_regex, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Somebody who paid more than once.
fn payer() -> ExpectedClient {
    let plan = Plan::new(&PlanOptions::new(5, 300));
    let mut clients = plan.expectation.clients.into_values();
    clients.find(|client| client.transactions.len() > 1).expect("a payer")
}

/// The payments as the service API lists them.
fn listed(client: &ExpectedClient) -> Vec<Value> {
    let one = |payment: &trading_sim::platform::ExpectedTransaction| {
        let kind = payment.kind.as_str().split('.').next().expect("a word");
        json!({
            "transactionId": payment.id, "type": kind, "amount": payment.amount(), "currency": payment.currency,
            "accountId": payment.account,
        })
    };
    client.transactions.iter().map(one).collect()
}

/// What is said of the payments when these pages are served.
async fn said_of_payments(client: &ExpectedClient, pages: &[&[Value]]) -> Vec<String> {
    let crm = MockServer::start().await;
    for (number, page) in pages.iter().enumerate() {
        let next = (number + 1 < pages.len()).then(|| format!("page {}+&", number + 1));
        let answer =
            ResponseTemplate::new(200).set_body_json(json!({"transactions": page, "nextCursor": next}));
        let asked = Mock::given(path_regex("^/api/service/clients/[^/]+/transactions$"));
        let asked = match number {
            0 => asked.and(query_param_is_missing("cursor")),
            _ => asked.and(query_param("cursor", format!("page {number}+&"))),
        };
        asked.respond_with(answer).expect(1).mount(&crm).await;
    }
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(json!({}))).mount(&crm).await;
    let api = ServiceApi::new(&crm.uri(), Secret::new("token"), 1).expect("a URL");
    let mut said = check::look(client, &api).await.expect("answers");
    said.retain(|difference| difference.contains("transaction"));
    said
}

#[tokio::test]
async fn payments_are_read_page_by_page_and_a_missing_one_is_told() {
    let client = payer();
    let all = listed(&client);
    let (last, others) = all.split_last().expect("payments");
    assert_eq!(said_of_payments(&client, &[others, std::slice::from_ref(last)]).await, Vec::<String>::new());
    let said = said_of_payments(&client, &[others]).await;
    let missing = format!("transaction {}", client.transactions.last().expect("payments").id);
    assert!(said.iter().any(|difference| difference.starts_with(&missing)), "{said:?}");
}
