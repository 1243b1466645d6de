//! Walks every service's URL table: no door without a lock, and nothing unseen.

use auth::keyring::KeyRing;
use auth::secret::Secret;
use auth::staff::Role;
use contract::clock::Clock;
use http_kit::routes::{Access, Audit, Route, RouteTable};
use reqwest::Method;
use test_kit::database::{postgres, sqlite};

use crate::calls::staff_token;
use crate::cluster::Cluster;
use crate::harness::{INTERNAL_SECRET, SERVICE_API_TOKEN, client};

/// Every service and its table.
fn tables() -> [(&'static str, RouteTable); 4] {
    [
        (audit_log::NAME, audit_log::routes::table()),
        (gateway::NAME, gateway::routes::table()),
        (service_api::NAME, service_api::routes::table()),
        (webhook_ingest::NAME, webhook_ingest::routes::table()),
    ]
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

/// Each non-public route refuses none, bad and too weak credentials, asked directly, past the gateway.
#[tokio::test]
async fn no_route_without_a_refusal() {
    for database in [sqlite(), postgres()] {
        let cluster = Cluster::start(database).await;
        for (service, table) in tables() {
            for route in &table {
                refuses(&cluster, service, route).await;
            }
        }
    }
}

async fn refuses(cluster: &Cluster, service: &str, route: &Route) {
    let url = format!("{}{}", cluster.url(service), example(route));
    for (header, expected) in too_weak(route.access()) {
        let mut request = client().request(method(route), &url).body("{}");
        if let Some((name, value)) = &header {
            request = request.header(*name, value);
        }
        let status = request.send().await.expect("an answer").status().as_u16();
        assert_eq!(status, expected, "{service} {route:?} with {header:?}");
    }
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
            let elsewhere = internal_token("gateway", "somewhere-else");
            vec![
                (None, 401),
                (internal("not-a-token"), 401),
                (internal(&elsewhere), 401),
                (bearer(&admin), 401),
            ]
        }
    }
}

/// A token as our services show each other.
fn internal_token(issuer: &str, audience: &str) -> String {
    let ring = KeyRing::new(Secret::new(INTERNAL_SECRET), Vec::new());
    auth::internal_token::issue(&ring, issuer, audience, Clock::system().now())
}

/// S9: what is for services alone is not to be had through the gateway, whatever a caller claims to be.
#[tokio::test]
async fn internal_routes_are_not_to_be_had_from_outside() {
    let cluster = Cluster::start(sqlite()).await;
    for (service, table) in tables() {
        for route in table.iter().filter(|route| route.access() == Access::Internal) {
            let answer = client()
                .request(method(route), format!("{}{}", cluster.url("gateway"), example(route)))
                .header("x-crm-internal", internal_token("gateway", service))
                .body("{}")
                .send()
                .await
                .expect("an answer");
            assert_eq!(answer.status(), 404, "{service} {route:?}");
        }
    }
}
