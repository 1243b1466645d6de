//! Holds the CRM's answers against what they must be. It says where they differ, in words for people.

use std::time::Duration;

use contract::money::Amount;
use serde_json::{Map, Value};

use crate::crm::{CrmError, ServiceApi};
use crate::platform::{Expectation, ExpectedClient};

/// Members of an account that are amounts: equal as numbers, not as texts.
const AMOUNTS: [&str; 6] = ["balance", "equity", "credit", "margin", "freeMargin", "marginLevel"];

/// How often, in all, clients are looked at again whose record is not as it must be yet, and the pause between two looks: what was
/// acknowledged takes effect soon, and not at once.
const LOOKS: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);

/// Reads every expected client, their accounts and their payments, and says what is not as expected, and does not become so; nothing, when all is.
///
/// # Errors
/// [`CrmError`] when the CRM does not answer.
pub async fn compare(expectation: &Expectation, crm: &ServiceApi) -> Result<Vec<String>, CrmError> {
    let mut differences = Vec::new();
    let mut looks_left = LOOKS;
    for (id, expected) in &expectation.clients {
        let mut found = look(expected, crm).await?;
        while !found.is_empty() && looks_left > 0 {
            looks_left -= 1;
            tokio::time::sleep(PAUSE).await;
            found = look(expected, crm).await?;
        }
        differences.extend(found.into_iter().map(|difference| format!("client {id}: {difference}")));
    }
    Ok(differences)
}

/// Reads one client once, and says what is not as expected now.
///
/// # Errors
/// [`CrmError`] when the CRM does not answer.
pub async fn look(expected: &ExpectedClient, crm: &ServiceApi) -> Result<Vec<String>, CrmError> {
    let record = crm.client(expected.email()).await?;
    let accounts = crm.accounts(expected.email()).await?;
    let mut found = of_record(expected, &record.body);
    found.extend(of_accounts(expected, &accounts.body));
    found.extend(of_transactions(expected, &crm.transactions(expected.email()).await?));
    Ok(found)
}

/// How an answer to `GET /clients/:email` differs.
#[must_use]
pub fn of_record(expected: &ExpectedClient, record: &Value) -> Vec<String> {
    expected
        .record
        .iter()
        .filter(|(name, value)| record.get(name.as_str()) != Some(value))
        .map(|(name, value)| told(name, value, record.get(name.as_str())))
        .collect()
}

/// How an answer to `GET /accounts/:email` differs, subaccounts included.
#[must_use]
pub fn of_accounts(expected: &ExpectedClient, answer: &Value) -> Vec<String> {
    let tops = list(answer, "accounts");
    let mut there: Vec<&Value> = tops.iter().collect();
    there.extend(tops.iter().flat_map(|account| list(account, "subaccounts")));
    let mut differences = Vec::new();
    if there.len() != expected.accounts.len() {
        differences.push(format!("{} accounts where {} are expected", there.len(), expected.accounts.len()));
    }
    for (id, account) in &expected.accounts {
        let found = there.iter().find(|one| one.get("accountId").and_then(Value::as_str) == Some(id));
        match (found, account.as_object()) {
            (Some(found), Some(fields)) => differences.extend(of_account(id, fields, found)),
            _ => differences.push(format!("account {id} is missing")),
        }
    }
    differences
}

fn of_account(id: &str, fields: &Map<String, Value>, found: &Value) -> Vec<String> {
    let differs = |(name, value): &(&String, &Value)| {
        let there = found.get(member(name)).unwrap_or(&Value::Null);
        if AMOUNTS.contains(&name.as_str()) { amount(there) != amount(value) } else { there != *value }
    };
    let say = |(name, value): (&String, &Value)| {
        format!("account {id}: {}", told(name, value, found.get(member(name))))
    };
    fields.iter().filter(differs).map(say).collect()
}

/// How the answers of `GET /clients/:email/transactions` differ, all pages together: each payment is there once, and nothing else.
#[must_use]
pub fn of_transactions(expected: &ExpectedClient, there: &[Value]) -> Vec<String> {
    let mut differences = Vec::new();
    if there.len() != expected.transactions.len() {
        let (found, wanted) = (there.len(), expected.transactions.len());
        differences.push(format!("{found} transactions where {wanted} are expected"));
    }
    for one in &expected.transactions {
        let is =
            |found: &&Value, name: &str, text: &str| found.get(name).and_then(Value::as_str) == Some(text);
        let same: Vec<_> = there.iter().filter(|found| is(found, "transactionId", &one.id)).collect();
        let right = same.iter().filter(|found| {
            one.kind.as_str().starts_with(found.get("type").and_then(Value::as_str).unwrap_or("?"))
                && found.get("amount").and_then(amount) == one.amount().parse().ok()
                && is(found, "currency", &one.currency)
                && is(found, "accountId", &one.account)
        });
        if right.count() != 1 || same.len() != 1 {
            differences.push(format!("transaction {}: {one:?} expected, {same:?} found", one.id));
        }
    }
    differences
}

/// What leverage is called where it is read: as text.
fn member(name: &str) -> &str {
    if name == "leverage" { "leverageText" } else { name }
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn amount(value: &Value) -> Option<Amount> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

fn told(name: &str, expected: &Value, found: Option<&Value>) -> String {
    format!("{name} is {} where {expected} is expected", found.unwrap_or(&Value::Null))
}
