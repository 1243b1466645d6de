//! Routes as data: method, path, who may, what the audit trail says, and the handler. Who may is read off the handler's first
//! argument, so the table cannot say anything else than what is enforced. The app is built from it, and tests walk it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{Handler, Responder};
use auth::staff::Role;
use contract::audit::Category;

use crate::caller::CallerFirst;
use crate::dispatch::{self, Register};
use crate::kit::Credentials;

/// The largest request body of a route that says nothing else: 64 KiB.
pub(crate) const DEFAULT_PAYLOAD_LIMIT: usize = 64 * 1024;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone, known or not.
    Public,
    /// Whoever signs the body; the handler checks the signature, since it needs the raw bytes.
    Webhook,
    /// Bearers of the service API's token.
    Service,
    /// Staff with one of these roles.
    Staff(&'static [Role]),
    /// Our own services, by internal token.
    Internal,
}

/// What the audit trail says of a route's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Every request by a known caller, and every success, has an entry that is durable before the answer leaves.
    Action {
        /// The entry's category.
        category: Category,
        /// The entry's action: `client.read`.
        action: &'static str,
    },
    /// No entry for what succeeds, for this reason. What is refused is still counted on the trail.
    Quiet(&'static str),
}

/// One line of a service's URL table.
#[derive(Clone)]
pub struct Route {
    method: Option<Method>,
    path: &'static str,
    access: Access,
    audit: Audit,
    payload_limit: usize,
    durable_for_all: bool,
    register: Register,
}

impl Route {
    /// A route for one method. `path` is an actix pattern: `/clients/{email}`. A `GET` route answers `HEAD` too
    /// (RFC 9110, section 9.1). The handler's first argument is a [`crate::caller::Caller`]:
    ///
    /// ```
    /// use http_kit::{caller::{Caller, Service}, routes::{Access, Audit, Route}};
    /// async fn read_thing(_caller: Caller<Service>) -> &'static str { "thing" }
    /// let route = Route::get("/thing", Audit::Quiet("an example"), read_thing);
    /// assert_eq!(route.access(), Access::Service);
    /// ```
    ///
    /// A handler that says nothing of its caller is no route:
    ///
    /// ```compile_fail,E0277
    /// use http_kit::routes::{Audit, Route};
    /// async fn read_thing() -> &'static str { "thing" }
    /// let route = Route::get("/thing", Audit::Quiet("an example"), read_thing);
    /// ```
    ///
    /// Neither is one whose caller comes later:
    ///
    /// ```compile_fail,E0277
    /// use http_kit::{caller::{Caller, Service}, routes::{Audit, Route}};
    /// async fn read_thing(_body: String, _caller: Caller<Service>) -> &'static str { "thing" }
    /// let route = Route::get("/thing", Audit::Quiet("an example"), read_thing);
    /// ```
    pub fn new<H, Args>(method: Method, path: &'static str, audit: Audit, handler: H) -> Self
    where
        H: Handler<Args> + Send + Sync,
        H::Output: Responder + 'static,
        Args: CallerFirst,
    {
        Self::build(Some(method), path, audit, handler)
    }

    /// [`Route::new`] for `GET`.
    pub fn get<H, Args>(path: &'static str, audit: Audit, handler: H) -> Self
    where
        H: Handler<Args> + Send + Sync,
        H::Output: Responder + 'static,
        Args: CallerFirst,
    {
        Self::build(Some(Method::GET), path, audit, handler)
    }

    /// [`Route::new`] for `POST`.
    pub fn post<H, Args>(path: &'static str, audit: Audit, handler: H) -> Self
    where
        H: Handler<Args> + Send + Sync,
        H::Output: Responder + 'static,
        Args: CallerFirst,
    {
        Self::build(Some(Method::POST), path, audit, handler)
    }

    /// [`Route::new`] for `PATCH`.
    pub fn patch<H, Args>(path: &'static str, audit: Audit, handler: H) -> Self
    where
        H: Handler<Args> + Send + Sync,
        H::Output: Responder + 'static,
        Args: CallerFirst,
    {
        Self::build(Some(Method::PATCH), path, audit, handler)
    }

    /// A route for every method: for a gateway, where the service behind answers 405.
    pub fn any<H, Args>(path: &'static str, audit: Audit, handler: H) -> Self
    where
        H: Handler<Args> + Send + Sync,
        H::Output: Responder + 'static,
        Args: CallerFirst,
    {
        Self::build(None, path, audit, handler)
    }

    fn build<H, Args>(method: Option<Method>, path: &'static str, audit: Audit, handler: H) -> Self
    where
        H: Handler<Args> + Send + Sync,
        H::Output: Responder + 'static,
        Args: CallerFirst,
    {
        let register = dispatch::register::<H, Args>(handler);
        Self {
            method,
            path,
            access: Args::ACCESS,
            audit,
            payload_limit: DEFAULT_PAYLOAD_LIMIT,
            durable_for_all: false,
            register,
        }
    }

    /// Sets the largest request body, in bytes; over it the answer is 413, before the body is read where its length is stated.
    #[must_use]
    pub fn with_payload_limit(mut self, bytes: usize) -> Self {
        self.payload_limit = bytes;
        self
    }

    /// Gives every refusal an entry of its own that is durable before the answer, even where nobody knows the caller: for log-ins and
    /// impersonations, which are never just counted.
    #[must_use]
    pub fn durable_for_all(mut self) -> Self {
        self.durable_for_all = true;
        self
    }

    /// The method; `None` stands for every method.
    pub fn method(&self) -> Option<&Method> {
        self.method.as_ref()
    }

    /// The path's pattern.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// Who may.
    pub fn access(&self) -> Access {
        self.access
    }

    /// What the trail says.
    pub fn audit(&self) -> Audit {
        self.audit
    }

    /// The largest request body, in bytes.
    pub(crate) fn payload_limit(&self) -> usize {
        self.payload_limit
    }

    pub(crate) fn is_durable_for_all(&self) -> bool {
        self.durable_for_all
    }

    pub(crate) fn register(&self) -> &Register {
        &self.register
    }

    /// Would both answer one request?
    fn collides_with(&self, other: &Self) -> bool {
        self.path == other.path
            && (self.method.is_none() || other.method.is_none() || self.method == other.method)
    }
}

/// `GET /clients/{email} Service Action { … }`: a line of a list of routes.
impl fmt::Debug for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method().map_or("*", Method::as_str);
        write!(formatter, "{method} {} {:?} {:?}", self.path, self.access, self.audit)
    }
}

/// What is wrong with a table: a mistake of ours, found when the service starts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Two routes for one method and path.
    #[error("two routes for {0}")]
    Twice(&'static str),
    /// A path that does not begin with a slash, or ends with one.
    #[error("{0} is not a path: it begins with a slash and does not end with one")]
    Path(&'static str),
    /// A route asks for a credential that the service has no key for.
    #[error("{path} asks for {access:?}, and the service has no key to check that")]
    NoKey {
        /// The route's path.
        path: &'static str,
        /// What it asks for.
        access: Access,
    },
}

/// All routes of a service.
#[derive(Clone, Default)]
pub struct RouteTable(Arc<[Route]>);

impl RouteTable {
    /// A table of these routes, in the order in which they are tried.
    pub fn new(routes: impl IntoIterator<Item = Route>) -> Self {
        Self(routes.into_iter().collect())
    }

    /// The routes, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Route> {
        self.0.iter()
    }

    /// The paths, each once, in order of their first route.
    pub(crate) fn paths(&self) -> Vec<&'static str> {
        let mut seen = HashSet::new();
        self.iter().map(Route::path).filter(|path| seen.insert(*path)).collect()
    }

    /// Is the table sound, and enforceable with these credentials?
    pub(crate) fn check(&self, credentials: &Credentials) -> Result<(), TableError> {
        for (index, route) in self.iter().enumerate() {
            let path = route.path;
            if !path.starts_with('/') || (path.len() > 1 && path.ends_with('/')) {
                return Err(TableError::Path(path));
            }
            if self.iter().take(index).any(|earlier| earlier.collides_with(route)) {
                return Err(TableError::Twice(path));
            }
            let enforceable = match route.access {
                Access::Public | Access::Webhook => true,
                Access::Service => credentials.service.is_some(),
                Access::Staff(_) => credentials.staff.is_some(),
                Access::Internal => credentials.internal.is_some(),
            };
            if !enforceable {
                return Err(TableError::NoKey { path, access: route.access });
            }
        }
        Ok(())
    }
}

impl<'a> IntoIterator for &'a RouteTable {
    type Item = &'a Route;
    type IntoIter = std::slice::Iter<'a, Route>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
