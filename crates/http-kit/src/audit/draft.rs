//! The entry of the request at hand, as it grows: the app opens it, the gate names the caller, the handler adds what it alone
//! knows, and on the way out the rule decides whether it must be durable, is counted, or is not due.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::Uri;
use auth::random::Random;
use contract::audit::{Actor, ActorKind, Category, Entry, Outcome, Target, Text, Value};
use contract::clock::Clock;
use contract::ids::{EntryId, RequestId};
use contract::internal::StaffRefusal;
use contract::problems::Code;

use crate::caller::Identity;
use crate::kit::Kit;
use crate::routes::{Audit, Route};

/// What an entry says of a request that no route of ours, or only a quiet one, refused.
const REFUSAL: (Category, &str) = (Category::System, "request.refuse");

/// How much of a path that leads nowhere an entry keeps, in characters.
const LONGEST_PATH: usize = 200;

/// One request's entry in the making. Clones are the same entry. It stays in the worker that serves the request; what is to be
/// stored elsewhere goes along as the [`Entry`] that [`RequestAudit::take_entry`] gives.
#[derive(Clone)]
pub struct RequestAudit(Rc<RefCell<Draft>>);

struct Draft {
    clock: Clock,
    random: Random,
    entry: Entry,
    /// What was asked for, told only of a request that found no route: else the route and the target say it.
    uri: Uri,
    route: Option<Arc<Route>>,
    known: bool,
    whole: bool,
    recorded: bool,
}

/// What is to be done about a request's entry before its answer leaves.
pub(crate) enum Due {
    /// It is durable already, or none is asked for.
    Nothing,
    /// It is counted; `whole` ones keep their details even when they are not the first of their kind.
    Counted { entry: Entry, whole: bool },
    /// It must be durable first.
    Durable(Entry),
}

impl RequestAudit {
    pub(crate) fn new(
        kit: &Kit,
        request: &ServiceRequest,
        address: Option<IpAddr>,
        request_id: &RequestId,
    ) -> Self {
        let (category, action) = REFUSAL;
        let now = kit.clock.now();
        let entry = Entry {
            id: EntryId::new(now, kit.random.bytes()),
            time: now,
            service: kit.service,
            category,
            action: action.to_owned(),
            outcome: Outcome::Success,
            reason: None,
            actor: Actor::anonymous(),
            target: None,
            address: address.map(|address| Text::personal(address.to_string())),
            request_id: Some(request_id.to_string()),
            method: Some(request.method().to_string()),
            route: None,
            count: 1,
            details: BTreeMap::new(),
        };
        let (clock, random) = (kit.clock.clone(), kit.random.clone());
        Self(Rc::new(RefCell::new(Draft {
            clock,
            random,
            entry,
            uri: request.uri().clone(),
            route: None,
            known: false,
            whole: false,
            recorded: false,
        })))
    }

    /// The request found its route.
    pub(crate) fn matched(&self, route: &Arc<Route>) {
        let draft = &mut *self.0.borrow_mut();
        draft.entry.route = Some(route.path().to_owned());
        if let Audit::Action { category, action } = route.audit() {
            draft.entry.category = category;
            draft.entry.action = action.to_owned();
        }
        draft.known |= route.is_durable_for_all();
        draft.route = Some(Arc::clone(route));
    }

    /// The gate knows the caller.
    pub(crate) fn identified(&self, identity: &Identity) {
        let (kind, id) = match identity {
            Identity::Unknown => return,
            Identity::Credential(name) | Identity::Internal(name) => (ActorKind::Service, Text::open(name)),
            Identity::Staff(staff) => {
                if staff.external {
                    self.add_detail("external", true);
                }
                // An id tells no reader of the trail who it was.
                if let Some(email) = &staff.email {
                    self.add_detail("actorEmail", Text::personal(email));
                }
                (ActorKind::Staff, staff_text(&staff.id))
            }
        };
        self.identify(Actor { kind, id: Some(id) });
    }

    /// Names the caller, once the handler itself has made sure of it. From then on the caller is known, and the entry of an
    /// `Action` must be durable before the answer.
    pub fn identify(&self, actor: Actor) {
        let draft = &mut *self.0.borrow_mut();
        draft.entry.actor = actor;
        draft.known = true;
    }

    /// Names a caller that was only claimed, such as the source whose signature does not fit. The caller stays unknown.
    pub fn claim(&self, actor: Actor) {
        self.0.borrow_mut().entry.actor = actor;
    }

    /// The bearer of a valid staff JWT is refused: the trail says who, and why.
    pub(crate) fn refused_staff(&self, sub: &str, reason: StaffRefusal) {
        self.identify(Actor { kind: ActorKind::Staff, id: Some(staff_text(sub)) });
        self.add_detail("refusal", Text::open(reason.as_str()));
    }

    /// Says what the request is about.
    pub fn set_target(&self, kind: impl Into<String>, id: Text) {
        self.0.borrow_mut().entry.target = Some(Target { kind: kind.into(), id });
    }

    /// Adds a detail under a camelCase name.
    pub fn add_detail(&self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.borrow_mut().entry.details.insert(name.into(), value.into());
    }

    /// Keeps this entry's details even if it is counted and not the first of its kind. For what the service itself makes rare.
    pub fn keep_whole(&self) {
        self.0.borrow_mut().whole = true;
    }

    /// The entry as it stands, as a success and with an id of its own, for a handler that stores it in the commit of its effect.
    /// After that commit the handler calls [`RequestAudit::recorded`]; if it fails, the app records the failure.
    pub fn take_entry(&self) -> Entry {
        let draft = self.0.borrow();
        let id = EntryId::new(draft.clock.now(), draft.random.bytes());
        Entry { id, ..draft.entry.clone() }
    }

    /// The entry is durable, here or, for what a gateway passes on, in the service behind. The app adds none.
    pub fn recorded(&self) {
        self.0.borrow_mut().recorded = true;
    }

    /// The audit rule, for an answer with this status and problem.
    pub(crate) fn due(&self, status: u16, code: Option<Code>) -> Due {
        let draft = self.0.borrow();
        let outcome = match status {
            0..400 => Outcome::Success,
            400..500 => Outcome::Refused,
            _ => Outcome::Failed,
        };
        let action = draft.route.as_ref().is_some_and(|route| matches!(route.audit(), Audit::Action { .. }));
        let durable = action && (draft.known || outcome == Outcome::Success);
        let counted = if action { outcome != Outcome::Success } else { outcome == Outcome::Refused };
        if draft.recorded || !(durable || counted) {
            return Due::Nothing;
        }
        let refusing = code.filter(|_| outcome != Outcome::Success);
        let reason = refusing.map(|code| code.as_str().to_owned());
        let mut entry = Entry { outcome, reason, ..draft.entry.clone() };
        if draft.route.is_none() {
            let path: String = draft.uri.path().chars().take(LONGEST_PATH).collect();
            entry.details.insert("path".to_owned(), Text::personal(path).into());
        }
        if durable { Due::Durable(entry) } else { Due::Counted { entry, whole: draft.whole } }
    }
}

/// A staff id is ours; where another part of the CRM puts an address there, it is a person's.
fn staff_text(id: &str) -> Text {
    if id.contains('@') { Text::personal(id) } else { Text::open(id) }
}
