//! Walks every service's URL table: no door without a lock, and nothing unseen.

use auth::secret::Secret;
use auth::staff::Role;
use http_kit::routes::{Access, Audit, Route, RouteTable};
use reqwest::Method;
use serde_json::Value;
use test_kit::credentials;
use test_kit::database::{postgres, sqlite};
use test_kit::waiting::wait_for;

use crate::calls::{Caller, staff_token};
use crate::cluster::{Cluster, SERVICES};
use crate::harness::{INTERNAL_SECRET, SERVICE_API_TOKEN, WEBHOOK_SECRET, client};

/// Every service and its table.
fn tables() -> [(&'static str, RouteTable); 6] {
    SERVICES.map(|service| {
        let table = match service {
            audit_log::NAME => audit_log::routes::table(),
            gateway::NAME => gateway::routes::table(),
            dashboard::NAME => dashboard::routes::table(),
            service_api::NAME => service_api::routes::table(),
            sso_issuer::NAME => sso_issuer::routes::table(),
            webhook_ingest::NAME => webhook_ingest::routes::table(),
            other => panic!("{other} has no URL table here"),
        };
        (service, table)
    })
}

/// A path that the pattern matches.
fn example(route: &Route) -> String {
    let filled: Vec<_> = route
        .path()
        .split('/')
        .map(|segment| match segment {
            "{source}" => "site",
            other if other.starts_with('{') => "example",
            other => other,
        })
        .collect();
    filled.join("/")
}

fn method(route: &Route) -> Method {
    route.method().map_or(Method::GET, |method| method.as_str().parse().expect("a method"))
}

#[test]
fn every_route_is_listed_with_who_may_and_what_the_trail_says() {
    let mut lines = Vec::new();
    for (service, table) in tables() {
        for route in &table {
            let audit = match route.audit() {
                Audit::Action { category, action } => format!("{category} {action}"),
                Audit::Quiet(reason) => format!("quiet: {reason}"),
            };
            let access = match route.access() {
                Access::Staff(roles) => {
                    format!(
                        "staff: {}",
                        roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
                    )
                }
                other => format!("{other:?}").to_lowercase(),
            };
            let method = route.method().map_or("*", |method| method.as_str());
            lines.push(format!("{service}: {method} {} | {access} | {audit}", route.path()));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn whoever_is_quiet_says_why() {
    for (service, table) in tables() {
        for route in &table {
            if let Audit::Quiet(reason) = route.audit() {
                assert!(
                    reason.split(' ').count() >= 4,
                    "{service} {}: {reason:?} is no reason",
                    route.path()
                );
            }
        }
    }
}

/// Each non-public route refuses none, bad and too weak credentials, asked directly, past the gateway; and the trail counts every
/// one of these refusals.
#[tokio::test]
async fn no_route_without_a_refusal_and_none_unseen() {
    for database in [sqlite(), postgres()] {
        let cluster = Cluster::start(database).await;
        let trail = Caller::of(cluster.url("gateway"));
        for (service, table) in tables() {
            for route in &table {
                let refused = refuses(&cluster, service, route).await;
                wait_for(&format!("{refused} refusals of {service} {route:?}"), async || {
                    let entries = trail.trail(&format!("outcome=refused&text={service}")).await;
                    let same = entries.iter().filter(|entry| is_of(entry, service, route));
                    same.filter_map(|entry| entry["count"].as_u64()).sum::<u64>() == refused
                })
                .await;
            }
        }
    }
}

/// Does an entry tell of a request to this route?
fn is_of(entry: &Value, service: &str, route: &Route) -> bool {
    let action = match route.audit() {
        Audit::Action { action, .. } => action,
        Audit::Quiet(_) => "request.refuse",
    };
    entry["service"] == service && entry["route"] == route.path() && entry["action"] == action
}

/// Each request of a caller who is known, and each that the gateway refuses by itself, has an entry of its own.
#[tokio::test]
async fn no_action_without_an_entry() {
    for database in [sqlite(), postgres()] {
        let cluster = Cluster::start(database).await;
        let trail = Caller::of(cluster.url("gateway"));
        for (service, table) in tables() {
            for route in table.iter().filter(|route| matches!(route.audit(), Audit::Action { .. })) {
                // What passes the gateway is the service's to record; an escape that is none gets no further. A door without room for
                // one refuses nothing by itself: what it says of a service that is away is in the gateway's own tests.
                let path = match route.access() {
                    Access::Public if !route.path().contains('{') => continue,
                    Access::Public => route.path().replace("{rest:.*}", "%zz").replace("{id}", "%zz"),
                    _ => example(route),
                };
                let mut request = trail.request(method(route), &path).body("{}");
                if let Some((name, value)) = enough(route.access()) {
                    request = request.header(name, value);
                }
                let answer = request.send().await.expect("an answer");
                assert!(![401, 403].contains(&answer.status().as_u16()), "{service} {route:?}: {answer:?}");
                let id = answer.headers()["x-request-id"].to_str().expect("text").to_owned();
                wait_for(&format!("{service} {route:?} on the trail"), async || {
                    let entries = trail.trail(&format!("text={id}")).await;
                    let own = entries.iter().filter(|entry| {
                        entry["requestId"] == *id && is_of(entry, service, route) && entry["count"] == 1
                    });
                    own.count() == 1
                })
                .await;
            }
        }
    }
}

/// What makes a caller known, for each kind of access that a route with an action has.
fn enough(access: Access) -> Shown {
    match access {
        Access::Public => None,
        Access::Webhook => {
            Some(("x-webhook-signature", auth::webhook::sign(&Secret::new(WEBHOOK_SECRET), b"{}")))
        }
        Access::Service => Some(("authorization", format!("Bearer {SERVICE_API_TOKEN}"))),
        Access::Staff(roles) => {
            let role = roles.first().expect("a role that may");
            Some(("authorization", format!("Bearer {}", staff_token(role.as_str()))))
        }
        Access::Internal => panic!("an internal route can't be had through the gateway"),
    }
}

/// How often the route has refused.
async fn refuses(cluster: &Cluster, service: &str, route: &Route) -> u64 {
    let url = format!("{}{}", cluster.url(service), example(route));
    let mut refused = 0;
    for (header, expected) in too_weak(route.access()) {
        let mut request = client().request(method(route), &url).body("{}");
        if let Some((name, value)) = &header {
            request = request.header(*name, value);
        }
        let status = request.send().await.expect("an answer").status().as_u16();
        assert_eq!(status, expected, "{service} {route:?} with {header:?}");
        refused += 1;
    }
    refused
}

/// A header, or none.
type Shown = Option<(&'static str, String)>;

/// What must not be enough for a kind of access, and how it is refused.
fn too_weak(access: Access) -> Vec<(Shown, u16)> {
    let bearer = |token: &str| Some(("authorization", format!("Bearer {token}")));
    let signature = |text: &str| Some(("x-webhook-signature", text.to_owned()));
    let internal = |token: &str| Some(("x-crm-internal", token.to_owned()));
    let admin = staff_token("admin");
    match access {
        Access::Public => Vec::new(),
        Access::Webhook => vec![(None, 401), (signature(""), 401), (signature(&"00".repeat(32)), 401)],
        Access::Service => vec![(None, 401), (bearer("not-the-token"), 401), (bearer(&admin), 401)],
        Access::Staff(roles) => {
            let weaker = Role::ALL.into_iter().filter(|role| !roles.contains(role));
            let weaker = weaker.map(|role| (bearer(&staff_token(role.as_str())), 403));
            let unknown = [None, bearer("not-a-token"), bearer(SERVICE_API_TOKEN)].map(|shown| (shown, 401));
            unknown.into_iter().chain(weaker).collect()
        }
        Access::Internal => {
            let elsewhere = credentials::internal_token(INTERNAL_SECRET, "gateway", "somewhere-else");
            vec![
                (None, 401),
                (internal("not-a-token"), 401),
                (internal(&elsewhere), 401),
                (bearer(&admin), 401),
            ]
        }
    }
}

/// S9: what is for services alone is not to be had through the gateway, whatever a caller claims to be.
#[tokio::test]
async fn internal_routes_are_not_to_be_had_from_outside() {
    let cluster = Cluster::start(sqlite()).await;
    for (service, table) in tables() {
        for route in table.iter().filter(|route| route.access() == Access::Internal) {
            let answer = client()
                .request(method(route), format!("{}{}", cluster.url("gateway"), example(route)))
                .header("x-crm-internal", credentials::internal_token(INTERNAL_SECRET, "gateway", service))
                .body("{}")
                .send()
                .await
                .expect("an answer");
            assert_eq!(answer.status(), 404, "{service} {route:?}");
        }
    }
}
