//! The others who call during a run: a platform that leaves notes on clients, and staff who open their sessions. Each repeats its call
//! until it is answered with success, and remembers by which request.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use trading_sim::platform::Plan;

use crate::outside::{Outside, Who, segment};
use crate::scenario::Scenario;

/// How many notes, and how many sessions.
const NOTES: usize = 2;
const SESSIONS: usize = 1;

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
    Session,
}

/// Begins all calls of a run.
pub(crate) fn call(outside: &Outside, scenario: &Scenario, plan: &Plan) -> JoinSet<Call> {
    let mut calls = JoinSet::new();
    let clients = plan.expectation.clients.iter().cycle().take(if plan.expectation.clients.is_empty() {
        0
    } else {
        NOTES + SESSIONS
    });
    for (nth, (client, expected)) in clients.enumerate() {
        let what = if nth < NOTES {
            What::Note(format!("Note {nth} of run {}", scenario.seed))
        } else {
            What::Session
        };
        let (client, email) = (client.clone(), expected.email().to_owned());
        let call = Call { what, client, email, done_by: None, last: String::new() };
        let (name, trying) = (format!("c{}.{nth}", scenario.seed), TRYING + scenario.away());
        calls.spawn(until_done(outside.clone(), call, name, trying));
    }
    calls
}

async fn until_done(outside: Outside, mut call: Call, name: String, trying: Duration) -> Call {
    let until = Instant::now() + trying;
    let (who, path, body): (Who, String, Value) = match &call.what {
        What::Note(text) => (
            Who::Platform,
            format!("/api/service/clients/{}/notes", segment(&call.email)),
            json!({"comment": text}),
        ),
        What::Session => (
            Who::Staff,
            format!("/api/clients/{}/impersonate", segment(&call.client)),
            json!({"reason": "A run."}),
        ),
    };
    for tried in 0_u32.. {
        let request_id = format!("{name}.{tried}");
        let answer = outside.post(who, &path, &body, &request_id, &name).await;
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
