//! An account of a person, or a part of one.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::hundredths;
use super::names::CURRENCIES;

/// An account on one of the platform's servers.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) id: String,
    /// The account this is a part of.
    pub(super) parent: Option<String>,
    pub(super) currency: &'static str,
    /// What it holds besides its id: the fields of `account.updated`.
    fields: Map<String, Value>,
}

impl Account {
    /// A fresh account.
    pub(super) fn open(id: String, parent: Option<String>, rng: &mut Rng) -> Self {
        let currency = rng.choice(CURRENCIES).unwrap_or("USD");
        let live = rng.u8(..4) > 0;
        let Value::Object(mut fields) = json!({
            "login": format!("8{id}"),
            "platform": if rng.bool() { "MT5" } else { "cTrader" },
            "server": if live { "Live-1" } else { "Demo-1" },
            "type": if live { "live" } else { "demo" },
            "group": format!("{}\\standard", if live { "real" } else { "demo" }),
            "name": if parent.is_some() { "Part of another" } else { "Trading" },
            "currency": currency,
            "leverage": rng.choice(["1:30", "1:100", "1:500", "unlimited"]),
            "status": "active",
        }) else {
            return Self { id, parent, currency, fields: Map::new() };
        };
        fields.extend(money(rng));
        Self { id, parent, currency, fields }
    }

    /// All it is, as the data of `account.updated` without the client.
    pub(super) fn whole(&self) -> Value {
        let mut all = self.fields.clone();
        all.insert("accountId".to_owned(), json!(self.id));
        if let Some(parent) = &self.parent {
            all.insert("parentAccountId".to_owned(), json!(parent));
        }
        Value::Object(all)
    }

    /// Trading goes on: the balances change, now and then the leverage or what the account may do. Says what has changed.
    pub(super) fn trades(&mut self, rng: &mut Rng) -> Value {
        let mut changed = money(rng);
        match rng.u8(..8) {
            0 => drop(changed.insert("leverage".to_owned(), json!(rng.choice(["1:30", "1:50", "1:200"])))),
            1 => drop(changed.insert(
                "status".to_owned(),
                json!(rng.choice(["active", "close_only", "trading_disabled", "active"])),
            )),
            _ => {}
        }
        self.fields.extend(changed.clone());
        changed.insert("accountId".to_owned(), json!(self.id));
        // The server is a part of an account's name.
        changed.extend(self.fields.get("server").map(|server| ("server".to_owned(), server.clone())));
        Value::Object(changed)
    }
}

/// The balances of an account in which trading goes on: each as a decimal text, and consistent with the others.
fn money(rng: &mut Rng) -> Map<String, Value> {
    let balance = rng.u64(..5_000_000);
    let equity = rng.u64(balance / 2..=balance + balance / 2);
    let margin = rng.u64(..=equity);
    let texts =
        [("balance", balance), ("equity", equity), ("margin", margin), ("freeMargin", equity - margin)];
    let mut fields: Map<_, _> =
        texts.into_iter().map(|(name, count)| (name.to_owned(), json!(hundredths(count)))).collect();
    fields.insert("credit".to_owned(), json!(0));
    fields
}
