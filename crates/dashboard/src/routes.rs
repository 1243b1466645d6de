//! The URL table of the dashboard.

use http_kit::routes::RouteTable;

/// All routes.
#[must_use]
pub fn table() -> RouteTable {
    RouteTable::new([])
}
