//! The platform's own life: people register, open accounts, pay in and out, pass the identity check, change their profile. Each
//! happening is an event for the CRM. All of it follows from a seed: the same seed and times give the same bodies, to the byte.

mod account;
mod event;
mod expectation;
mod names;
mod person;
mod plan;

use contract::clock::Timestamp;
use contract::events::EventType;
use fastrand::Rng;
use serde_json::{Value, json};

use account::Account;
pub use event::Event;
pub use expectation::{Expectation, ExpectedClient, ExpectedTransaction};
use person::Person;
pub use plan::{Delivery, Plan, PlanOptions};

/// A simulated platform, with the people who trade on it.
#[derive(Debug, Clone)]
pub struct Platform {
    rng: Rng,
    seed: u64,
    people: Vec<Person>,
    /// Accounts that were opened, and transactions that were made: their numbers are never given twice.
    accounts_opened: u64,
    transactions_made: u64,
    expectation: Expectation,
}

impl Platform {
    /// A platform on which nothing has happened yet. Two of different seeds share no client, account or transaction.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            seed,
            people: Vec::new(),
            accounts_opened: 0,
            transactions_made: 0,
            expectation: Expectation::default(),
        }
    }

    /// What the CRM's record must be, once it has heard everything that has happened so far.
    #[must_use]
    pub fn expectation(&self) -> &Expectation {
        &self.expectation
    }

    /// The next happening, at this time. Times must grow from call to call: then no two statements are of one time.
    pub fn happens(&mut self, at: Timestamp) -> Event {
        let newcomers = self.rng.u8(..100) < 12;
        let known = self.people.len();
        if newcomers || known == 0 {
            return self.registers(at);
        }
        let who = self.rng.usize(..known);
        let Some(mut person) = self.people.get(who).cloned() else { return self.registers(at) };
        let event = self.does_something(&mut person, at);
        if let Some(place) = self.people.get_mut(who) {
            *place = person;
        }
        event
    }

    /// An event that comes late: it tells of a time long gone, and everything in it has been overtaken since. `None` while nobody's
    /// identity check has begun.
    pub fn remembers(&self, at: Timestamp, rng: &mut Rng) -> Option<Event> {
        let checked: Vec<_> = self.people.iter().filter(|person| person.kyc.is_some()).collect();
        let person = rng.choice(checked)?;
        let data = json!({"clientId": person.id, "kycStatus": "not_started", "kycNotes": "Not begun."});
        Some(Event::new(EventType::KycUpdated, &data, at))
    }

    fn registers(&mut self, at: Timestamp) -> Event {
        let number = self.people.len() as u64 + 1;
        let person = Person::new(self.seed, number, &mut self.rng);
        let data = person.registration(at);
        self.expectation.clients.insert(person.id.clone(), ExpectedClient::registered(&person));
        self.people.push(person);
        Event::new(EventType::ClientRegistered, &data, at)
    }

    fn does_something(&mut self, person: &mut Person, at: Timestamp) -> Event {
        if person.accounts.is_empty() {
            return self.opens_account(person, at, None);
        }
        match self.rng.u8(..100) {
            0..12 if person.accounts.len() < 4 => self.opens_account(person, at, None),
            12..20 if person.accounts.len() < 6 => {
                let parents: Vec<_> = person.accounts.iter().filter(|one| one.parent.is_none()).collect();
                let parent = self.rng.choice(parents).map(|parent| parent.id.clone());
                self.opens_account(person, at, parent)
            }
            20..40 if person.advances_kyc(&mut self.rng) => self.kyc_moves(person, at),
            40..46 => self.profile_changes(person, at),
            46..70 => self.money_moves(person, EventType::DepositCompleted, at),
            70..82 => self.money_moves(person, EventType::WithdrawalCompleted, at),
            _ => self.account_changes(person, at),
        }
    }

    fn opens_account(&mut self, person: &mut Person, at: Timestamp, parent: Option<String>) -> Event {
        self.accounts_opened += 1;
        let id = format!("{}{:06}", self.seed, self.accounts_opened);
        let account = Account::open(id, parent, &mut self.rng);
        let mut data = account.whole();
        set(&mut data, "clientId", json!(person.id));
        self.expect(person, |client| {
            client.accounts.insert(account.id.clone(), account.whole());
        });
        person.accounts.push(account);
        Event::new(EventType::AccountUpdated, &data, at)
    }

    fn account_changes(&mut self, person: &mut Person, at: Timestamp) -> Event {
        let place = self.rng.usize(..person.accounts.len().max(1));
        let Some(account) = person.accounts.get_mut(place) else {
            return self.opens_account(person, at, None);
        };
        let mut data = account.trades(&mut self.rng);
        let (id, changed) = (account.id.clone(), data.clone());
        self.expect(person, |client| client.account_says(&id, &changed));
        set(&mut data, "clientId", json!(person.id));
        Event::new(EventType::AccountUpdated, &data, at)
    }

    fn money_moves(&mut self, person: &mut Person, kind: EventType, at: Timestamp) -> Event {
        let Some(account) = self.rng.choice(&person.accounts) else {
            return self.opens_account(person, at, None);
        };
        self.transactions_made += 1;
        let id = format!("T{}-{}", self.seed, self.transactions_made);
        let transaction = ExpectedTransaction::random(kind, id, account, &mut self.rng);
        let data = transaction.told(person, at, &mut self.rng);
        self.expect(person, |client| {
            client.transactions.push(transaction);
        });
        Event::new(kind, &data, at)
    }

    fn kyc_moves(&mut self, person: &Person, at: Timestamp) -> Event {
        let (status, notes) = person.kyc.unwrap_or(person::FIRST_STEP);
        self.expect(person, |client| client.kyc_says(status, notes));
        let data =
            json!({"clientId": person.id, "email": person.email, "kycStatus": status, "kycNotes": notes});
        Event::new(EventType::KycUpdated, &data, at)
    }

    fn profile_changes(&mut self, person: &mut Person, at: Timestamp) -> Event {
        let mut data = person.moves_on(&mut self.rng);
        self.expect(person, |client| client.profile_says(person));
        set(&mut data, "clientId", json!(person.id));
        Event::new(EventType::AccountUpdated, &data, at)
    }

    fn expect(&mut self, person: &Person, change: impl FnOnce(&mut ExpectedClient)) {
        if let Some(client) = self.expectation.clients.get_mut(&person.id) {
            change(client);
        }
    }
}

/// Sets a member of an object.
fn set(data: &mut Value, name: &str, value: Value) {
    if let Some(members) = data.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// So many hundredths, written as a decimal: 100050 is `1000.50`.
fn hundredths(count: u64) -> String {
    format!("{}.{:02}", count / 100, count % 100)
}
