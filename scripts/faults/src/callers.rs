//! The others who call during a run: a platform that leaves notes on clients and has the last word on their identity checks, and staff
//! who open their sessions. Each repeats its call until it is answered with success, and remembers by which request.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use trading_sim::platform::Expectation;

use crate::outside::{Outside, Who, segment};
use crate::scenario::Scenario;

/// How many notes, sessions and identity checks.
const NOTES: usize = 2;
const SESSIONS: usize = 1;
const CHECKS: usize = 2;

/// A call is repeated for so much longer than any trouble lasts; a client may only come to be by the last event.
const TRYING: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(150);

/// A call that was meant to be made once.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) what: What,
    /// The platform's id of the client.
    pub(crate) client: String,
    pub(crate) email: String,
    /// The request that was answered with success, if one was.
    pub(crate) done_by: Option<String>,
    /// The last answer that was no success.
    pub(crate) last: String,
}

/// What is called for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// This text, as a note.
    Note(String),
    /// The identity check is to stand so, with these notes.
    Kyc(&'static str, String),
    Session,
}

impl What {
    /// What the trail calls it.
    pub(crate) fn action(&self) -> &'static str {
        match self {
            Self::Note(_) => "note.add",
            Self::Kyc(..) => "kyc.change",
            Self::Session => "client.impersonate",
        }
    }
}

/// The calls of a run.
pub(crate) fn due(scenario: &Scenario, expectation: &Expectation) -> Vec<Call> {
    let clients = || expectation.clients.iter();
    let notes = (0..NOTES).map(|nth| What::Note(format!("Note {nth} of run {}", scenario.seed)));
    let mut others = clients().cycle();
    let calls =
        notes.chain((0..SESSIONS).map(|_| What::Session)).map_while(|what| Some((what, others.next()?)));
    // Of two words on one check nobody could say which was the last.
    let checks = clients().zip(["approved", "rejected"].into_iter().cycle()).take(CHECKS);
    let checks = checks.map(|(client, status)| {
        (What::Kyc(status, format!("Checked by the platform in run {}", scenario.seed)), client)
    });
    calls
        .chain(checks)
        .map(|(what, (client, expected))| Call {
            what,
            client: client.clone(),
            email: expected.email().to_owned(),
            done_by: None,
            last: String::new(),
        })
        .collect()
}

/// What the record must be besides, once all calls have been made. A change made in the CRM counts from when it was made, which is long
/// after all that the events tell of.
pub(crate) fn expect(calls: &[Call], expectation: &mut Expectation) {
    for call in calls {
        if let (What::Kyc(status, notes), Some(client)) =
            (&call.what, expectation.clients.get_mut(&call.client))
        {
            client.kyc_says(status, notes);
        }
    }
}

/// Begins all calls of a run.
pub(crate) fn begin(outside: &Outside, scenario: &Scenario, calls: Vec<Call>) -> JoinSet<Call> {
    let mut calling = JoinSet::new();
    for (nth, call) in calls.into_iter().enumerate() {
        let (name, trying) = (format!("c{}.{nth}", scenario.seed), TRYING + scenario.away());
        calling.spawn(until_done(outside.clone(), call, name, trying));
    }
    calling
}

async fn until_done(outside: Outside, mut call: Call, name: String, trying: Duration) -> Call {
    let until = Instant::now() + trying;
    let (who, method, path, body) = request(&call);
    for tried in 0_u32.. {
        let request_id = format!("{name}.{tried}");
        let answer = outside.call(who, method.clone(), &path, &body, &request_id, &name).await;
        if answer.as_ref().is_some_and(|answer| (200..300).contains(&answer.status)) {
            call.done_by = Some(request_id);
            break;
        }
        call.last = format!("{answer:?}");
        if Instant::now() > until {
            break;
        }
        sleep(PAUSE).await;
    }
    call
}

fn request(call: &Call) -> (Who, Method, String, Value) {
    let of_client = |rest: &str| format!("/api/service/clients/{}/{rest}", segment(&call.email));
    match &call.what {
        What::Note(text) => (Who::Platform, Method::POST, of_client("notes"), json!({"comment": text})),
        What::Kyc(status, notes) => {
            let body = json!({"kycStatus": status, "kycNotes": notes});
            (Who::Platform, Method::PATCH, of_client("kyc"), body)
        }
        What::Session => {
            let path = format!("/api/clients/{}/impersonate", segment(&call.client));
            (Who::Staff, Method::POST, path, json!({"reason": "A run."}))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Choice, Engine, Kind};

    #[test]
    fn the_platform_has_the_last_word_on_checks_of_different_clients() {
        let choice = Choice { engines: vec![Engine::Sqlite], kinds: vec![Kind::Kill], outage: None };
        let scenario = Scenario::of(1, &choice).expect("it can happen");
        let mut expectation = scenario.plan().expectation;
        let calls = due(&scenario, &expectation);
        expect(&calls, &mut expectation);
        let mut checked = Vec::new();
        for call in &calls {
            if let What::Kyc(status, notes) = &call.what {
                let record = &expectation.clients[&call.client].record;
                assert_eq!((&record["kycStatus"], &record["kycNotes"]), (&json!(status), &json!(notes)));
                checked.push(&call.client);
            }
        }
        assert_eq!(checked.len(), CHECKS);
        assert_ne!(checked.first(), checked.last());
        // Where nobody has registered, nobody can be called about.
        assert!(due(&scenario, &Expectation::default()).is_empty());
    }
}
