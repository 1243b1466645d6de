//! The URL table of sso-issuer.

use http_kit::routes::RouteTable;

/// All routes.
#[must_use]
pub fn table() -> RouteTable {
    RouteTable::new([])
}
