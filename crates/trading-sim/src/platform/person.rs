//! A person who trades on the platform.

use contract::clock::Timestamp;
use fastrand::Rng;
use serde_json::{Value, json};

use super::account::Account;
use super::event::javascript_time;
use super::names::{COUNTRIES, FIRST, LANGUAGES, LAST};

/// A status of the identity check, and the note that goes with it.
pub(super) type Kyc = (&'static str, &'static str);

/// How an identity check begins.
pub(super) const FIRST_STEP: Kyc = ("pending", "Documents received.");

/// Somebody with an account, or about to have one.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) first_name: &'static str,
    pub(super) last_name: &'static str,
    pub(super) phone: String,
    pub(super) country: &'static str,
    pub(super) language: &'static str,
    pub(super) kyc: Option<Kyc>,
    pub(super) accounts: Vec<Account>,
    /// How often the address has changed.
    moves: u32,
    /// What makes addresses of this person unlike all others.
    number: String,
}

impl Person {
    /// The `number`th person of the platform with this seed.
    pub(super) fn new(seed: u64, number: u64, rng: &mut Rng) -> Self {
        let (country, prefix) = rng.choice(COUNTRIES).unwrap_or(("GB", "+44"));
        let mut person = Self {
            id: format!("{seed}{number:05}"),
            email: String::new(),
            first_name: rng.choice(FIRST).unwrap_or("Ann"),
            last_name: rng.choice(LAST).unwrap_or("Lee"),
            phone: phone(prefix, rng),
            country,
            language: rng.choice(LANGUAGES).unwrap_or("en"),
            kyc: None,
            accounts: Vec::new(),
            moves: 0,
            number: format!("{seed}.{number}"),
        };
        person.email = person.address(rng);
        person
    }

    /// The data of `client.registered`.
    pub(super) fn registration(&self, at: Timestamp) -> Value {
        json!({
            "clientId": self.id,
            "email": self.email,
            "firstName": self.first_name,
            "lastName": self.last_name,
            "phone": self.phone,
            "country": self.country,
            "language": self.language,
            "createdAt": javascript_time(at),
        })
    }

    /// Takes the identity check a step on; false where there is no next step.
    pub(super) fn advances_kyc(&mut self, rng: &mut Rng) -> bool {
        let next = match self.kyc.map(|(status, _)| status) {
            None => Some(FIRST_STEP),
            Some("pending" | "action_required") => Some(("in_review", "Somebody is looking at it.")),
            Some("in_review") => rng.choice([
                ("approved", "Passport and address proven."),
                ("approved", "Passport and address proven."),
                ("action_required", "The address is not readable."),
                ("rejected", "The passport is not \"genuine\"."),
            ]),
            Some("approved") if rng.u8(..10) == 0 => Some(("expired", "The passport has run out.")),
            Some("expired") => Some(("pending", "A new passport.")),
            Some(_) => None,
        };
        self.kyc = next.or(self.kyc);
        next.is_some()
    }

    /// Changes something of the profile, and says what, as the data of `account.updated`.
    pub(super) fn moves_on(&mut self, rng: &mut Rng) -> Value {
        match rng.u8(..3) {
            0 => {
                self.moves += 1;
                self.email = self.address(rng);
                json!({"email": self.email})
            }
            1 => {
                let (country, prefix) = rng.choice(COUNTRIES).unwrap_or(("GB", "+44"));
                self.country = country;
                self.phone = phone(prefix, rng);
                json!({"country": self.country, "phone": self.phone})
            }
            _ => {
                self.last_name = rng.choice(LAST).unwrap_or("Lee");
                self.language = rng.choice(LANGUAGES).unwrap_or("en");
                json!({"lastName": self.last_name, "language": self.language})
            }
        }
    }

    /// An address that nobody else has or had.
    fn address(&self, rng: &mut Rng) -> String {
        let name = self.first_name.to_lowercase().replace(' ', "_");
        let form = match rng.u8(..4) {
            0 => "Trader+",
            1 => "o'",
            _ => "",
        };
        // Half of the mailboxes keep to ASCII.
        let name = if rng.bool() || !name.is_ascii() { "user" } else { name.as_str() };
        format!("{form}{name}.{}.{}@example.com", self.number, self.moves)
    }
}

fn phone(prefix: &str, rng: &mut Rng) -> String {
    format!("{prefix}{:09}", rng.u32(..1_000_000_000))
}
