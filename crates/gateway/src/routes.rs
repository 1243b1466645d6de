//! The doors: which paths lead to which service. A path that no door names leads nowhere, so `/internal` is closed by not being
//! here. http-kit adds the gateway's own `/livez` and `/readyz`.

use actix_web::http::Method;
use actix_web::{HttpRequest, web};
use contract::audit::Category;
use http_kit::caller::{Anyone, Caller};
use http_kit::routes::{Audit, Route, RouteTable};

use crate::handlers::requests::pass_request_on;
use crate::limits::Policy;
use crate::state::{Behind, State};

/// One line of the table.
pub(crate) struct Door {
    /// The method it opens for; `None`: every method, and the service answers 405.
    method: Option<Method>,
    /// Everything below this path. The slash before the rest keeps `/api/servicex` out.
    path: &'static str,
    /// Where it leads.
    pub(crate) behind: Behind,
    /// The limit that its calls are under.
    pub(crate) policy: Option<Policy>,
    /// Under what the trail keeps what could not be passed on. What was passed on the service itself records.
    category: Category,
    /// The entry's action.
    action: &'static str,
}

/// The whole table.
static DOORS: &[Door] = &[
    Door {
        method: Some(Method::GET),
        path: "/api/webhooks/events",
        behind: Behind::WebhookIngest,
        policy: None,
        category: Category::Webhook,
        action: "events.pass_on",
    },
    Door {
        method: None,
        path: "/api/webhooks/events/{rest:.*}",
        behind: Behind::WebhookIngest,
        policy: None,
        category: Category::Webhook,
        action: "events.pass_on",
    },
    Door {
        method: Some(Method::POST),
        path: "/api/webhooks/{rest:.*}",
        behind: Behind::WebhookIngest,
        policy: None,
        category: Category::Webhook,
        action: "webhook.pass_on",
    },
    Door {
        method: None,
        path: "/api/service/{rest:.*}",
        behind: Behind::ServiceApi,
        policy: Some(Policy::ServiceApi),
        category: Category::ServiceApi,
        action: "service_api.pass_on",
    },
    Door {
        method: None,
        path: "/api/audit/{rest:.*}",
        behind: Behind::AuditLog,
        policy: None,
        category: Category::Audit,
        action: "audit.pass_on",
    },
    Door {
        method: None,
        path: "/api/auth/{rest:.*}",
        behind: Behind::SsoIssuer,
        policy: None,
        category: Category::Authentication,
        action: "auth.pass_on",
    },
    Door {
        method: None,
        path: "/api/staff",
        behind: Behind::SsoIssuer,
        policy: None,
        category: Category::Staff,
        action: "staff.pass_on",
    },
    Door {
        method: None,
        path: "/api/staff/{rest:.*}",
        behind: Behind::SsoIssuer,
        policy: None,
        category: Category::Staff,
        action: "staff.pass_on",
    },
    Door {
        method: None,
        path: "/api/impersonations",
        behind: Behind::SsoIssuer,
        policy: None,
        category: Category::Impersonation,
        action: "impersonation.pass_on",
    },
    Door {
        method: None,
        path: "/api/clients/{id}/impersonate",
        behind: Behind::SsoIssuer,
        policy: None,
        category: Category::Impersonation,
        action: "impersonation.pass_on",
    },
    Door {
        method: None,
        path: "/api/clients",
        behind: Behind::ServiceApi,
        policy: None,
        category: Category::Staff,
        action: "clients.pass_on",
    },
    Door {
        method: None,
        path: "/api/clients/{rest:.*}",
        behind: Behind::ServiceApi,
        policy: None,
        category: Category::Staff,
        action: "clients.pass_on",
    },
    Door {
        method: None,
        path: "/",
        behind: Behind::Dashboard,
        policy: None,
        category: Category::Staff,
        action: "page.pass_on",
    },
    Door {
        method: None,
        path: "/login",
        behind: Behind::Dashboard,
        policy: None,
        category: Category::Authentication,
        action: "page.pass_on",
    },
    Door {
        method: None,
        path: "/logout",
        behind: Behind::Dashboard,
        policy: None,
        category: Category::Authentication,
        action: "page.pass_on",
    },
    Door {
        method: None,
        path: "/audit",
        behind: Behind::Dashboard,
        policy: None,
        category: Category::Audit,
        action: "page.pass_on",
    },
    Door {
        method: None,
        path: "/audit/{rest:.*}",
        behind: Behind::Dashboard,
        policy: None,
        category: Category::Audit,
        action: "page.pass_on",
    },
    Door {
        method: None,
        path: "/assets/{rest:.*}",
        behind: Behind::Dashboard,
        policy: None,
        category: Category::Staff,
        action: "page.pass_on",
    },
];

/// The routes of all doors.
pub fn table() -> RouteTable {
    RouteTable::new(DOORS.iter().map(route))
}

fn route(door: &'static Door) -> Route {
    let audit = Audit::Action { category: door.category, action: door.action };
    let handler =
        move |caller: Caller<Anyone>, request: HttpRequest, body: web::Payload, state: web::Data<State>| {
            pass_request_on(door, caller, request, body, state)
        };
    match &door.method {
        Some(method) => Route::new(method.clone(), door.path, audit, handler),
        None => Route::any(door.path, audit, handler),
    }
    // Bodies are streamed: how large one may be is for the service to say, which also records that it refused one.
    .with_payload_limit(usize::MAX)
}
