//! What the CRM's record must be for each client. It follows from what happened alone, not from what was sent when: duplicates,
//! disorder and late memories must not show in it.

use std::collections::BTreeMap;

use contract::clock::Timestamp;
use contract::events::EventType;
use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::account::Account;
use super::event::javascript_time;
use super::hundredths;
use super::names::METHODS;
use super::person::Person;

/// The records, by the platform's id of the client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Every client that has registered.
    pub clients: BTreeMap<String, ExpectedClient>,
}

/// The record of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedClient {
    /// Members of `GET /clients/:email` and their values.
    pub record: Map<String, Value>,
    /// By account: members of `GET /accounts/:email` and their values, amounts as decimal texts.
    pub accounts: BTreeMap<String, Value>,
    /// All that was paid in and out, in order.
    pub transactions: Vec<ExpectedTransaction>,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedTransaction {
    /// Deposit or withdrawal.
    pub kind: EventType,
    /// The platform's id.
    pub id: String,
    /// How much, in hundredths.
    pub hundredths: u64,
    /// In what.
    pub currency: String,
    /// Into or out of which account.
    pub account: String,
}

impl ExpectedClient {
    pub(super) fn registered(person: &Person) -> Self {
        let mut client = Self { record: Map::new(), accounts: BTreeMap::new(), transactions: Vec::new() };
        client.says("clientId", person.id.as_str());
        client.says("status", "active");
        client.says("kycStatus", "not_started");
        client.says("kycNotes", Value::Null);
        client.profile_says(person);
        client
    }

    /// The address that finds the client.
    #[must_use]
    pub fn email(&self) -> &str {
        self.record.get("email").and_then(Value::as_str).unwrap_or_default()
    }

    /// The identity check was changed, here or by the CRM: the last word on it.
    pub fn kyc_says(&mut self, status: &str, notes: &str) {
        self.says("kycStatus", status);
        self.says("kycNotes", notes);
    }

    pub(super) fn profile_says(&mut self, person: &Person) {
        self.says("email", person.email.as_str());
        self.says("firstName", person.first_name);
        self.says("lastName", person.last_name);
        self.says("phone", person.phone.as_str());
        self.says("country", person.country);
        self.says("language", person.language);
    }

    pub(super) fn account_says(&mut self, id: &str, changed: &Value) {
        let account = self.accounts.get_mut(id).and_then(Value::as_object_mut);
        if let (Some(account), Some(changed)) = (account, changed.as_object()) {
            account.extend(changed.clone());
        }
    }

    fn says(&mut self, field: &str, value: impl Into<Value>) {
        self.record.insert(field.to_owned(), value.into());
    }
}

impl ExpectedTransaction {
    pub(super) fn random(kind: EventType, id: String, account: &Account, rng: &mut Rng) -> Self {
        let (currency, account) = (account.currency.to_owned(), account.id.clone());
        Self { kind, id, hundredths: rng.u64(100..2_000_000), currency, account }
    }

    /// The amount as a decimal text: `1000.50`.
    #[must_use]
    pub fn amount(&self) -> String {
        hundredths(self.hundredths)
    }

    /// The data of its event. Platforms write amounts as texts, and as numbers that went through a double.
    pub(super) fn told(&self, person: &Person, at: Timestamp, rng: &mut Rng) -> Value {
        let text = self.amount();
        let number = text.parse::<f64>().map_or(Value::Null, Value::from);
        let amount = match (rng.bool(), self.hundredths % 100) {
            (true, _) => json!(text),
            // JavaScript writes a whole number without a point.
            (false, 0) => json!(self.hundredths / 100),
            (false, _) => number,
        };
        json!({
            "clientId": person.id,
            "email": person.email,
            "transactionId": self.id,
            "amount": amount,
            "currency": self.currency,
            "accountId": self.account,
            "fundType": "real",
            "method": rng.choice(METHODS),
            "completedAt": javascript_time(at),
        })
    }
}
