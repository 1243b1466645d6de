//! The URL table of sso-issuer.

use contract::audit::Category;
use contract::internal::CHECK_STAFF;
use http_kit::routes::{Audit, Route, RouteTable};

use crate::handlers::{impersonations, passwords, sessions, staff};

/// The largest body of a log-in or an impersonation, in bytes: a password, a reason, and room.
const SMALL: usize = 16 * 1024;

/// All routes.
#[must_use]
pub fn table() -> RouteTable {
    let check = Audit::Quiet("the service that asks has an entry of the request it asks for");
    RouteTable::new([
        Route::post(CHECK_STAFF, check, staff::check_staff),
        Route::post("/api/auth/login", authentication("session.create"), sessions::create_session)
            .with_payload_limit(SMALL)
            .durable_for_all(),
        Route::post("/api/auth/refresh", authentication("session.refresh"), sessions::refresh_session),
        Route::post("/api/auth/logout", authentication("session.end"), sessions::end_session),
        Route::get("/api/auth/me", authentication("session.read"), sessions::read_session),
        Route::post("/api/auth/password", authentication("password.change"), passwords::change_password),
        Route::get("/api/staff", of_staff("staff.list"), staff::list_staff),
        Route::post("/api/staff", of_staff("staff.create"), staff::create_staff),
        Route::patch("/api/staff/{id}", of_staff("staff.change"), staff::change_staff),
        Route::post(
            "/api/staff/{id}/reset-password",
            of_staff("staff.reset_password"),
            staff::reset_staff_password,
        ),
        Route::post(
            "/api/clients/{id}/impersonate",
            impersonation("client.impersonate"),
            impersonations::create_impersonation,
        )
        .with_payload_limit(SMALL)
        .durable_for_all(),
        Route::get(
            "/api/impersonations",
            impersonation("impersonation.list"),
            impersonations::list_impersonations,
        ),
    ])
}

const fn authentication(action: &'static str) -> Audit {
    Audit::Action { category: Category::Authentication, action }
}

const fn of_staff(action: &'static str) -> Audit {
    Audit::Action { category: Category::Staff, action }
}

const fn impersonation(action: &'static str) -> Audit {
    Audit::Action { category: Category::Impersonation, action }
}
